"""Shots: cheap rules where they are sure, a neural network where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from ..engine.contract.errors import RowError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, RowAnswer, Split, StepContext, each_row
from ..media.changes import SURE, ShotChange, find_changes
from ..media.signals import LOOK_SIZE
from ..media.windows import FrameWindow, merge_windows, read_windows
from ..models.detectors import transnet
from ..schemas import Col, Shot, Signals, Video
from ..schemas.ids import span_id

if TYPE_CHECKING:
    from ..models.detectors.transnet import Likelihood, ShotNetwork

_AROUND = 16  # frames on either side of a doubtful place that the network sees too
_LEAST = 0.15  # findings less sure than this are none
RULES, NETWORK = "rules", "transnetv2"


class CutsInput(NamedTuple):
    """What the scan measured, and the video, of which doubtful stretches are decoded again."""

    signals: Signals
    video: Video


class CutFinding(NamedTuple):
    """A change and what found it."""

    change: ShotChange
    detector: str


@dataclass(frozen=True)
class Cuts(Split[CutsInput, Shot]):
    """Cut videos into shots: hard cuts, dissolves, wipes and fades, with who found each and how sure it is.

    Rules over the tiny pictures of ``builders.scan`` decide where they are sure; flashes, freezes and shakes of the
    camera are no changes to them. With ``model: transnetv2`` stretches where they are not sure, a few per cent of the
    frames, are decoded again and judged by TransNetV2 (Souček & Lokoč 2020); how sure a change is there is the mean of
    what both say. A shot that opens gradually begins in the middle of the transition, and its row has the
    transition's times, so that ``builders.clips`` leaves it out. The first shot begins with the first frame, the
    last ends with the last one. docs/cuts.md has figures.
    """

    model: Annotated[
        str, Col("what judges doubtful stretches; with none, the rules' best guess", choices=("none", "transnetv2"))
    ] = "none"
    min_sure: Annotated[float, Col("changes less sure than this are left out", low=0, high=1)] = 0.5

    isolate = True
    memory_mb = 600
    timeout_s = 3600.0
    batch = 4

    def requirements(self) -> Sequence[Requirement]:
        """The network's weights, if it is asked for."""
        return transnet.requirements() if self.model != "none" else []

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[CutsInput, Shot]]:
        """Load the network, if it is asked for."""
        network = transnet.ShotNetwork() if self.model != "none" else None
        yield each_row(lambda row: self._answer(row, network))

    def _answer(self, row: CutsInput, network: ShotNetwork | None) -> RowAnswer[Shot]:
        signals, (width, height) = row.signals, LOOK_SIZE
        if len(signals.looks) != len(signals.time_s) * width * height:
            return RowError(f"{signals.video_id}: builders.scan has stored no looks of its frames", "no_looks")
        changes = find_changes(np.frombuffer(signals.looks, np.uint8).reshape(-1, height, width))
        found = [CutFinding(change, RULES) for change in changes]
        if network is not None and row.video.path:
            found = second_look(found, signals, row.video.path, network)
        return shots(signals, [one for one in found if one.change.sure >= self.min_sure])


def second_look(
    found: Sequence[CutFinding], signals: Signals, path: str, network: Callable[..., Likelihood]
) -> list[CutFinding]:
    """The same findings, but where they are in doubt the network's."""
    last = len(signals.time_s) - 1
    # Wipes the network knows less well than the rules do.
    doubtful = [one.change for one in found if _LEAST <= one.change.sure < SURE and one.change.kind != "wipe"]
    windows = merge_windows([FrameWindow(max(0, c.first - _AROUND), min(last, c.last + _AROUND)) for c in doubtful])
    kept = list(found)
    for window, pictures in read_windows(path, windows, signals.time_s, (transnet.WIDTH_PX, transnet.HEIGHT_PX)):
        likely = network(pictures)
        inside = [c for c in doubtful if window.first <= c.first and c.last <= window.last]
        kept = [one for one in kept if one.change not in inside]
        kept += [CutFinding(_judge(change, window, likely), NETWORK) for change in inside]
    return sorted(kept)


def _judge(change: ShotChange, window: FrameWindow, likely: Likelihood) -> ShotChange:
    """A doubtful change with the network's sureness: it puts a change at the last frame of the old shot."""
    first, last = max(0, change.first - 3 - window.first), change.last + 3 - window.first
    seen = float(likely.middle[first:last].max(initial=0.0))
    return change._replace(sure=(change.sure + seen) / 2)


def shots(signals: Signals, found: Sequence[CutFinding]) -> list[Shot]:
    """The shots between changes, in order; changes that fall on one frame are one."""
    opened: dict[int, CutFinding | None] = {0: None}
    for one in sorted(found, key=lambda f: f.change.sure):
        if 0 < one.change.middle < len(signals.time_s):
            opened[one.change.middle] = one
    starts = sorted(opened)
    ends_s = [*(float(signals.time_s[n]) for n in starts[1:]), signals.end_s]
    return [_shot(signals, n, end_s, opened[n]) for n, end_s in zip(starts, ends_s, strict=True)]


def _shot(signals: Signals, frame: int, end_s: float, found: CutFinding | None) -> Shot:
    start_s = float(signals.time_s[frame])
    shot = Shot(span_id(signals.video_id, start_s, end_s), signals.video_id, start_s, end_s, "start", 0.0, "start")
    if found is None:
        return shot
    change = found.change
    gradual = change.kind != "cut"
    return Shot(
        shot_id=shot.shot_id,
        video_id=shot.video_id,
        start_s=start_s,
        end_s=end_s,
        detector=found.detector,
        strength=change.sure,
        opening=change.kind,
        opening_start_s=float(signals.time_s[change.first]) if gradual else None,
        opening_end_s=_time(signals, change.last + 1) if gradual else None,
        sure=change.sure,
    )


def _time(signals: Signals, frame: int) -> float:
    """When a frame is shown; after the last one, the end."""
    return float(signals.time_s[frame]) if frame < len(signals.time_s) else signals.end_s
