"""Names of people leave captions, and grammar stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answering import worked

from cliploom.captioners.anonymous import Anonymous
from cliploom.captioners.text.deidentify import without_names
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.text.english_parser import CharSpan, ParseResult, SyntaxWord, load_english
from cliploom.schemas import Caption, problem

SEEN = Caption("c_a_1", "v", "c", "a", "teacher", "A man named Barack Obama speaks.", [], "m", "1", raw="raw Obama")
DOG = replace(SEEN, caption_id="c_a_2", text="A dog runs.", raw="raw")
GERMAN = replace(SEEN, caption_id="c_a_3", language="de")


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("A man named Barack Obama speaks.", "A man named person speaks."),
        (
            "John Smith's dog runs while Dr. Mary Jones and James' sister watch. Smith laughs at Mary.",
            "Person's dog runs while person and person's sister watch. Person laughs at person.",
        ),
        ("“Lee's car,” Anna-Maria O'Neil said.", "“Person's car,” person said."),
        ("In Paris, a woman named Marie waves to Tom, Tim and Tina.",
         "In Paris, a woman named person waves to person, person and person."),
        ("A dog runs in the park.", "A dog runs in the park."),
    ],
)  # fmt: skip
def test_names_become_person(text: str, without: str) -> None:
    assert without_names(text, load_english().parse(text)) == without


def test_names_side_by_side_are_one_and_may_end_in_a_quote() -> None:
    text = "'I am Ann Lee', says Prof. Kim."
    words = [
        SyntaxWord("Ann", "ann", "name", 6),
        SyntaxWord("Lee", "lee", "name", 10),
        SyntaxWord("Kim", "kim", "name", 27),
    ]
    parsed = ParseResult(tuple(words), (CharSpan(6, 9), CharSpan(10, 13), CharSpan(27, 30)))
    assert without_names(text, parsed, "someone") == "'I am someone', says someone."
    assert without_names("", ParseResult((), ())) == ""


def test_captions_stay_linked() -> None:
    [named], [plain], error = worked(Anonymous(), SEEN, DOG, GERMAN)
    assert problem(named) is None
    assert (named.text, named.parents, named.raw) == ("A man named person speaks.", ["c_a_1"], "")
    assert (named.teacher, named.kind) == ("a", "teacher")
    assert named.caption_id != SEEN.caption_id
    assert (plain.text, plain.parents, plain.raw) == ("A dog runs.", ["c_a_2"], "raw")
    assert isinstance(error, RowError)
    assert error.kind == "language"


def test_an_empty_word_is_refused() -> None:
    Anonymous().check([])
    with pytest.raises(UserError, match="word"):
        Anonymous(word=" ").check([])
