"""Shots with transitions: from signals, with and without a second look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cut_films import Film, read_takes, write_film
from numpy.typing import NDArray

from cliploom.builders.clips import shot_spans
from cliploom.builders.cuts import NETWORK, RULES, CutFinding, Cuts, CutsInput, second_look
from cliploom.builders.scan import Scan
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import StepContext
from cliploom.media.changes import ShotChange
from cliploom.models.detectors.transnet import Likelihood
from cliploom.schemas import Shot, Signals, Video
from cliploom.schemas.check import problem

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Film]:
    """Four takes: a cut, a dissolve of 16 frames, a cut."""
    media = Path(__file__).parents[1] / "media"
    takes = read_takes(
        media, {"bbb_480p_20s.mp4": [(305, 350), (114, 160), (440, 479)], "obama_statement.mp4": [(0, 40)]}
    )
    film = Film()
    takes = [takes[0], takes[1], takes[3], takes[2]]
    for take, kind in zip(takes, ("cut", "cut", "dissolve", "cut"), strict=True):
        film.add(take, kind, 16, RNG)
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(film, path)
    return path, film


@pytest.fixture(scope="module")
def signals(film: tuple[Path, Film], tmp_path_factory: pytest.TempPathFactory) -> Signals:
    root, (path, _) = tmp_path_factory.mktemp("scan"), film
    with Scan().open(StepContext(root, {"signals": root})) as work:
        (answers,) = work([Video("v", path.name, str(path), "0", 0)], frozenset(["signals"]))
    rows: Any = answers["signals"]
    assert problem(rows[0]) is None
    return rows[0]  # type: ignore[no-any-return]


def cut(signals: Signals, path: str = "", **options: Any) -> list[Shot]:
    with Cuts(**options).open(StepContext(Path(), {})) as work:
        (found,) = work([CutsInput(signals, Video("v", "v", path, "0", 0))])
    assert not isinstance(found, RowError)
    shots = [shot for shot in found if isinstance(shot, Shot)]
    assert [problem(shot) for shot in shots] == [None] * len(shots)
    return shots


def test_shots_say_how_they_open(film: tuple[Path, Film], signals: Signals) -> None:
    first, second, third = film[1].changes
    shots = cut(signals)
    assert [(s.opening, s.detector) for s in shots] == [
        ("start", "start"), ("cut", RULES), ("dissolve", RULES), ("cut", RULES),
    ]  # fmt: skip
    assert shots[0].start_s == signals.time_s[0] and shots[-1].end_s == signals.end_s
    assert [a.end_s for a in shots[:-1]] == [b.start_s for b in shots[1:]]
    assert [shots[n].start_s for n in (1, 3)] == [signals.time_s[c.first] for c in (first, third)]
    gradual = shots[2]
    assert gradual.opening_start_s == pytest.approx(second.first / 25, abs=0.13)
    assert gradual.opening_end_s == pytest.approx((second.last + 1) / 25, abs=0.13)
    assert gradual.opening_start_s < gradual.start_s < gradual.opening_end_s  # type: ignore[operator]
    assert all(s.sure is not None and s.sure >= 0.5 for s in shots[1:])


def test_clips_leave_transitions_out(signals: Signals) -> None:
    shots = cut(signals)
    spans = shot_spans(shots[::-1], leave_out=True)
    assert [(s.start_s, s.end_s) for s in spans] == [
        (shots[0].start_s, shots[0].end_s),
        (shots[1].start_s, shots[2].opening_start_s),
        (shots[2].opening_end_s, shots[2].end_s),
        (shots[3].start_s, shots[3].end_s),
    ]
    kept = shot_spans(shots, leave_out=False)
    assert [(s.start_s, s.end_s) for s in kept] == [(s.start_s, s.end_s) for s in shots]


@pytest.mark.parametrize(("seen", "sure"), [(1.0, 0.75), (0.0, 0.25)])
def test_where_rules_doubt_the_network_sees_those_frames_alone(
    film: tuple[Path, Film], signals: Signals, seen: float, sure: float
) -> None:
    looked: list[NDArray[np.uint8]] = []

    def network(pictures: NDArray[np.uint8]) -> Likelihood:
        looked.append(pictures)
        return Likelihood(np.full(len(pictures), seen, np.float32), np.zeros(len(pictures), np.float32))

    given = [ShotChange(20, 20, "cut", 1.0), ShotChange(30, 30, "cut", 0.5), ShotChange(100, 100, "cut", 0.5)]
    given.append(ShotChange(120, 130, "wipe", 0.5))
    found = second_look([CutFinding(c, RULES) for c in given], signals, str(film[0]), network)
    assert [one.detector for one in found] == [RULES, NETWORK, NETWORK, RULES]
    assert [one.change.sure for one in found] == [1.0, sure, sure, 0.5]
    first, pictures = looked
    assert len(first) == 33 and pictures.shape == (33, 27, 48, 3)
    for nth in (0, 16, 32):  # the very frames, but for the losses of the codec
        whole = cv2.cvtColor(film[1].pictures[84 + nth], cv2.COLOR_BGR2RGB)
        small = cv2.resize(whole, (48, 27), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - pictures[nth]).mean() < 6


def test_a_video_of_one_frame_is_one_shot_and_old_signals_are_refused() -> None:
    none = np.zeros(1, np.float32)
    looks = bytes(144)
    one = Signals("v", "v", np.zeros(1), none, none, none, none, none, none, 0.04, "", np.empty(0), looks)
    assert [(s.opening, s.start_s, s.end_s) for s in cut(one)] == [("start", 0.0, 0.04)]
    old = Signals("v", "v", np.zeros(1), none, none, none, none, none, none, 0.04)
    with Cuts().open(StepContext(Path(), {})) as work:
        (answer,) = work([CutsInput(old, Video("v", "v", "", "0", 0))])
    assert isinstance(answer, RowError) and answer.kind == "no_looks"


def test_only_sure_changes_are_taken(signals: Signals) -> None:
    assert len(cut(signals, min_sure=1.0)) <= len(cut(signals, min_sure=0.0))
