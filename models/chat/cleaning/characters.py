"""Characters that a tokenizer or a transport leaves in a text, and no writer would."""

from __future__ import annotations

import html
import re

_ASCII_MARKS = re.compile(r"[&\\<]")
_BYTES = re.compile(r"(?:<0x[0-9A-Fa-f]{2}>)+")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_BYTE_SPACE, _BYTE_BREAK = "\u0120", "\u010a"  # how byte-level BPE writes a space and a line break
_PIECE_SPACE = re.compile(r"\u2581(?=\w)")  # how SentencePiece writes a space
_WRITTEN_BREAK = re.compile(r"(?<=[.!?:\"])\s*(?:\\r)?(?:\\n)+\s*|(?<!\\n)(?:\\n)+\s*$|^\s*(?:\\n)+\s*")


def readable_text(text: str) -> str:
    """Byte pieces, BPE marks, entities and written line breaks as what they stand for; nothing invisible or halved."""
    if text.isascii() and text.isprintable() and not _ASCII_MARKS.search(text):
        return text
    text = _BYTES.sub(_decode, text)
    if text.count(_BYTE_SPACE) > max(1, text.count(" ")):  # else it is a letter of Maltese
        text = text.replace(_BYTE_SPACE, " ").replace(_BYTE_BREAK, "\n")
    text = _PIECE_SPACE.sub(" ", text)
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return _INVISIBLE.sub("", _WRITTEN_BREAK.sub("\n", text))


def whole_characters(text: str) -> str:
    """The text as UTF-8 can hold it: JSON can hold halves of characters."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("<0x", "").replace(">", "")).decode("utf-8", "replace")
