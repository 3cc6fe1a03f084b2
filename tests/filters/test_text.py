"""Rules about captions' texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.filters.text import TextStep
from cliploom.filters.texts.rules import PhraseList, TextRules, broken_rule, collapse, count_words
from cliploom.schemas import Caption
from cliploom.testing import run_step


def reasons(*texts: str, **options: object) -> list[str | None]:
    step = TextStep(**options)  # type: ignore[arg-type]
    step.check([])
    rows = [Caption(f"c{n}", "v", "k", "t", "source", text, [], "m", "1") for n, text in enumerate(texts)]
    return list(run_step(step, rows))


def test_lengths_are_those_of_the_collapsed_text() -> None:
    assert collapse(" a\t b\n\n c\u3000d ") == "a b c d"
    assert (count_words("a well-known  dog"), count_words("a well-known  dog", False), count_words("")) == (3, 4, 0)
    rules = TextRules(6, 10, 2, 3)
    said = ["a  b    c", "abc de", "abc defg hij", "abcdefg", "a b c de", ""]
    assert [broken_rule(text, rules) for text in said] == [
        "too_short",
        "",
        "too_long",
        "few_words",
        "many_words",
        "too_short",
    ]


def test_banned_words_are_whole_words_in_any_case() -> None:
    banned = PhraseList(["bad", "very  bad word", "(x)", ""])
    assert [banned.find(text) for text in ("Badger", "so BAD!", "a Very bad\nword", "an (X) here", "x")] == [
        "", "bad", "very bad\nword", "(x)", "",
    ]  # fmt: skip
    assert PhraseList([]).find("bad") == ""


def test_captions_leave_for_the_first_rule_that_they_break(tmp_path: Path) -> None:
    (tmp_path / "banned.txt").write_text("nude\n")
    said = ["dog", "a dog in a nude colour", "one two three four five", "a dog on a sofa"]
    found = reasons(*said, min_chars=6, max_words=6, banned=str(tmp_path / "banned.txt"))
    assert found == ["too_short", "banned", None, None]
    assert reasons("it's it-is", min_words=3) == ["few_words"]
    assert reasons("it's it-is", min_words=4, words="letters") == [None]


@pytest.mark.models
def test_language_and_noun() -> None:
    said = [
        "A brown dog sleeps on the old sofa",
        "Ein brauner Hund schläft auf dem alten Sofa",
        "It is very big and red",
    ]
    assert reasons(*said, spoken="en", noun=True) == [None, "other_language", "no_noun"]


def test_limits_that_leave_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="min_words is 5, more than max_words, 3"):
        reasons("x", min_words=5, max_words=3)
    with pytest.raises(UserError, match="there is no file"):
        reasons("x", banned=str(tmp_path / "none"))
    assert TextStep(banned=str(tmp_path / "none")).revision() == ""
