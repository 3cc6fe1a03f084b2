"""Where shots change, from tiny gray pictures: made scenes whose changes are known, and a film of real takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cut_films import match, mixed_film, read_takes
from numpy.typing import NDArray

from cliploom.media.changes import ShotChange, find_changes

Looks = NDArray[np.uint8]


def scene(seed: int, count: int, light: float = 1.0) -> NDArray[np.float32]:
    """``(count, 9, 16)``: smooth random shapes that move slowly."""
    rng = np.random.default_rng(seed)
    wide = cv2.GaussianBlur(rng.uniform(0, 255, (9, 18 + count)).astype(np.float32), (0, 0), 2)
    wide = (wide - wide.mean()) / wide.std() * 45 + rng.uniform(90, 150)
    moves = []
    for nth in range(count):
        whole, part = divmod(nth / 40, 1)
        left = int(whole)
        moves.append(wide[:, left : left + 16] * (1 - part) + wide[:, left + 1 : left + 17] * part)
    return np.clip(np.stack(moves) * light, 0, 255).astype(np.float32)


def joined(*parts: Any) -> Looks:
    return np.clip(np.round(np.concatenate(parts)), 0, 255).astype(np.uint8)


def shares(count: int) -> NDArray[np.float32]:
    return np.linspace(0, 1, count + 2, dtype=np.float32)[1:-1, None, None]


def sure(pictures: Looks) -> list[ShotChange]:
    return [change for change in find_changes(pictures) if change.sure >= 0.5]


@pytest.mark.parametrize("light", [1.0, 0.15])
def test_hard_cuts_in_bright_and_dark_scenes(light: float) -> None:
    film = joined(scene(1, 40, light), scene(2, 40, light), scene(3, 40, light))
    assert [(c.first, c.last, c.kind) for c in sure(film)] == [(40, 40, "cut"), (80, 80, "cut")]


def test_a_shot_of_three_frames_is_a_shot() -> None:
    assert [c.first for c in sure(joined(scene(1, 40), scene(2, 3), scene(3, 40)))] == [40, 43]


def test_another_picture_between_two_of_one_shot_is_a_shot() -> None:
    around = scene(1, 80)
    assert [c.first for c in sure(joined(around[:40], scene(2, 5), around[45:]))] == [40, 45]


@pytest.mark.parametrize("length", [8, 14, 25])
def test_dissolves_are_spans(length: int) -> None:
    a, b, share = scene(1, 40 + length), scene(2, 40 + length), shares(length)
    (found,) = sure(joined(a[:40], a[40:] * (1 - share) + b[:length] * share, b[length:]))
    assert found.kind == "dissolve"
    assert abs(found.middle - (40 + length / 2)) <= 3 and 40 - 3 <= found.first <= found.last <= 40 + length + 2


@pytest.mark.parametrize("side", ["left", "top", "right"])
def test_wipes_are_spans(side: str) -> None:
    length, a, b = 16, scene(1, 56), scene(4, 56)
    mixed = a[40:].copy()
    for nth in range(length):
        across, down = (nth + 1) * 16 // (length + 1), (nth + 1) * 9 // (length + 1)
        part = {"left": np.s_[:, :across], "right": np.s_[:, 16 - across :], "top": np.s_[:down]}[side]
        mixed[nth][part] = b[nth][part]
    (found,) = sure(joined(a[:40], mixed, b[length:]))
    assert found.kind == "wipe" and 40 <= found.middle <= 56


@pytest.mark.parametrize("colour", [0.0, 255.0])
@pytest.mark.parametrize("held", [1, 30])
def test_fades_through_a_plain_colour(colour: float, held: int) -> None:
    a, b, share = scene(1, 52), scene(2, 52), shares(12)
    out, back = a[40:] * (1 - share) + colour * share, b[:12] * share + colour * (1 - share)
    (found,) = sure(joined(a[:40], out, np.full((held, 9, 16), colour), back, b[12:]))
    assert found.kind == "fade" and 40 <= found.first < 52 + held <= found.last + 3


def test_flashes_freezes_and_slow_motion_are_no_changes() -> None:
    lit, held = scene(1, 80), scene(2, 80)
    lit[30:32] += 120
    lit[50] += 60
    held[30:42] = held[30]
    assert not sure(joined(lit)) and not sure(joined(held))


def test_animation_that_jumps_every_few_frames_is_one_shot() -> None:
    jumps = scene(1, 640)[::8].repeat(4, axis=0)[:160]
    assert not sure(joined(jumps))
    assert [c.first for c in sure(joined(jumps[:80], scene(2, 80)))] == [80]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_few_frames(count: int) -> None:
    assert find_changes(np.full((count, 9, 16), 100, np.uint8)) == []


def test_findings_are_in_order_and_inside_the_film() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (300, 9, 16)).astype(np.uint8)
    found = find_changes(noise)
    assert found == sorted(found)
    assert all(0 < c.first <= c.last < 300 and 0 <= c.sure <= 1 for c in found)


def test_a_film_of_real_takes(media: Path) -> None:
    film = mixed_film(read_takes(media), seed=31)
    gray = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in film.pictures]
    looks = np.stack([cv2.resize(one, (16, 9), interpolation=cv2.INTER_AREA) for one in gray]).astype(np.uint8)
    assert match([c.middle for c in sure(looks)], film.changes).f1 >= 0.93
