"""Films whose cuts are known: takes of free films, joined by hard cuts, dissolves, wipes and fades, with traps between.

The traps are no cuts: flashes, a freeze, a shake of the camera. The same seed gives the same film.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
SIZE = (320, 180)
RATE = 25

TAKES: dict[str, list[tuple[int, int]]] = {
    "bbb_480p_20s.mp4": [(6, 75), (77, 112), (114, 290), (305, 367), (369, 428), (440, 479)],
    "sintel_trailer_270p.mp4": [(52, 110), (140, 184), (297, 333), (335, 360), (451, 499), (572, 620), (622, 657),
                                (690, 755), (792, 835), (870, 945), (1164, 1219)],
    "nasa_13013.mp4": [(0, 140), (186, 235), (245, 385)],
    "obama_statement.mp4": [(0, 104)],
    "tears_of_steel_2s.webm": [(3, 47)],
    "birds_cc0_1s.mp4": [(0, 30)],
}  # fmt: skip
"""Stretches of the tests' films that hold no cut: the first and the last frame, counted as they are decoded."""


class Change(NamedTuple):
    """Where one shot gives way to the next: ``first`` is the first frame that is not the old shot's alone, ``last`` the
    last before the new one stands alone; for a hard cut both are the new shot's first frame.
    """

    first: int
    last: int
    kind: str


@dataclass
class Film:
    """Pictures, and where they change."""

    pictures: list[Picture] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def add(self, take: list[Picture], kind: str, length: int, rng: np.random.Generator) -> None:
        """Join a take to the end: by a hard cut, or by a transition of ``length`` frames."""
        if not self.pictures:
            self.pictures += take
            return
        at = len(self.pictures)
        if kind == "cut":
            self.changes.append(Change(at, at, kind))
            self.pictures += take
            return
        length = min(length, len(take) - 8, len(self.pictures) - (self.changes[-1].last if self.changes else 0) - 8)
        if length < 4:
            self.add(take, "cut", 0, rng)
            return
        old = self.pictures[at - length :]
        mixed = mix(old, take[:length], kind, rng)
        self.pictures[at - length :] = mixed
        self.pictures += take[length:]
        self.changes.append(Change(at - length, at - 1, kind))


def mix(old: list[Picture], new: list[Picture], kind: str, rng: np.random.Generator) -> list[Picture]:
    """A transition of as many frames as there are pairs."""
    count, side = len(old), int(rng.integers(4))
    found = []
    for nth, (before, after) in enumerate(zip(old, new, strict=True)):
        share = (nth + 1) / (count + 1)
        if kind == "dissolve":
            found.append(np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0), np.uint8))
        elif kind == "fade":
            shown, light = (before, 1 - 2 * share) if share < 0.5 else (after, 2 * share - 1)
            found.append(_lit(shown, max(light, 0.0)))
        else:
            found.append(wipe(before, after, share, side))
    return found


def _lit(picture: Picture, gain: float, lift: float = 0.0) -> Picture:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=gain, beta=lift), np.uint8)


def wipe(before: Picture, after: Picture, share: float, side: int) -> Picture:
    """The new picture pushes its edge over the old one, from one of four sides."""
    made, (height, width) = before.copy(), before.shape[:2]
    across, down = round(width * share), round(height * share)
    part = (
        np.s_[:, :across], np.s_[:, width - across :], np.s_[:down], np.s_[height - down :],
    )[side]  # fmt: skip
    made[part] = after[part]
    return made


def flash(take: list[Picture], rng: np.random.Generator) -> None:
    """One to three frames that a lamp lights up."""
    at, length = int(rng.integers(8, max(9, len(take) - 12))), int(rng.integers(1, 4))
    for nth in range(at, min(at + length, len(take))):
        take[nth] = _lit(take[nth], 1.0, float(rng.integers(90, 200)))


def freeze(take: list[Picture], rng: np.random.Generator) -> None:
    """A picture that stands still for half a second, while time goes on."""
    at = int(rng.integers(6, max(7, len(take) - 24)))
    for nth in range(at, min(at + 12, len(take) - 6)):
        take[nth] = take[at]


