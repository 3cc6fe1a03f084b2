"""Captions that move to where they belong, as clips of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliploom.captioners.align import Align, AlignInput
from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Clip, Embedding, Score, Shot, Video, problem

SECONDS = 40
VIDEO = Video("v", "v", "v", "", 1, duration_s=40.6)


def said(name: str, start_s: float | None) -> Caption:
    end_s = None if start_s is None else start_s + 8
    return Caption(f"v_1_actions_{name}", "v", "v_1", "actions", "teacher", f"It is {name}.", [], "m", "1",
                   start_s=start_s, end_s=end_s)  # fmt: skip


def row(captions: list[Caption], shows: list[int], model: str = "one (1)", texts: str = "") -> AlignInput:
    """A video whose frames are each like themselves alone, and captions that are like some of them."""
    unit = np.eye(SECONDS, dtype=np.float16)
    frames = [Embedding(f"v_{k * 1000:09d}_x", "v", model, unit[k], frame_id=f"v_{k * 1000:09d}") for k in range(40)]
    of = [
        Embedding(f"{c.caption_id}_x", "v", texts or model, unit[k], c.clip_id, caption_id=c.caption_id)
        for c, k in zip(captions, shows, strict=True)
    ]
    return AlignInput(VIDEO, captions, [*frames, *of])


def run(rows: list[AlignInput], **options: Any) -> list[dict[str, Any]]:
    parts = frozenset({options.get("give", "clips"), "captions", "scores"})
    with Align(**options).open(StepContext(Path("."), {})) as work:
        return work(rows, parts)  # type: ignore[return-value]


def test_captions_move_to_where_they_are_seen() -> None:
    [made] = run([row([said("a", 12.0), said("b", 20.0), said("c", 21.0)], [5, 28, 28])])
    clips, captions, scores = made["clips"], made["captions"], made["scores"]
    assert all(isinstance(c, Clip) and c.end_s - c.start_s == 8 and problem(c) is None for c in clips)
    placed = {c.clip_id: (c.start_s, c.end_s) for c in clips}
    for caption, second in zip(captions, (5, 28, 28), strict=True):
        start_s, end_s = placed[caption.clip_id]
        assert start_s <= second < end_s
        assert caption.start_s is None and caption.parents[0].startswith("v_1_actions_") and problem(caption) is None
    assert len(clips) == 2 and captions[1].clip_id == captions[2].clip_id and len({c.caption_id for c in captions}) == 3
    assert all(isinstance(s, Score) and s.name == "alignment" and s.value == pytest.approx(1 / 8) for s in scores)
    assert [s.caption_id for s in scores] == [c.caption_id for c in captions]


def test_encoders_add_up() -> None:
    one, two = row([said("a", 12.0)], [15], "one (1)"), row([said("a", 12.0)], [14], "two (1)")
    [alone] = run([one])
    [both] = run([AlignInput(VIDEO, one.captions, [*one.embeddings, *two.embeddings])])
    assert (alone["scores"][0].value, both["scores"][0].value) == (1 / 8, 2 / 8)
    assert both["scores"][0].model == "one (1) + two (1)"


def test_shots_and_published_spans() -> None:
    [made] = run([row([said("a", 0.0), said("b", 39.0)], [0, 39])], give="shots", profile="published")
    assert [type(s) for s in made["shots"]] == [Shot, Shot]
    spans = sorted((s.start_s, s.end_s) for s in made["shots"])
    assert spans[0][0] == 0 and spans[0][1] < 8 and spans[1][1] >= 40


def test_what_cannot_be_placed_leaves_or_fails() -> None:
    rows = [
        row([said("a", None), said("b", 90.0), said("c", 3.0)], [1, 2, 3]),
        row([said("a", 3.0)], [3], texts="two (1)"),
        AlignInput(VIDEO, [], []),
    ]
    some, none, empty = run(rows)
    drops = {d.reason for d in some["captions"] if isinstance(d, Drop)}
    assert drops == {"no_time", "past_end"} and len(some["captions"]) == 3 and len(some["scores"]) == 1
    assert isinstance(none["clips"], RowError) and none["clips"].kind == "no_vectors"
    assert empty == {"clips": [], "captions": [], "scores": []}


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match="compares vectors"):
        Align().check([])
    with pytest.raises(UserError, match="even length"):
        Align(length_s=7, profile="published").check([FrameEmbeddings()])
    Align().check([FrameEmbeddings()])
    assert Align(score="round_2").measures == ("round_2",)
