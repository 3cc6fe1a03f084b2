"""Captions that came with a video: in rows of lists, in JSON of published datasets, in files beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...media.languages import bcp47
from ..stitching.timecode import read_seconds
from .literals import read_list

KEY = "captions"
"""Under this key they stand in a video's metadata."""
_TEXT_KEYS = ("caption", "sentence", "text", "utterance", "description", "content")  # of a caption that is an object
_LANGUAGES = {"encap": "en", "chcap": "zh"}  # VATEX
_CHATS = ("conversations", "messages")  # of a question about the video and its answer (LLaVA, ms-swift)
_KEYS = frozenset(("caption", "captions", "sentence", "sentences", "annotations", *_CHATS, *_LANGUAGES))
_UNSURE_KEYS = frozenset(("text", "texts"))  # captions where none of the others is there
_TOKENS = re.compile(r"<__dj__(?:video|image|audio)>|<\|__dj__eoc\|>")  # of Data-Juicer, around a caption
_NUMBERED = re.compile(r"(caption|sentence|text)[ _-]?\d{1,3}")
_SPAN_KEYS = ("timestamp", "timestamps", "segment", "segments", "span", "time", "times")
_START_AND_END = (
    ("start_s", "end_s"), ("start", "end"), ("start_time", "end_time"), ("start time", "end time"), ("begin", "end"),
)  # fmt: skip


class SourceCaption(NamedTuple):
    """A caption as its source gave it; times are None where it is about the whole video."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    language: str = ""  # BCP 47, empty where unknown

    def as_json(self) -> dict[str, Any]:
        """What it holds, without what is unknown."""
        return {name: value for name, value in self._asdict().items() if value not in (None, "")}


def read_captions(row: Mapping[str, Any]) -> tuple[list[SourceCaption], dict[str, Any]]:
    """The captions in the JSON values of a row, and the values without lists of captions.

    Read are one text, lists of texts (also as a cell holds them), numbered columns, VATEX's ``enCap`` and ``chCap``,
    objects with a text and times of their own (YouCook2), texts beside a list of as many times (ActivityNet), and the
    answer of a conversation that is one question and its answer (LLaVA, ms-swift), and a query with the windows of the
    video that it is about (QVHighlights).
    """
    keys = {str(key).lower().strip(): key for key in row}
    if moments := list(_moments(row, keys)):
        return unique(moments), {key: value for key, value in row.items() if isinstance(value, str)}
    named = [key for low, key in keys.items() if low in _KEYS or _NUMBERED.fullmatch(low)]
    named = named or [key for low, key in keys.items() if low in _UNSURE_KEYS]
    if not named and "contenturl" in keys and "name" in keys:  # WebVid
        named = [keys["name"]]
    language = bcp47(str(row.get(keys.get("language", ""), "")))
    spans = _spans(row, keys)
    found: list[SourceCaption] = []
    for key in named:
        texts = list(_answers(row[key]) if str(key).lower() in _CHATS else _texts(row[key]))
        each = spans if len(spans) == len(texts) else spans * len(texts) if len(spans) == 1 else [None] * len(texts)
        for text, span in zip(texts, each, strict=True):
            spoken = text.language or _LANGUAGES.get(str(key).lower(), language)
            start_s, end_s = (text.start_s, text.end_s) if span is None or text.end_s is not None else span
            found.append(SourceCaption(text.text, start_s, end_s, spoken))
    kept = {key: value for key, value in row.items() if key not in named or not found or isinstance(value, str)}
    return unique(found), kept


def captions_of(metadata: Mapping[str, Any]) -> list[SourceCaption]:
    """The captions in a video's metadata, as ``builders.folder`` keeps them."""
    kept = metadata.get(KEY)
    each = [c for c in kept if isinstance(c, dict) and "text" in c] if isinstance(kept, list) else []
    return [SourceCaption(c["text"], c.get("start_s"), c.get("end_s"), c.get("language", "")) for c in each]


def unique(captions: Iterable[SourceCaption]) -> list[SourceCaption]:
    """Each caption once, in order; one without a language is the same as one that has one."""
    kept: dict[tuple[Any, ...], SourceCaption] = {}
    for caption in captions:
        before = kept.setdefault(caption[:3], caption)
        if not before.language:
            kept[caption[:3]] = before._replace(language=caption.language)
    return list(kept.values())


def _texts(value: Any) -> Iterator[SourceCaption]:
    """The captions that one value holds, each with what times it has of its own."""
    if isinstance(value, str):
        value = _TOKENS.sub("", value)
        listed = _list_in(value)
        if listed is None:
            yield from [SourceCaption(value.strip())] if value.strip() else []
        else:
            yield from (one for item in listed for one in _texts(item))
    elif isinstance(value, list):
        yield from (one for item in value for one in _texts(item))
    elif isinstance(value, Mapping):
        text = next((value[k] for k in _TEXT_KEYS if isinstance(value.get(k), str)), "").strip()
        spans = _spans(value, {str(key).lower().strip(): key for key in value})
        start_s, end_s = spans[0] if len(spans) == 1 and spans[0] else (None, None)
        if text:
            yield SourceCaption(text, start_s, end_s, bcp47(str(value.get("language", ""))))


def _moments(row: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[SourceCaption]:
    """A query about each of its windows."""
    query, windows = (row.get(keys.get(name, "")) for name in ("query", "relevant_windows"))
    if isinstance(query, str) and query.strip() and isinstance(windows, list):
        spans = (_span(window) for window in windows)
        yield from (SourceCaption(query.strip(), *span) for span in spans if span)


def _answers(value: Any) -> Iterator[SourceCaption]:
    """The answer of a conversation of two turns; more of them are no caption."""
    turns = [turn for turn in value if isinstance(turn, Mapping)] if isinstance(value, list) else []
    said = [(str(t.get("from", t.get("role", ""))), t.get("value", t.get("content"))) for t in turns]
    said = [(who, text) for who, text in said if who != "system"]
    if len(said) == 2 and said[0][0] in ("human", "user") and isinstance(said[1][1], str) and said[1][1].strip():
        yield SourceCaption(said[1][1].strip())


def _list_in(cell: str) -> list[Any] | None:
    """The list that a cell holds, as JSON or as Python writes it."""
    if not (cell.lstrip().startswith("[") and cell.rstrip().endswith("]")):
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            found = read_list(cell)
        except ValueError:
            return None
    plain = isinstance(found, list) and all(isinstance(one, (str, dict)) for one in found)
    return found if plain and found else None


def _spans(row: Mapping[str, Any], keys: Mapping[str, Any]) -> list[tuple[float, float] | None]:
    """The times that a row tells: one pair, or a list of pairs."""
    for start, end in _START_AND_END:
        if start in keys and end in keys:
            span = _span([row[keys[start]], row[keys[end]]])
            return [span] if span else []
    for name in _SPAN_KEYS:
        value = row.get(keys.get(name, ""))
        if isinstance(value, str):
            value = _numbers_in(value)
        if isinstance(value, list) and value:
            span = _span(value)
            return [span] if span else [_span(one) for one in value]
    return []


def _numbers_in(cell: str) -> Any:
    try:
        return read_list(cell)
    except ValueError:
        return None


def _span(value: Any) -> tuple[float, float] | None:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return None
    start_s, end_s = (read_seconds(one) for one in value)
    return (start_s, end_s) if start_s is not None and end_s is not None and start_s < end_s else None
