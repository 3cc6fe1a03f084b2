"""Lists in JSON, as datasets publish their captions: one object a video, or one a caption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.storage.encodings import unicode_encoding

NAME = "file"
"""Under this key stands the name of a video that is a key itself."""
_VIDEO_LISTS = ("videos", "images")
_CAPTION_LISTS = ("sentences", "annotations")
_IDS = ("video_id", "image_id", "id")


class ListRow(NamedTuple):
    """One row of a list, and where it stands in the file."""

    place: str  # such as `:3` for a line
    values: Mapping[str, Any]
    problem: str = ""


def read_json(path: str) -> Iterator[ListRow]:
    """The objects of a JSON file.

    Read are a list of objects (VATEX), objects or texts under the videos' names (ActivityNet), the same under
    ``database`` (YouCook2), and a list of ``videos`` with one of ``sentences`` or ``annotations`` (MSR-VTT, COCO).

    Raises:
        UserError: it is no JSON, or of another form.
    """
    name = os.path.basename(path)
    with open(path, "rb") as file:
        raw = file.read()
    try:
        found = json.loads(raw.decode(_encoding(raw)), parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise UserError(f"{name}: this is not JSON in UTF-8: {error}") from None
    if isinstance(found, dict) and isinstance(found.get("database"), dict):
        found = found["database"]
    rows: Iterator[Any] = iter(found) if isinstance(found, list) else _of_object(found)
    for number, row in enumerate(rows, 1):
        good = isinstance(row, Mapping)
        yield ListRow(f", entry {number}", row if good else {}, "" if good else "it is no object {…}")


def read_jsonl(path: str) -> Iterator[ListRow]:
    """The objects of a file with one in each line."""
    with open(path, "rb") as file:
        encoding = _encoding(file.read(1 << 16))
        file.seek(0)
        lines = file if encoding.startswith("utf-8") else [x.encode() for x in file.read().decode(encoding).split("\n")]
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row: Any = None
            problem = "a line must be a JSON object {…}"
            try:
                row = json.loads(line.decode("utf-8-sig"), parse_constant=lambda _: None)
            except (ValueError, RecursionError) as error:
                problem = f"this is not JSON in UTF-8: {error}"
            good = isinstance(row, dict)
            yield ListRow(f":{number}", row if good else {}, "" if good else problem)


def _encoding(raw: bytes) -> str:
    encoding = unicode_encoding(raw)
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _of_object(found: Any) -> Iterator[Any]:
    if not isinstance(found, Mapping):
        return
    captions = next((found[name] for name in _CAPTION_LISTS if isinstance(found.get(name), list)), None)
    videos = next((found[name] for name in _VIDEO_LISTS if isinstance(found.get(name), list)), None)
    if captions is None and videos is None:
        for name, value in found.items():
            values = value if isinstance(value, list) and any(isinstance(one, Mapping) for one in value) else [value]
            for one in values:
                yield {**one, NAME: name} if isinstance(one, Mapping) else {"captions": one, NAME: name}
        return
    by_id = {_id(video): video for video in videos or () if isinstance(video, Mapping)}
    told = {_id(caption) for caption in captions or ()}
    for caption in captions or ():
        yield {**by_id.get(_id(caption), {}), **caption} if isinstance(caption, Mapping) else caption
    yield from (video for name, video in by_id.items() if name not in told)


def _id(row: Any) -> Any:
    """What a video and its captions have in common."""
    return next((str(row[key]) for key in _IDS if isinstance(row, Mapping) and key in row), None)