def shake(take: list[Picture], rng: np.random.Generator) -> None:
    """A whip of the camera: the picture goes aside and comes back, within ten frames, blurred."""
    at = int(rng.integers(6, max(7, len(take) - 18)))
    for nth in range(10):
        if at + nth >= len(take):
            return
        away = int(SIZE[0] * 0.5 * np.sin(np.pi * nth / 10))
        blurred = cv2.blur(take[at + nth], (1 + away // 4, 1))
        take[at + nth] = np.asarray(np.roll(blurred, away, axis=1), np.uint8)


def darken(take: list[Picture], rng: np.random.Generator) -> None:
    """A scene at night."""
    light = float(rng.uniform(0.1, 0.25))
    take[:] = [_lit(one, light) for one in take]


TRAPS = (flash, freeze, shake, darken)


def mixed_film(takes: list[list[Picture]], seed: int, shots: int = 40, gradual: float = 0.45) -> Film:
    """A film of ``shots`` shots of 1 to 5 s and some of 3 frames; a share of the changes is ``gradual``."""
    rng, film = np.random.default_rng(seed), Film()
    order = rng.permutation(len(takes)).tolist()
    for nth in range(shots):
        source = takes[order[nth % len(order)]]
        if nth % len(order) == len(order) - 1:
            order = rng.permutation(len(takes)).tolist()
        long = min(len(source), int(rng.integers(30, 125)))
        brief = nth % 9 == 4
        start = int(rng.integers(0, len(source) - long + 1))
        take = [one.copy() for one in source[start : start + (3 if brief else long)]]
        if not brief and long >= 30 and rng.random() < 0.4:
            TRAPS[int(rng.integers(len(TRAPS)))](take, rng)
        after_brief = nth % 9 == 5
        kind = "cut"
        if not brief and not after_brief and rng.random() < gradual:
            kind = str(rng.choice(["dissolve", "dissolve", "wipe", "fade"]))
        film.add(take, kind, int(rng.integers(8, 26)) if kind != "fade" else int(rng.integers(16, 40)), rng)
    return film


def read_takes(folder: Path, spans: dict[str, list[tuple[int, int]]] = TAKES) -> list[list[Picture]]:
    """The takes of the films in a folder, as pictures of one size."""
    found = []
    for name, stretches in spans.items():
        frames: list[Picture] = []
        with av.open(str(folder / name)) as file:
            for frame in file.decode(file.streams.best("video")):
                assert isinstance(frame, av.VideoFrame)
                small = frame.reformat(*SIZE, format="bgr24", interpolation="AREA")
                frames.append(np.asarray(small.to_ndarray(), np.uint8))
        found += [frames[first : last + 1] for first, last in stretches if last < len(frames)]
    return found


def write_film(film: Film, path: Path, seed: int = 0, variable: bool = False) -> list[float]:
    """Encode a film (H.264); the times of its frames. ``variable``: frames last between 10 and 80 ms."""
    rng = np.random.default_rng(seed)
    lasts_ms = rng.integers(10, 81, len(film.pictures)) if variable else np.full(len(film.pictures), 1000 // RATE)
    times_ms = np.concatenate(([0], np.cumsum(lasts_ms)[:-1]))
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base, stream.options = Fraction(1, 1000), {"preset": "veryfast", "crf": "24"}
        for picture, time_ms in zip(film.pictures, times_ms.tolist(), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return [float(t) / 1000 for t in times_ms]


class Match(NamedTuple):
    """How many changes were found, how many predictions are false, and how many changes there are."""

    found: int
    false: int
    missed: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 where there is nothing to find and nothing was found."""
        total = 2 * self.found + self.false + self.missed
        return 2 * self.found / total if total else 1.0


def match(predicted: list[int], changes: list[Change], slack: int = 2) -> Match:
    """Each change takes at most one prediction, within ``slack`` frames of its span; the rest are false."""
    left, found = sorted(predicted), 0
    for change in sorted(changes):
        near = [p for p in left if change.first - slack <= p <= change.last + 1 + slack]
        if near:
            middle = (change.first + change.last) / 2
            left.remove(min(near, key=lambda p: abs(p - middle)))
            found += 1
    return Match(found, len(left), len(changes) - found)
