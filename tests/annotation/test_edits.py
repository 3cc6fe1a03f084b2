"""Captions as people left them."""

from __future__ import annotations

from pathlib import Path

from cliploom.annotation.edits import Edits, Judged
from cliploom.engine.contract.step import Site
from cliploom.schemas import Caption, Clip, Review, problem

CLIP = Clip("v_1", "v", 0.0, 2.0, shots=[])
CHOICES = [
    Caption(f"v_1_{t}_1", "v", "v_1", t, "teacher", f"{t} says", [], "m", "1", language="en-GB")
    for t in ("a", "b", "c")
]


def _said(person: str, verdict: str, caption: Caption | None = None, text: str = "") -> Review:
    id_ = caption.caption_id if caption else None
    return Review(f"{id_}_{person}", "v", "v_1", id_, person, verdict, text)


def test_edits_take_the_place_of_what_they_correct(tmp_path: Path) -> None:
    one, two, three = CHOICES[:3]
    reviews = [
        _said("b", "edit", one, "second text"), _said("a", "edit", one, "first text"),
        _said("a", "reject", two), _said("b", "reject", two), _said("c", "accept", two),
    ]  # fmt: skip
    views = [
        Judged(CLIP, [one, two, three], reviews),
        Judged(CLIP, [one, two], []),
        Judged(CLIP, [one], [_said("a", "edit", one, one.text)]),
        Judged(CLIP, [one, two], [_said("a", "edit", None, "my own")]),
    ]
    with Edits().open(Site(tmp_path, {"": Path("x")})) as work:
        first, untouched, same, own = work(views)
    assert isinstance(first, list) and isinstance(own, list)
    assert [caption.text for caption in first] == ["first text", three.text]
    made = first[0]
    assert (made.teacher, made.kind, made.parents) == ("person", "rewrite", [one.caption_id])
    assert problem(made) is None and made.caption_id != one.caption_id
    assert (untouched, same) == ([one, two], [one])
    assert [caption.text for caption in own] == [one.text, two.text, "my own"]
    with Edits(unjudged="drop").open(Site(tmp_path, {"": Path("x")})) as work:
        [only] = work([Judged(CLIP, [one, two], [_said("a", "accept", two)])])
    assert only == [two]
