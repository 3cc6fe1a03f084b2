"""Two builds side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import told

from cliploom.cards.comparison.builds import compare_builds

LOCK = {"name": "b", "steps": []}
CLIPS = [told.clip("v", n, n + 2) for n in range(5)]


def build(captions: dict[int, str], scores: dict[int, float], dropped: dict[int, str]) -> told.FakeBuild:
    rows = [told.video("v"), *(CLIPS[n] for n in captions)]
    for n, text in captions.items():
        rows += [told.caption(CLIPS[n], "chat", text)] if text else []
        rows += [told.score(CLIPS[n], "conse", scores[n])] if n in scores else []
    lost = [("filters.keep", CLIPS[n].clip_id, "v", reason) for n, reason in dropped.items()]
    lock = {"name": "b", "steps": [
        {"name": "filters.keep", "reads": [], "tables": [{"name": "filters.keep", "table": "", "fingerprint": "x"}]}
    ]}  # fmt: skip
    return told.FakeBuild(Path(), lock, rows=rows, verdicts=lost)


BEFORE = build({0: "a red dog", 1: "a cat", 2: "the sea", 3: "snow"}, {0: 0.2, 1: 0.4, 2: 0.9}, {3: "low"})
AFTER = build({0: "a Red dog runs", 1: "a cat", 2: "one tree", 3: "snow", 4: "new"}, {0: 0.3, 1: 0.1}, {1: "high"})


def test_what_entered_and_left_has_the_other_builds_reason() -> None:
    found = compare_builds(BEFORE, AFTER)
    assert (found.clips, found.kept, found.both) == ((4, 5), (3, 4), 2)
    assert [tuple(move) for move in found.entered] == [
        (CLIPS[3].clip_id, "filters.keep: low"), (CLIPS[4].clip_id, "not made"),
    ]  # fmt: skip
    assert found.entered_by_reason == {"filters.keep: low": 1, "not made": 1}
    assert found.left_by_reason == {"filters.keep: high": 1}


def test_captions_that_changed_most_come_first() -> None:
    found = compare_builds(BEFORE, AFTER)
    assert found.captions_changed == 2
    assert [(one.clip_id, round(one.shared, 3)) for one in found.captions] == [
        (CLIPS[2].clip_id, 0.0), (CLIPS[0].clip_id, 0.75),
    ]  # fmt: skip
    assert len(compare_builds(BEFORE, AFTER, most=1).captions) == 1


def test_measures_are_those_of_kept_clips_and_pairs_of_clips_in_both() -> None:
    by_title = {one.title: one for one in compare_builds(BEFORE, AFTER).measures}
    conse = by_title["conse"]
    assert conse.before == pytest.approx(0.5) and conse.after == pytest.approx(0.3)
    assert (conse.higher, conse.lower) == (1, 0)


def test_a_build_is_like_itself_and_an_empty_one_like_nothing() -> None:
    same = compare_builds(BEFORE, BEFORE)
    assert same.captions_changed == 0 and not same.entered and not same.left and same.both == 3
    nothing = replace(BEFORE, rows=())
    assert compare_builds(nothing, nothing).kept == (0, 0)
    assert compare_builds(nothing, BEFORE).entered_by_reason == {"not made": 3}
