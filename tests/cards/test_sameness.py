"""Captions that were not written about their clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cliploom.cards.release.sameness import check_limits, find_notable_sameness, find_sameness, refuse_sameness
from cliploom.engine.contract.errors import UserError

WORDS = ["red", "dog", "runs", "over", "wet", "grass", "while", "two", "people", "look", "at", "grey", "sea", "walls"]


def varied(n: int) -> str:
    """Eight words in an order of its own."""
    return " ".join(WORDS[(n * 7 + k * (n % 11 + 1)) % len(WORDS)] + ("s" * (n // 14 % 7)) for k in range(8))


def table(captions: Sequence[str | None], teachers: Sequence[str] = (), languages: Sequence[str] = ()) -> Any:
    db = duckdb.connect()
    n = len(captions)
    columns = {"clip_id": [f"c{i}" for i in range(n)], "caption": list(captions),
               "teacher": list(teachers) or ["chat"] * n, "language": list(languages) or ["en"] * n}  # fmt: skip
    db.register("dataset", pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    return db


def shares(db: Any) -> dict[str, float]:
    return {one.sign: round(one.share, 3) for one in find_sameness(db, "dataset")}


def test_varied_captions_show_nothing_notable() -> None:
    assert find_notable_sameness(table([varied(n) for n in range(90)]), "dataset") == []


def test_texts_that_differ_in_numbers_and_marks_are_the_same() -> None:
    said = [f"Frame {n}: No. {n}!" if n % 2 else varied(n) for n in range(40)]
    found = shares(table(said))
    assert found["same"] == 0.5 and found["teacher"] == 0.5


def test_a_phrase_counts_once_a_caption_wherever_it_stands() -> None:
    phrase = "in this video we see"
    said = [f"{varied(n)} {phrase} {varied(n + 1)} {phrase}" if n < 30 else varied(n) for n in range(60)]
    assert shares(table(said))["phrase"] == 0.5


def test_captions_begin_alike() -> None:
    said = [f"The video shows {varied(n)}" if n < 45 else varied(n) for n in range(60)]
    [sign] = [one for one in find_sameness(table(said), "dataset") if one.sign == "opening"]
    assert sign.share == 0.75 and sign.example == "the video shows"
    assert sign.told() == "75 % of 60 captions begin with the same 3 words: the video shows"


def test_one_teacher_that_always_says_the_same_is_named() -> None:
    said = [varied(n) for n in range(80)] + ["A picture."] * 20
    db = table(said, ["chat"] * 80 + ["mute"] * 20)
    [sign] = [one for one in find_sameness(db, "dataset") if one.sign == "teacher"]
    assert (sign.share, sign.teacher, sign.captions) == (1.0, "mute", 20) and "(mute)" in sign.told()


def test_other_languages_and_odd_lengths_are_counted() -> None:
    said = [varied(n) for n in range(36)] + ["dog"] * 2 + [" ".join(varied(n) for n in range(9))] * 2
    found = shares(table(said, languages=["en"] * 30 + ["de"] * 10))
    assert found["language"] == 0.25 and found["length"] == 0.1


def test_other_scripts_are_words_too_and_few_captions_say_nothing() -> None:
    said = ["一只狗" if n % 2 else "кот на окне" for n in range(40)]
    assert shares(table(said))["same"] == 0.5
    assert find_sameness(table(["same"] * 19), "dataset") == []
    assert find_sameness(table([None] * 30), "dataset") == []


def test_more_than_the_recipe_allows_is_refused() -> None:
    found = find_sameness(table(["Same."] * 40), "dataset")
    refuse_sameness(found, {"opening": 0.5, "length": 0})
    with pytest.raises(UserError, match="100 % of 40 captions are the same text") as error:
        refuse_sameness(found, {"same": 0.5, "teacher": 1.0})
    assert error.value.hint and "same: 0.5" in error.value.hint
    for limits, said in (({"look": 0.1}, "no sign 'look'"), ({"same": 1.5}, "must be a share")):
        with pytest.raises(UserError, match=said):
            check_limits(limits)
