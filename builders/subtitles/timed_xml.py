"""Subtitles in XML: TTML (and DFXP), and YouTube's srv1, srv2 and srv3.

Sources: https://www.w3.org/TR/ttml2/; of YouTube's formats, which have no specification, the files themselves.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ...engine.contract.errors import RowError
from .cues import Cue, Token, Track, make_track, plain_tokens, read_payload, visible

_OWN_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(#?\w{1,32};)?")  # of HTML, or by its number; or a bare &
_CLOCK = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)(?::(\d{1,3})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_NOT_IN_XML = {0x0B: " ", 0x0C: " "}
_DEEPEST = 32
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class _Rates(NamedTuple):
    """What a TTML document counts its times by."""

    frame: float
    tick: float


def read_xml(text: str, name: str) -> Track:
    """The cues of a text in any of the formats; ``name`` stands in messages. A cue without times is skipped alone.

    Raises:
        RowError: ``bad_subtitle``, naming the line: it is none of them, or holds no cue that can be read.
    """
    if "<!ENTITY" in text:
        raise RowError(f"{name}:1: it declares entities of its own, which are not expanded", "bad_subtitle")
    try:
        root = ElementTree.fromstring(visible(_OWN_ENTITY.sub(_entity, text.strip())).translate(_NOT_IN_XML))
    except ElementTree.ParseError as error:
        raise RowError(f"{name}:{error.position[0]}: this is not XML: {error}", "bad_subtitle") from None
    except ValueError as error:  # such as for an encoding that it declares and does not have
        raise RowError(f"{name}:1: this XML cannot be read: {error}", "bad_subtitle") from None
    read = _FORMATS.get(_tag(root))
    if read is None:
        raise RowError(f"{name}:1: <{_tag(root)[:40]}> is neither TTML nor YouTube's", "bad_subtitle")
    cues, skipped = list[Cue](), list[str]()
    for number, cue in enumerate(read(root), 1):
        if cue is None:
            skipped.append(f"{name}: cue {number} has no right times")
        else:
            cues.append(cue)
    return make_track(cues, root.get(_LANGUAGE, ""), skipped)


def _entity(found: re.Match[str]) -> str:
    plain = html.unescape(found[0])
    if plain == found[0]:
        return "&amp;" + (found[1] or "")
    return "".join(
        f"&#{ord(c)};" if c in "&<>\"'" else c for c in plain if c != "\ufffd"
    )  # that: no character's number


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""  # comments have a function


def _ttml(root: Element) -> Iterator[Cue | None]:
    frame = _number(_attribute(root, "frameRate")) or 30.0
    multiplier = [_number(part) or 1.0 for part in _attribute(root, "frameRateMultiplier").split()]
    if len(multiplier) == 2:
        frame *= multiplier[0] / multiplier[1]
    yield from _read_cues(root, 0.0, _Rates(frame, _number(_attribute(root, "tickRate")) or frame), 0)


def _read_cues(element: Element, offset_s: float, rates: _Rates, depth: int) -> Iterator[Cue | None]:
    """The cues below an element; times count from the start of what is around it."""
    begin, end, lasts = (element.get(name) for name in ("begin", "end", "dur"))
    start_s = _ttml_seconds(begin, rates) if begin else 0.0
    inside = depth < _DEEPEST and any(child.get("begin") for child in element.iter() if child is not element)
    if _tag(element) in ("p", "span") and (begin or not inside) and (begin or end or lasts):
        last_s = _ttml_seconds(end or lasts, rates) if end or lasts else start_s
        if start_s is None or last_s is None:
            yield None
        else:
            until_s = last_s if end else start_s + last_s if lasts else start_s
            yield Cue(offset_s + start_s, offset_s + until_s, read_payload(_text(element, 0).strip()))
    elif inside:
        for child in element:
            yield from _read_cues(child, offset_s + (start_s or 0.0), rates, depth + 1)


def _ttml_seconds(stamp: str | None, rates: _Rates) -> float | None:
    clock = _CLOCK.fullmatch((stamp or "").strip())
    if clock:
        hours, minutes, rest, frames = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(rest.replace(",", ".")) + int(frames or 0) / rates.frame
    offset = _OFFSET.fullmatch((stamp or "").strip())
    if offset is None:
        return None
    unit = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "f": 1 / rates.frame, "t": 1 / rates.tick}[offset[2]]
    return float(offset[1]) * unit


def _text(element: Element, depth: int) -> str:
    """Its text, with the line breaks that it asks for and without those of the file."""
    parts = [re.sub(r"\s+", " ", element.text or "")]
    for child in element if depth < _DEEPEST else ():
        parts.append("\n" if _tag(child) == "br" else "" if _tag(child) == "metadata" else _text(child, depth + 1))
        parts.append(re.sub(r"\s+", " ", child.tail or ""))
    return "".join(parts)


def _youtube(root: Element) -> Iterator[Cue | None]:
    """srv3 (``p``), srv2 (``text`` with ``t``) and srv1 (``text`` with ``start``)."""
    for element in root.iter():
        if _tag(element) not in ("p", "text"):
            continue
        milli = 1.0 if "start" in element.attrib else 0.001
        start = _number(element.get("start" if milli == 1.0 else "t", ""))
        lasts = _number(element.get("dur" if milli == 1.0 else "d", "0"))
        if start is None or lasts is None:
            yield None
            continue
        start_s, words = start * milli, [child for child in element if _tag(child) == "s"]
        timed = any("t" in word.attrib for word in words)
        tokens = tuple(_words(words, start_s)) if timed else read_payload("".join(element.itertext()))
        yield Cue(start_s, start_s + lasts * milli, tokens)


def _words(words: list[Element], start_s: float) -> Iterator[Token]:
    spaced = False
    for word in words:
        text = word.text or ""
        yield from plain_tokens(text, spaced, start_s + (_number(word.get("t", "0")) or 0.0) * 0.001)
        spaced = text[-1:].isspace() if text.strip() else spaced or bool(text)


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,12}(\.\d{1,12})?\s*", text) else None


_FORMATS: dict[str, Callable[[Element], Iterator[Cue | None]]] = {
    "tt": _ttml,
    "timedtext": _youtube,
    "transcript": _youtube,
}
