"""Captions written as titles, posts and stock footage are, to plain sentences that a parser was made for."""

from __future__ import annotations

import re

from .words import FRAMES, PLACE_NAMES, SMALL_WORDS

_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]+")
_MENTION = re.compile(r"(?i:\b(?:by|via|from|cc|credits?:?|photo:?|video:?)\s+)?(?<![\w@])@\w+")
_LAST_HASHTAGS = re.compile(r"(?<!\w)(\w*+)((?:\s?(?<!\w)#\w+)++)\s*$", re.MULTILINE)
_HASHTAG = re.compile(r"(?<!\w)#(?=[^\W\d])(\w+)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+|\n+|$)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FORMAT = (  # longer ones first: of a name in several words all of them
    r"[4-8]k|u?hd|full[ -]?hd|ultra[ -]hd|(?:720|1080|2160)[pi]|\d{2,4} ?fps|prores|b-?roll|slow[ -]?mo(?:tion)?|stock"
    r"|(?:time|hyper)[ -]?lapse|real[ -]time|drone|aerial|close[ -]?up|macro|wide[ -]angle|wide|pan(?:ning)?|handheld"
    r"|tilt(?:ing)?|zoom(?:ing)?|dolly|tracking|steadicam|gimbal|static|pov|cinematic|seamless|loop(?:ed|able)?|3d|raw"
    r"|alpha channel|green screen|chroma key|shallow|depth of field|bokeh|selective|focus|high (?:quality|resolution)"
    r"|resolution|establishing|medium|long|top|overhead|bird['’]?s[ -]eye|vertical|editorial|copy space|no people"
)
_LAST = r"[4-8]k|u?hd|full[ -]?hd|(?:720|1080)p|\d{2,4} ?fps|slow[ -]motion|time[ -]?lapse|drone shot"
_FRAME = rf"(?:{'|'.join(FRAMES)}|angle|rendering|render|effect|format|quality|version)s?"
_ONLY_FORMAT = re.compile(rf"(?i:(?:a |an |the |in |with |from |on )?(?:(?:{_FORMAT}|{_FRAME})\b[ ]?)++)")
_FIRST_FORMAT = re.compile(rf"(?i:\A\s*(?:an? |the )?(?:(?:{_FORMAT}|{_FRAME})[ ]+){{1,5}}of )")
_ANY_FORMAT = re.compile(rf"(?i:\b(?:{_FORMAT})\b)")
_LAST_FORMAT = re.compile(rf"(?i:(?:[ ]+(?:in )?(?:{_LAST}))++\s?$)")
_SEPARATOR = re.compile(r"(\s+[-–—|/•·]+\s+|\s*[,;|]\s*)")
_DETERMINED = re.compile(r"(?i:(?:an?|the|two|three|four|several|many|some|his|her|their|this)\b)")
_IN_BRACKETS = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_PLACE = re.compile(rf"\b(?:{'|'.join(PLACE_NAMES)})\b")


def plain_caption(text: str) -> str:
    """The same in a sentence's own writing: with a capital at its start and a full stop, however it was written.

    Taken off are links, names of accounts, hashtags after the last word, emoji, and what says how footage was made
    (`- drone shot 4k`). Titles And CAPITALS become small letters, names of places in small letters get their capitals.
    """
    plain = text if text.isascii() else _EMOJI.sub(" ", text)
    plain = re.sub(r"[^\S\n]+", " ", _LINK.sub(" . ", plain))
    if "@" in plain or "#" in plain:
        plain = _LAST_HASHTAGS.sub(_without_hashtags, _MENTION.sub("", plain))
        plain = _HASHTAG.sub(lambda tag: _CAMEL.sub(" ", tag[1]), plain)
    plain = " ".join("".join(_sentence(found[0]) for found in _SENTENCE.finditer(plain)).split())
    if not any(c.isupper() for c in plain[1:]):
        plain = _PLACE.sub(lambda name: name[0].title(), plain)
    plain = re.sub(r"(?:\s*\.)+$", "", plain)
    if not plain:
        return ""
    return plain[0].upper() + plain[1:] + ("" if plain[-1] in ".!?…" else ".")


def _without_hashtags(last: re.Match[str]) -> str:
    """What stands before the last hashtags, with the first of them where it is the word that is missing."""
    return last[1] + (f" {last[2].split()[0]}" if last[1].lower() in SMALL_WORDS else "")


def _sentence(text: str) -> str:
    words = _WORD.findall(text)
    capitals = len(words) > 2 and all(word.isupper() for word in words)
    if capitals or _is_title(words):
        text = _WORD.sub(lambda w: w[0] if w[0].isupper() and len(w[0]) > 1 and not capitals else w[0].lower(), text)
        text = re.sub(r"[^\W\d_]", lambda first: first[0].upper(), text, count=1)
    return _without_format(text)


def _is_title(words: list[str]) -> bool:
    """Are all words but small ones written with a capital?"""
    telling = [word for word in words if word.lower() not in SMALL_WORDS]
    return len(words) > 2 and len(telling) > 1 and all(word[0].isupper() for word in telling)


def _without_format(text: str) -> str:
    """Without the parts between commas or dashes that only say how footage was made."""
    if not _ANY_FORMAT.search(text):
        return text
    text = _IN_BRACKETS.sub(lambda aside: "" if all(map(_is_format, _parts(aside[1]))) else aside[0], text)
    body = text.rstrip(".!? \n")
    first, *rest = _SEPARATOR.split(body)
    label, colon, said = first.partition(":")
    if colon and _is_format(label):
        first = said.lstrip()
    kept = "" if _is_format(first) else first
    for mark, part in zip(rest[::2], rest[1::2], strict=True):
        if not _is_format(part):
            kept += (mark if kept else "") + part
    about = _FIRST_FORMAT.match(kept)
    if about and _ANY_FORMAT.search(about[0]):
        said = kept[about.end() :]
        kept = said if _DETERMINED.match(said) else f"A view of {said}"  # a bare noun is hard to tell from a verb
    return _LAST_FORMAT.sub("", kept) + text[len(body) :]


def _parts(text: str) -> list[str]:
    return _SEPARATOR.split(text)[::2]


def _is_format(part: str) -> bool:
    return bool(_ONLY_FORMAT.fullmatch(part.strip()) and _ANY_FORMAT.search(part))
