"""Answers in lines of text: with all that the published code loses, and without it."""

from __future__ import annotations

import pytest

from cliploom.captioners.text.second_lines import parse_lines, parse_published, seconds_of, within_block

LOST = """Here is the summary:
1. 2s: Someone pours 2.5 cups of flour. They stir.
* 6s: A knife cuts an onion
11. 7s: Butter melts.
00:08: A pan heats up.
[9s]: An egg breaks.
10s - Someone adds salt.
12s:
99s: Nobody sees this."""


def published(answer: str, start_s: float = 0.0, end_s: float = 20.0) -> list[tuple[float, str]]:
    return [(line.start_s, line.text) for line in parse_published(answer, start_s, end_s)]


def fixed(answer: str, start_s: float = 0.0, end_s: float = 20.0) -> list[tuple[float, str]]:
    return [(line.start_s, line.text) for line in parse_lines(answer, start_s, end_s)]


def test_the_published_parser_loses_what_it_loses() -> None:
    assert published(LOST) == [(2, "Someone pours 5 cups of flour"), (6, "A knife cuts an onion"), (12, "")]


def test_the_fixed_parser_loses_nothing() -> None:
    assert fixed(LOST) == [
        (2, "Someone pours 2.5 cups of flour."), (2, "They stir."), (6, "A knife cuts an onion"), (7, "Butter melts."),
        (8, "A pan heats up."), (9, "An egg breaks."), (10, "Someone adds salt."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", []),
        ("No time at all.", []),
        ("3s: A cat jumps. 7s: It lands.", [(3, "A cat jumps."), (7, "It lands.")]),
        ("- **4s:** A dog runs.", [(4, "A dog runs.")]),
        ("(5 s) A bird flies.", [(5, "A bird flies.")]),
        ("5s–9s: A bird flies.", [(5, "A bird flies.")]),
        ("5s: A bird flies.\n5s: a bird flies.", [(5, "A bird flies.")]),
        ("1) 0:05 - A bird flies\n2) 0:06 - It sits", [(5, "A bird flies"), (6, "It sits")]),
        ("6.5 seconds: Water boils.", [(6.5, "Water boils.")]),
        ("7s: Dr. Smith adds 3 eggs.", [(7, "Dr. Smith adds 3 eggs.")]),
        ("7s: 犬が走る。", [(7, "犬が走る。")]),
        ("7s: ...", []),
        ("21s: Too late.\n20s: In time.", [(20, "In time.")]),
        ("3 eggs are broken.", []),
        ("4s: Someone waits 5s before the next step.", [(4, "Someone waits 5s before the next step.")]),
    ],
)
def test_times_in_all_spellings(answer: str, said: list[tuple[float, str]]) -> None:
    assert fixed(answer) == said


def test_the_edges_of_a_block_are_whole_seconds() -> None:
    assert published("4s: A.\n3s: B.\n10s: C.\n11s: D.", 4.9, 9.2) == [(4, "A"), (10, "C")]
    assert [line.end_s for line in parse_lines("4s: A.", 4.9, 9.2, 3.0)] == [7.0]
    assert within_block([], 0.0, 1.0) == []


def test_clock_times() -> None:
    assert [seconds_of(t) for t in ("1:02:03", "00:08", "12s", "6.5 sec")] == [3723, 8, 12, 6.5]
