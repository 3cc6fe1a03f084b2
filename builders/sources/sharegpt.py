"""ShareGPT4Video's jsonl: one object a video, with captions of its key frames and one of it all.

Source: ``sharegpt4video_40k.jsonl`` (Chen et al. 2024, arXiv:2406.04325), as the code of its readers takes it. What
``timestamps`` count is told nowhere: seconds, clock times and pairs of either are read, one for each caption of a part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError, UserError
from ..stitching.timecode import read_seconds
from .sidecars import clean

WHOLE = -1
"""``idx`` of the caption of the whole video."""
KEPT = ("video_id", "video_path", "zip_folder", "timestamps", "captions")
_LARGEST_BYTES = 16 << 20


class JsonlRecord(NamedTuple):
    """Where one line stands in the file."""

    file: str
    line: int  # from 1
    offset: int
    size: int


class JsonlLine(NamedTuple):
    """A line: where it stands, and its text."""

    record: JsonlRecord
    raw: bytes


class CaptionMoment(NamedTuple):
    """What a line says of a part of its video; times are None where it tells none."""

    number: int
    text: str
    start_s: float | None
    end_s: float | None


class VideoRecord(NamedTuple):
    """What a line says of its video."""

    moments: list[CaptionMoment]  # by number
    caption: str  # of the whole video; empty where there is none


def read_records(file: str) -> Iterator[JsonlLine]:
    """The lines of a file that hold anything, one at a time; they are not looked into.

    Raises:
        UserError: the file cannot be read, or holds a line beyond all measure.
    """
    offset = 0
    try:
        with open(file, "rb") as lines:
            for number in range(1, 1 << 62):
                raw = lines.readline(_LARGEST_BYTES + 1)
                if len(raw) > _LARGEST_BYTES:
                    raise UserError(f"{file}:{number}: a line of more than {_LARGEST_BYTES >> 20} MiB", "is it jsonl?")
                if not raw:
                    return
                if raw.strip():
                    yield JsonlLine(JsonlRecord(file, number, offset, len(raw)), raw)
                offset += len(raw)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from None


def reread(record: JsonlRecord) -> bytes:
    """The text of a line; ``RowError`` (``bad_row``) where the file is gone."""
    try:
        with open(record.file, "rb") as file:
            file.seek(record.offset)
            return file.read(record.size)
    except OSError as error:
        raise RowError(f"cannot read {record.file} again: {error.strerror or error}", "bad_row") from None


def read_line(raw: bytes, where: str) -> dict[str, Any]:
    """The fields of ``KEPT`` that a line has, fit to be stored; ``captions`` are as ``read_captions`` takes them.

    Raises:
        RowError: ``bad_row``: no JSON object in UTF-8, or without what makes a video and its captions.
    """
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RowError(f"{where}: this is not JSON in UTF-8: {error}", "bad_row") from None
    if not isinstance(found, dict):
        raise RowError(f"{where}: a line must be a JSON object {{…}}", "bad_row")
    kept = {key: clean(found[key]) for key in KEPT if found.get(key) is not None}
    for key in ("video_id", "video_path", "zip_folder"):
        value = kept.get(key, "")
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise RowError(f"{where}: its {key} is no text: {value!r:.60}", "bad_row")
        kept[key] = str(value).strip()
    if not kept["video_id"] and not kept["video_path"]:
        raise RowError(f"{where}: it has no video_id and no video_path", "bad_row")
    read_captions(kept, where)
    return kept


def read_captions(line: Mapping[str, Any], where: str) -> VideoRecord:
    """The captions of a line, with times where it tells one for each.

    Raises:
        RowError: ``bad_row``: they are no list of objects with ``idx`` and ``content``, or two have one ``idx``.
    """
    captions = line.get("captions")
    if not isinstance(captions, list) or not captions:
        raise RowError(f"{where}: it has no list of captions", "bad_row")
    texts: dict[int, str] = {}
    for at, caption in enumerate(captions):
        content = caption.get("content") if isinstance(caption, dict) else None
        number = _number(caption.get("idx")) if isinstance(caption, dict) else None
        if not isinstance(content, str) or number is None:
            raise RowError(f"{where}, caption {at}: not an idx and a content: {caption!r:.60}", "bad_row")
        if number in texts:
            raise RowError(f"{where}: two captions have the idx {number}", "bad_row")
        texts[number] = content.strip()
    whole = texts.pop(WHOLE, "")
    numbers = sorted(number for number, text in texts.items() if text)
    spans = _spans(line.get("timestamps"), sorted(texts))
    return VideoRecord([CaptionMoment(n, texts[n], *spans.get(n, (None, None))) for n in numbers], whole)


def _number(idx: Any) -> int | None:
    """An ``idx``, written as text or as a number."""
    if isinstance(idx, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", idx):
        return int(idx)
    if isinstance(idx, bool) or not isinstance(idx, (int, float)) or abs(idx) > 1e9:
        return None
    return int(idx) if idx == int(idx) else None


def _spans(timestamps: Any, numbers: Sequence[int]) -> dict[int, tuple[float, float]]:
    """The spans that captions tell of, by their numbers; empty where the times are not one for each."""
    if not isinstance(timestamps, list) or len(timestamps) != len(numbers):
        return {}
    found: dict[int, tuple[float, float]] = {}
    before: float | None = None
    for number, stamp in zip(numbers, timestamps, strict=True):
        first, *others = stamp if isinstance(stamp, list) and len(stamp) == 2 else [stamp]
        start_s, end_s = read_seconds(first), read_seconds(others[0] if others else first)
        if start_s is None or end_s is None or end_s < (before or 0.0):
            return {}
        found[number] = (start_s if others or before is None else before, end_s)
        before = end_s
    return found
