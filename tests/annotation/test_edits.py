"""Captions as people left them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import told

from cliploom.annotation.edits import Edits
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Review, problem

CLIP = told.clip("v", 0, 2)
ONE, TWO = (
    Caption(f"{CLIP.clip_id}_{t}_1", "v", CLIP.clip_id, t, "teacher", f"{t} says", [], "m", "1", language="en-GB")
    for t in ("a", "b")
)
MOMENT = Caption(
    f"{CLIP.clip_id}_c_1", "v", CLIP.clip_id, "c", "differential", "It turns.", [], "m", "1", start_s=0.5, end_s=1.0
)


def review(person: str, verdict: str, caption: Caption | None = None, text: str = "") -> Review:
    id_ = caption.caption_id if caption else None
    return Review(f"{id_}_{person}", "v", CLIP.clip_id, id_, person, verdict, text)


def left(
    captions: Sequence[Caption], reviews: Sequence[Review], **options: Any
) -> tuple[list[Caption], dict[str, str]]:
    rows = list(Edits(**options).rows(told.database([*captions, *reviews]), StepContext(Path(), {"": Path("x")})))
    return [r for r in rows if isinstance(r, Caption)], {r.id: r.reason for r in rows if isinstance(r, Drop)}


def test_corrections_are_captions_and_what_they_correct_leaves() -> None:
    [made], dropped = left([ONE, TWO], [review("a", "edit", ONE, "better"), review("a", "reject", TWO)])
    assert (made.teacher, made.kind, made.text, made.parents) == ("person", "edit", "better", [ONE.caption_id])
    assert (made.model, made.language, made.start_s) == ("person", "en-GB", None) and problem(made) is None
    assert dropped == {ONE.caption_id: "edited", TWO.caption_id: "rejected"}
    assert left([ONE, TWO], []) == ([], {})


def test_a_text_of_ones_own_has_no_parent() -> None:
    [made], dropped = left([ONE, TWO], [review("a", "edit", None, "my own")], kind="choose")
    assert (made.text, made.parents, made.language) == ("my own", [], "en-GB")
    assert set(dropped.values()) == {"not_chosen"} and len(dropped) == 2


def test_a_corrected_moment_stays_one() -> None:
    [made], _ = left([ONE, MOMENT], [review("a", "edit", MOMENT, "It turns left.")])
    assert (made.kind, made.teacher, made.start_s, made.end_s) == ("differential", "c", 0.5, 1.0)


def test_what_nobody_answered_about_may_leave() -> None:
    assert left([ONE, TWO], [review("a", "accept", TWO)], unreviewed="drop") == ([], {ONE.caption_id: "unreviewed"})
