"""Balancing by entries: MetaCLIP's numbers, draws that depend on nothing else, and what leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.storage.sql import connect
from cliploom.filters.balance import REPORT_FILE, Balance
from cliploom.filters.balancing.probabilities import (
    drawn,
    draws,
    entry_counts,
    entry_probabilities,
    p_to_t,
    t_to_p,
    text_keys,
    text_probabilities,
)
from cliploom.schemas import Caption, Score, TagLabels, to_arrow


def test_head_and_tail_as_published() -> None:
    counts = np.array([0, 1, 4, 5, 90])
    assert t_to_p(counts, 5) == 0.05 and t_to_p(counts, 1e9) == 1.0 and t_to_p(counts * 0, 5) == 0.0
    assert [p_to_t(counts, p) for p in (0.0, 0.05, 0.09, 0.6, 1.0)] == [0, 4, 5, 90, 90]
    assert p_to_t(counts * 0, 0.5) == 0
    assert entry_probabilities(counts, 5).tolist() == [1, 1, 1, 1, 5 / 90]
    assert entry_counts(np.array([1, 1, 0]), 3).tolist() == [1, 2, 0]


def test_a_text_stays_if_any_entry_draws_it() -> None:
    text, entry = np.array([0, 0, 1, 3]), np.array([0, 1, 1, 2])
    found = text_probabilities(text, entry, np.array([0.5, 0.2, 1.0]), 4)
    assert found == pytest.approx([1 - 0.5 * 0.8, 0.2, 0.0, 1.0])


def test_draws_are_even_and_each_its_own() -> None:
    keys = text_keys(str(n) for n in range(20_000))
    one = draws(0, keys, np.zeros(20_000, np.uint64))
    assert one.min() >= 0 and one.max() < 1
    assert np.histogram(one, 10, (0, 1))[0] == pytest.approx(2000, abs=250)
    for other in (draws(1, keys, np.zeros(20_000, np.uint64)), draws(0, keys, np.ones(20_000, np.uint64))):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert (draws(0, keys[5:9], np.zeros(4, np.uint64)) == one[5:9]).all()
    assert text_keys(["a"]).tolist() == text_keys(["a", "b"]).tolist()[:1]


def test_drawn_follows_the_probabilities() -> None:
    keys = text_keys(str(n) for n in range(10_000))
    text, entry = np.repeat(np.arange(10_000), 2), np.tile(np.array([0, 1]), 10_000)
    assert drawn(text, entry, np.array([0.3, 0.1]), keys).mean() == pytest.approx(0.37, abs=0.02)
    assert drawn(text, entry, np.array([1.0, 0.0]), keys).all()


def run(
    root: Path, said: Sequence[tuple[str, str, list[int]]], **options: object
) -> tuple[dict[str, float], dict[str, str]]:
    """Scores and reasons of captions ``(clip, language, entries)``."""
    captions = [
        Caption(f"c{n:05}", "v", clip, "t", "source", "x", [], "m", "1", language=language)
        for n, (clip, language, _) in enumerate(said)
    ]
    labels = [TagLabels(c.caption_id, "v", c.clip_id, c.caption_id, one[2], "w")
              for c, one in zip(captions, said, strict=True)]  # fmt: skip
    with connect() as db:
        db.register("captions", to_arrow(Caption, captions))
        db.register("tag_labels", to_arrow(TagLabels, labels))
        found = list(Balance(**options).rows(db, StepContext(root, {"": Path("media/b")})))  # type: ignore[arg-type]
    scores = {row.caption_id or "": row.value for row in found if isinstance(row, Score)}
    return scores, {row.id: row.reason for row in found if isinstance(row, Drop)}


def report(root: Path) -> dict[str, object]:
    made = json.loads((root / "media" / "b" / REPORT_FILE).read_text())
    assert isinstance(made, dict)
    return made


def test_the_head_is_thinned_and_the_tail_stays(tmp_path: Path) -> None:
    said = [(f"k{n}", "en", [0] if n % 10 else [0, 1]) for n in range(2000)] + [("k", "en", [])]
    scores, reasons = run(tmp_path, said, t=400)
    assert set(reasons.values()) == {"not_drawn", "no_entry"} and reasons["c02000"] == "no_entry"
    assert len(scores) == 2000 and scores["c00001"] == 0.2 and scores["c00000"] == 1.0
    assert not {f"c{n:05}" for n in range(0, 2000, 10)} & set(reasons)
    told = report(tmp_path)
    assert told["kept"] == 2001 - len(reasons) and told["expected"] == pytest.approx(560)
    assert 450 < 2001 - len(reasons) < 670
    assert told["head"] == [{"number": 0, "captions": 2000, "probability": 0.2}]
    assert told["matches"] == {"all": 2200, "head": 2000} and told["p"] == pytest.approx(200 / 2200)
    half, _ = run(tmp_path, said[:1000], t=200)  # a part with the same probabilities: the same draws
    _, other = run(tmp_path, said[:1000], t=200)
    assert {k: v for k, v in reasons.items() if k < "c01000"} == other and half["c00001"] == 0.2
    assert run(tmp_path, said, t=400, seed=1)[1] != reasons
    assert run(tmp_path, said, t=400, keep_unmatched=True)[1].get("c02000") is None


def test_the_share_of_the_tail_sets_t(tmp_path: Path) -> None:
    said = [(f"k{n}", "en", [0]) for n in range(90)] + [(f"r{n}", "en", [1]) for n in range(10)]
    run(tmp_path, said, p=0.1)
    assert report(tmp_path)["t"] == 10


def test_each_language_has_its_own_t(tmp_path: Path) -> None:
    said = [(f"e{n}", "en", [0] if n < 90 else [1]) for n in range(100)]
    said += [(f"d{n}", "de", [0] if n < 18 else [1]) for n in range(20)]
    scores, _ = run(tmp_path, said, t=11, per_language=True)
    assert scores["c00000"] == pytest.approx(11 / 90, abs=1e-6) and scores["c00100"] == pytest.approx(2 / 18, abs=1e-6)
    told = report(tmp_path)["languages"]
    assert isinstance(told, dict) and told["de"]["t"] == 2


def test_one_text_of_each_clip_is_chosen_first(tmp_path: Path) -> None:
    said = [(f"k{n // 4}", "en", [0] if n % 4 else []) for n in range(400)]
    _, reasons = run(tmp_path, said, one_per_clip=True)
    stays = [n for n in range(400) if f"c{n:05}" not in reasons]
    assert sorted({n // 4 for n in stays}) == list(range(100)) and len(stays) == 100
    assert {n % 4 for n in stays} == {1, 2, 3}


def test_several_lists_are_refused_and_none_is_no_trouble(tmp_path: Path) -> None:
    assert run(tmp_path, []) == ({}, {})
    with connect() as db, pytest.raises(UserError, match="entries of v1, v2"):
        rows = [TagLabels(v, "v", "k", "c", [], v) for v in ("v1", "v2")]
        db.register("tag_labels", to_arrow(TagLabels, rows))
        list(Balance().rows(db, StepContext(tmp_path, {"": Path("m")})))
