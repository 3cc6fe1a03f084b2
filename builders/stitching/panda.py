"""Panda-70M's splitting of a video into events that keep to one matter, without its models.

Chen et al. 2024, "Panda-70M: Captioning 70M videos with multiple cross-modality teachers", section 3.1, in the
numbers and the order of the authors' code (``splitting/cutscene_detect.py``, ``splitting/event_stitching.py``), which
differ from the paper's in places. Times are frames where a function is given ``fps``, as in their code, else seconds.

A *cut* is a half-open span ``(start, end)``; it has two vectors, of the frames near its start and its end. An *event*
is a run of cuts. Vectors are L2-normalised by whoever makes them; distances are Euclidean, computed and compared in
float32 as theirs are, so that a distance may be off theirs by the last bit, for the order of the sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vectors = NDArray[np.float32]

CUT_S = 5.0
"""Length of the pieces that a long scene is cut into."""
SLACK_S = 2.0
"""A scene is cut while what is left of it is longer than ``CUT_S`` by more than this."""


@dataclass(frozen=True, slots=True)
class StitchRules:
    """The numbers of verifying and stitching: distances are Euclidean, lengths in seconds.

    The thresholds were chosen for ImageBind-huge; another encoder's distances lie on another scale.
    """

    min_s: float  # events that are shorter go
    max_s: float  # events that are longer lose their end
    redundant: float  # events nearer than this to one that was kept go
    trim: float  # share of its length that an event loses at either end
    still: float = 0.15  # events whose first and last frame are nearer than this go
    transition: float = 1.0  # cuts whose two frames are farther apart than this go
    join: float = 0.6  # cuts that are not farther than this from the event before them are joined to it


RELEASE = StitchRules(min_s=2.0, max_s=1200.0, redundant=0.0, trim=0.0)
"""As the released code runs."""
DATASET = StitchRules(min_s=2.5, max_s=60.0, redundant=0.3, trim=0.1)
"""As the dataset was made; the authors left this line in their code, switched off."""


class CutSpan(NamedTuple):
    """A half-open span, in frames or in seconds."""

    start: float
    end: float


class EventSpan(NamedTuple):
    """A run of cuts that belong together."""

    start: float
    end: float
    cuts: range  # of the cuts that were stitched


class Rejection(NamedTuple):
    """Why a cut or an event goes, and what was measured."""

    reason: str  # not_readable, transition, too_short, still or redundant
    value: float | None = None  # the distance or the length
    like: int | None = None  # redundant: the first event that it is too near to


def cut_frames(ends: Iterable[int], fps: float, cut_s: float = CUT_S, slack_s: float = SLACK_S) -> list[int]:
    """Boundaries in frames, from 0 on, of the scenes that end with the frames ``ends``; long ones are cut.

    While a scene is longer than ``(cut_s + slack_s) * fps`` frames, ``int(cut_s * fps)`` are taken off its front.
    Source: ``cutscene_detect.py`` with ``max_cutscene_len=5``; the paper says that those longer than 5 s are cut.

    Raises:
        ValueError: a piece would have no frame (no frame rate is known).
    """
    piece = int(cut_s * fps)
    if piece < 1:
        raise ValueError(f"pieces of {cut_s:g} s at {fps:g} frames per second hold no frame")
    found = [0]
    for end in ends:
        while end - found[-1] > (cut_s + slack_s) * fps:
            found.append(found[-1] + piece)
        found.append(end)
    return found


def cut_times(start_s: float, ends_s: Iterable[float], cut_s: float = CUT_S, slack_s: float = SLACK_S) -> list[float]:
    """The same in seconds, from ``start_s`` on: right for any frame rate and for none. Microseconds do not count."""
    found = [start_s]
    for end_s in ends_s:
        while round(end_s - found[-1], 6) > cut_s + slack_s:
            found.append(found[-1] + cut_s)
        found.append(end_s)
    return found


def sample_frames(start: int, end: int) -> tuple[int, int]:
    """The two frames of a cut that are looked at, 5 % from its first and its last frame.

    Source: ``extract_cutscene_feature``; the paper says 10 %.
    """
    last = end - 1
    return int(0.95 * start + 0.05 * last), int(0.05 * start + 0.95 * last)


def sample_times(start_s: float, end_s: float) -> tuple[float, float]:
    """The same in seconds: 5 % from a cut's start and from its end."""
    return 0.95 * start_s + 0.05 * end_s, 0.05 * start_s + 0.95 * end_s


