"""ShareGPT4Video's jsonl as it is written."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cliploom.cards.formats import sharegpt as writing
from cliploom.cards.sharegpt4video import Sharegpt4videoExport as ToSharegpt4video
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.storage.sql import connect
from cliploom.schemas import Caption, Clip, Review, Row, Span, Video, to_arrow

FIRST = writing.Sharegpt4videoLine(
    "nasa", "space/nasa.mp4", "space_1.zip",
    [
        writing.SpanCaption(0.0, "A star – blue."), writing.SpanCaption(2.0, 'It "grows"\u2028fast.'),
        writing.SpanCaption(6.5, "夜."),
    ],
    "A star grows.",
)  # fmt: skip
SECOND = writing.Sharegpt4videoLine("gone", "space/gone.mp4", "space_1.zip", [], "Nothing is left.")


def test_a_line_is_as_its_readers_want_it() -> None:
    text = io.StringIO()
    assert writing.write_lines(text, [FIRST, SECOND]) == 2
    first, second = text.getvalue().split("\n")[:2]
    told = json.loads(first)
    assert list(told) == ["video_id", "video_path", "zip_folder", "timestamps", "captions"]
    assert told["captions"][-1] == {"idx": "-1", "content": "A star grows."}
    assert [c["idx"] for c in told["captions"]] == ["0", "1", "2", "-1"]
    assert told["timestamps"] == [0.0, 2.0, 6.5] and "夜" in first
    assert json.loads(second)["timestamps"] == [] and len(json.loads(second)["captions"]) == 1
    untimed = FIRST._replace(moments=[writing.SpanCaption(None, "x"), writing.SpanCaption(1.0, "y")])
    assert json.loads(writing.line(untimed))["timestamps"] == []


def caption(clip: str, name: str, teacher: str, **more: Any) -> Caption:
    return Caption(f"{clip}_{name}", "v", clip, teacher, text=name, parents=[], revision="",
                   **{"kind": "teacher", "model": "m", **more})  # fmt: skip


def written(tmp_path: Path, rows: Sequence[Row], **options: Any) -> tuple[list[dict[str, Any]], list[Drop]]:
    db = connect()
    for row in (Video, Clip, Caption, Review):
        db.register(row.table, to_arrow(row, [r for r in rows if isinstance(r, row)]))
    drops = list(
        ToSharegpt4video(**options).rows(db, StepContext(tmp_path, {"": Path("media/cards.sharegpt4video/x")}))
    )
    file = tmp_path / "sharegpt4video" / f"{options.get('name', 'sharegpt4video')}.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()], drops


def test_the_captions_of_frames_are_those_of_the_teacher_that_was_chosen(tmp_path: Path) -> None:
    span = [Span(5.0, 20.0)]
    rows = [
        Video("v", "https://me:secret@films.example/v.mp4", "/home/me/v.mp4", "0", 1),
        Clip("v_a", "v", 5.0, 20.0, span), Clip("v_b", "v", 20.0, 40.0, span, file="media/b.mp4"),
        Clip("v_c", "v", 40.0, 41.0, span), Clip("v_d", "v", 41.0, 45.0, span),
        caption("v_a", "late", "sliding", kind="differential", start_s=7.0, end_s=9.25),
        caption("v_a", "early", "sliding", kind="differential", start_s=5.0, end_s=7.0),
        caption("v_a", "other", "aaa", kind="differential", start_s=5.0, end_s=7.0),
        caption("v_a", "of it all", "sliding"),
        caption("v_a", "chosen", "sliding", kind="choice"),
        caption("v_b", "seen", "aaa", kind="differential", start_s=20.0, end_s=22.0),
        caption("v_b", "brief", "brief"),
        caption("v_c", "part only", "sliding", kind="differential", start_s=40.0, end_s=40.0),
        caption("v_b", "mended", "aaa", kind="differential", model="person", start_s=22.0, end_s=23.0),
    ]  # fmt: skip
    (a, b), drops = written(tmp_path, rows, zip_folder="mine.zip")
    assert [c["content"] for c in a["captions"]] == ["early", "late", "chosen"] and a["timestamps"] == [2.0, 4.25]
    assert [c["idx"] for c in a["captions"]] == ["0", "1", "-1"]
    assert (a["video_id"], a["video_path"]) == ("v_a", "https://films.example/v.mp4")
    assert (b["video_path"], b["zip_folder"]) == ("media/b.mp4", "mine.zip")
    assert [c["content"] for c in b["captions"]] == ["seen", "mended", "brief"] and b["timestamps"] == [2.0, 3.0]
    assert [(d.id, d.reason) for d in drops] == [("v_c", "no_caption"), ("v_d", "no_caption")]


def test_nothing_to_write_and_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no clip with a caption"):
        written(tmp_path, [Clip("v_a", "v", 0.0, 1.0, [])])
    with pytest.raises(UserError, match="file name"):
        ToSharegpt4video("../x").check([])
