"""Colours have the names that people give them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cliploom.models.detectors.colours import TYPICAL, main_colours


def plain(colour: tuple[int, int, int], height: int = 40, width: int = 60) -> Any:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(
    "colour, name",
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((220, 20, 60), "red"),
        ((255, 165, 0), "orange"),
        ((250, 230, 40), "yellow"),
        ((34, 139, 34), "green"),
        ((135, 206, 235), "blue"),
        ((0, 0, 128), "blue"),
        ((128, 0, 128), "purple"),
        ((255, 182, 193), "pink"),
        ((101, 67, 33), "brown"),
        ((194, 160, 110), "brown"),
    ],
)
def test_web_colours(colour: tuple[int, int, int], name: str) -> None:
    assert main_colours([plain(colour)]) == [name]


def test_the_names_are_the_eleven_basic_ones() -> None:
    assert len(TYPICAL) == 11


def test_the_largest_area_comes_first_and_specks_are_left_out() -> None:
    picture = plain((255, 0, 0), 100, 100)
    picture[:, :30] = (0, 0, 255)
    picture[:5, :5] = (255, 255, 0)
    assert main_colours([picture]) == ["red", "blue"]
    assert main_colours([picture, plain((0, 0, 255))]) == ["blue", "red"]
    assert main_colours([picture], most=1) == ["red"]


def test_black_bars_do_not_count() -> None:
    wide = plain((0, 0, 0), 90, 160)
    wide[20:70] = (34, 139, 34)
    assert main_colours([wide]) == main_colours([wide.transpose(1, 0, 2)]) == ["green"]


def test_a_title_on_black_is_black() -> None:
    title = plain((0, 0, 0), 90, 160)
    title[40:50, 60:100] = (255, 255, 255)
    assert main_colours([title]) == ["black"]
    assert main_colours([plain((0, 0, 0))]) == ["black"]


def test_a_picture_of_one_pixel_has_a_colour_and_no_picture_has_none() -> None:
    assert main_colours([plain((255, 0, 0), 1, 1)]) == ["red"]
    assert main_colours([]) == []
