"""What a rewrite makes up is found, and kept, mended or replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest
from answering import Scripted, told, worked

from cliploom.captioners.guard import Guard, GuardInput
from cliploom.captioners.text.faithful import find_unsupported, number
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.text.english_parser import load_english
from cliploom.schemas import Caption, Clip, Segment, Video, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])
SEEN = Caption("c_seen_1", "v", "c", "seen", "teacher", "Two people are visible in a dark picture.", [], "m", "1")
SHORT = replace(SEEN, caption_id="c_short_1", teacher="short", text="Two people.")
SAID = replace(
    SEEN, caption_id="c_speech_1", teacher="speech", text="Who are you? And what are you looking for, stranger?"
)
GOOD = replace(
    SEEN, caption_id="c_rewrite_1", teacher="rewrite", kind="merge", parents=["c_seen_1", "c_short_1", "c_speech_1"],
    text="Two people search in the dark, and someone asks: 'Who are you?'", model="qwen",
)  # fmt: skip
BAD = replace(GOOD, text="Two farmers stand in a green field.")
SPEECH = Segment("s", "v", 1.0, 2.0, "Nice field!", [], "en", "subtitle")
ROW = GuardInput(CLIP, [SEEN, SHORT, SAID, BAD])
WORDS = "unsupported: farmer, green, field"


def rewritten(answer: list[Caption]) -> Caption:
    assert all(problem(c) is None for c in answer)
    assert len({c.caption_id for c in answer}) == len(answer)
    [made] = [c for c in answer if c.kind == "merge"]
    return made


@pytest.mark.parametrize(
    ("said", "sources", "words"),
    [
        ("Two people search in the dark.", ["Two people are visible in a dark picture."], []),
        ("A person is seen.", ["A man is visible."], []),
        ("A man is seen.", ["A person is visible."], ["man"]),
        ("25 dogs run.", ["Twenty-five dogs are visible."], []),
        ("Three dogs run.", ["2 dogs."], ["three"]),
        ("A couple of dogs and one cat.", ["Two dogs.", "A cat."], []),
        ("The movement is quick.", ["They move fast."], []),
        ("A red, shiny car.", ["A car, shining in the sun."], ["red"]),
        ("Barack Obama speaks about America.", ["A man in a suit.", "I am Barack Obama."], ["America"]),
        ("The mission began in 1969.", ["Their mission begins."], ["1969"]),
        ("This clip shows a scene in a video.", ["A dog."], []),
        ("About 1,000 birds.", ["1000 birds fly."], []),
    ],
)
def test_what_no_source_says(said: str, sources: list[str], words: list[str]) -> None:
    english = load_english()
    assert find_unsupported(english.parse(said), [english.parse(s) for s in sources]) == words


def test_numbers() -> None:
    assert [number(t) for t in ("two", "Twenty-five", "1,000", "3.5", "5th", "a", "dog", "1.2.3")] == [
        2, 25, 1000, 3.5, 5, 1, None, None,
    ]  # fmt: skip


def test_a_faithful_rewrite_passes_as_all_others_do() -> None:
    row = GuardInput(CLIP, [SEEN, SHORT, SAID, GOOD])
    [answer] = worked(Guard(), row)
    assert [(c.teacher, c.kind, c.text, c.parents, c.finding) for c in answer] == [
        (c.teacher, c.kind, c.text, [c.caption_id], "") for c in (GOOD, SEEN, SHORT, SAID)
    ]
    assert rewritten(answer).model == "qwen"


def test_an_unfaithful_one_is_kept_with_the_finding() -> None:
    made = rewritten(worked(Guard(on_finding="keep"), ROW)[0])
    assert (made.text, made.finding, made.parents) == (BAD.text, f"{WORDS}; kept", ["c_rewrite_1"])


def test_or_the_longest_visual_source_takes_its_place() -> None:
    made = rewritten(worked(Guard(), ROW)[0])
    assert (made.text, made.finding) == (SEEN.text, f"{WORDS}; replaced")
    assert (made.teacher, made.model, made.parents) == ("seen", "m", ["c_rewrite_1", "c_seen_1"])
    only_said = GuardInput(CLIP, [SAID, replace(BAD, parents=["c_speech_1"])])
    assert rewritten(worked(Guard(), only_said)[0]).finding.endswith("; kept")


def test_or_it_is_repaired_once() -> None:
    model = Scripted({"caption": "Two people stand."})
    made = rewritten(told(Guard(on_finding="repair"), ROW, model))
    assert (made.text, made.finding, made.model) == ("Two people stand.", f"{WORDS}; repaired", "scripted")
    assert (made.teacher, made.parents, len(made.prompt_hash)) == ("rewrite", ["c_rewrite_1"], 16)
    assert model.last().endswith("not in the notes: farmer, green, field")
    assert f"note: {SEEN.text}" in model.last()
    for bad in ({"caption": "Two farmers stand."}, "no JSON"):
        again = rewritten(told(Guard(on_finding="repair"), ROW, Scripted(bad, bad)))
        assert (again.text, again.finding) == (SEEN.text, f"{WORDS}; replaced")


def test_sources_are_also_transcript_title_and_what_parents_were_made_of() -> None:
    film = Video("v", "v.mp4", "/v.mp4", "00", 1, title="Farmers", description="It is all green.")
    assert rewritten(worked(Guard(), GuardInput(CLIP, ROW.captions, [SPEECH], [film]))[0]).finding == ""
    assert (
        rewritten(worked(Guard(allow=["Farmer", "green"]), GuardInput(CLIP, ROW.captions, [SPEECH]))[0]).finding == ""
    )
    first = replace(SHORT, kind="rewrite", parents=["c_seen_1"])
    second = replace(BAD, text="Two people in the dark.", parents=["c_short_1"])
    assert rewritten(worked(Guard(), GuardInput(CLIP, [SEEN, first, second]))[0]).finding == ""


def test_without_its_parents_nothing_can_be_checked() -> None:
    [error, fine] = worked(Guard(), GuardInput(CLIP, [BAD]), GuardInput(CLIP, [SEEN]))
    assert isinstance(error, RowError)
    assert (error.kind, "c_seen_1" in error.message) == ("no_sources", True)
    assert len(fine) == 1


def test_what_cannot_be_checked_passes() -> None:
    german = replace(BAD, language="de")
    fake = replace(BAD, teacher="fake", text="[fake] A bird waits.")
    for odd in (german, fake):
        made = rewritten(worked(Guard(), GuardInput(CLIP, [SEEN, SHORT, SAID, odd]))[0])
        assert (made.text, made.finding) == (odd.text, "")


def test_only_repairs_need_a_model() -> None:
    assert (Guard().cost, Guard().max_concurrency(), Guard(on_finding="repair").cost) == ("cpu", 0, "llm")
    Guard(prompt="{{ nothing }}").check([])
    with pytest.raises(UserError, match="nothing"):
        Guard(on_finding="repair", prompt="{{ nothing }}").check([])
    Guard(on_finding="repair").check([])
