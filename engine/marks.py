"""Marks that a person puts on clips while looking at them: lines of ``marks.jsonl`` in the build folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .contract.errors import UserError

MARKS = "marks.jsonl"


class ClipMark(BaseModel):
    """What a person says of a clip. A later line about the same clip by the same person replaces an earlier one.

    Attributes:
        clip_id: the clip.
        mark: ``keep``, ``drop``, or nothing.
        note: a remark, for people.
        caption: a better caption; empty for none.
        caption_id: the caption that it is better than.
        person: who says so.
        at: when (ISO 8601).
    """

    model_config = ConfigDict(extra="forbid")

    clip_id: Annotated[str, Field(min_length=1, max_length=1000)]
    mark: Literal["", "keep", "drop"] = ""
    note: Annotated[str, Field(max_length=4000)] = ""
    caption: Annotated[str, Field(max_length=20_000)] = ""
    caption_id: Annotated[str, Field(max_length=1000)] = ""
    person: Annotated[str, Field(max_length=80)] = ""
    at: Annotated[str, Field(max_length=40)] = ""


def add_mark(root: Path, mark: ClipMark) -> None:
    """Append a mark; it is on the disk when this returns."""
    line = json.dumps(mark.model_dump(), ensure_ascii=False) + "\n"
    with (root / MARKS).open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def read_marks(root: Path) -> list[ClipMark]:
    """The marks that count, in order of clip and person. A last line that a kill cut short is left out.

    Raises:
        UserError: another line is no mark.
    """
    path = root / MARKS
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found: dict[tuple[str, str], ClipMark] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            mark = ClipMark.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):
                break
            said = error.errors()[0]["msg"]
            raise UserError(f"{path}, line {number}: {said}", "`cliploom view` writes this file") from None
        found[mark.clip_id, mark.person] = mark
    return [found[key] for key in sorted(found)]