def distance(one: ArrayLike, other: ArrayLike) -> Any:
    """Euclidean distance along the last axis, float32."""
    apart = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return np.sqrt(np.square(apart).sum(axis=-1))


def verify_cuts(vectors: ArrayLike, readable: ArrayLike, transition: float = 1.0) -> list[Rejection | None]:
    """For each cut why it goes, or None: ``not_readable``, then ``transition`` (its frames lie farther apart).

    ``vectors`` is ``(N, 2, D)``, of the two frames of each cut; ``readable`` is ``(N, 2)``, whether each could be read.
    Source: ``verify_cutscene``.
    """
    each, read = np.asarray(vectors, np.float32), np.asarray(readable, bool)
    found: list[Rejection | None] = []
    for (first, last), both in zip(each, read, strict=True):
        apart = distance(first, last)
        if not both.all():
            found.append(Rejection("not_readable"))
        else:
            found.append(Rejection("transition", float(apart)) if apart > np.float32(transition) else None)
    return found


def stitch(cuts: Sequence[tuple[float, float]], vectors: ArrayLike, join: float = 0.6) -> list[EventSpan]:
    """Join each cut to the event before it, unless a gap or a distance of more than ``join`` lies between them.

    A gap is where a cut was dropped: the cut does not begin where the event ends. The distance is that of the event's
    last frame to the cut's first. ``vectors`` is ``(N, 2, D)``. Without cuts there are no events (the authors' code
    ends with an ``IndexError``). Source: ``cutscene_stitching``.
    """
    each = np.asarray(vectors, np.float32)
    events: list[EventSpan] = []
    for at, (start, end) in enumerate(cuts):
        before = events[-1] if events else None
        if before is None or start != before.end or distance(each[at - 1, 1], each[at, 0]) > np.float32(join):
            events.append(EventSpan(start, end, range(at, at + 1)))
        else:
            events[-1] = EventSpan(before.start, end, range(before.cuts.start, at + 1))
    return events


def verify_events(
    events: Sequence[EventSpan], vectors: ArrayLike, rules: StitchRules, fps: float | None = None
) -> list[CutSpan | Rejection]:
    """For each event its span, cut short and trimmed, or why it goes.

    In this order: ``too_short`` (less than ``min_s``); ``still`` (its first and last frame nearer than ``still``);
    ``redundant`` (the mean of all its vectors nearer than ``redundant`` to that of an event that was kept). Only then
    is it cut to ``max_s``, and trimmed at both ends. With ``fps`` all is in whole frames as in the authors' code, else
    in seconds, where microseconds do not count. Source: ``verify_event``.
    """
    each = np.asarray(vectors, np.float32)
    kept: list[tuple[int, Vectors]] = []
    found: list[CutSpan | Rejection] = []
    for at, event in enumerate(events):
        seen = each[event.cuts.start : event.cuts.stop].reshape(-1, each.shape[-1])
        mean = seen.mean(axis=0)
        gone = _too_short(event, rules, fps) or _still(seen, rules.still) or _redundant(mean, kept, rules.redundant)
        if gone is None:
            kept.append((at, mean))
        found.append(gone or _trim(event, rules, fps))
    return found


def _too_short(event: EventSpan, rules: StitchRules, fps: float | None) -> Rejection | None:
    length, rate = round(event.end - event.start, 6), 1 if fps is None else fps
    return Rejection("too_short", length / rate) if length < rules.min_s * rate else None


def _still(seen: Vectors, limit: float) -> Rejection | None:
    apart = distance(seen[0], seen[-1])
    return Rejection("still", float(apart)) if apart < np.float32(limit) else None


def _redundant(mean: Vectors, kept: Sequence[tuple[int, Vectors]], limit: float) -> Rejection | None:
    for at, other in kept:
        apart = distance(other, mean)
        if apart < np.float32(limit):
            return Rejection("redundant", float(apart), at)
    return None


def _trim(event: EventSpan, rules: StitchRules, fps: float | None) -> CutSpan:
    longest, end = rules.max_s if fps is None else int(rules.max_s * fps), event.end
    if end - event.start > longest:
        end = event.start + longest
    off = rules.trim * (end - event.start)
    off = off if fps is None else int(off)
    return CutSpan(event.start + off, end - off)
