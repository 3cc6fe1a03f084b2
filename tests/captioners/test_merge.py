"""Captions of one clip become a paragraph, each in the place of its kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from answering import Scripted, told, worked

from cliploom.captioners.merge import Merge, MergeInput
from cliploom.engine.contract.errors import UserError
from cliploom.models.chat.model import ChatModelOptions
from cliploom.models.chat.prompt import load_prompt
from cliploom.schemas import Caption, Clip, Segment, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])


def caption(teacher: str, text: str) -> Caption:
    return Caption(f"c_{teacher}_1", "v", "c", teacher, "teacher", text, [], "m", "1", raw="raw")


BEGIN, END = caption("begin", "A dog waits."), caption("end", "A dog leaps.")
ALONG, MUSIC, TITLE = caption("along", "The grass is green."), caption("sound", "Music."), caption("title", "My summer")
SAID, FAKE = caption("speech", "Go on!"), replace(caption("fake", "[fake] A bird waits."), model="fake")
SPEECH = Segment("s", "v", 1.0, 2.0, "Go on!", [], "en", "subtitle")
STEP = Merge(visual=["end", "begin"])


def test_every_text_is_told_under_what_it_is_about() -> None:
    model = Scripted({"paragraph": "A  dog leaps."})
    [made] = told(STEP, MergeInput(CLIP, [ALONG, BEGIN, END, FAKE, MUSIC, TITLE], [SPEECH]), model)
    assert problem(made) is None
    assert (made.text, made.teacher, made.kind, made.model) == ("A dog leaps.", "merge", "merge", "scripted")
    assert made.parents == ["c_end_1", "c_begin_1", "c_along_1", "c_sound_1", "c_title_1"]
    assert made.raw == '{"paragraph": "A  dog leaps."}'
    assert model.last().splitlines() == [
        "title: My summer", "seen: A dog leaps.", "seen: A dog waits.", "seen: The grass is green.", "said: Go on!",
        "heard: Music.",
    ]  # fmt: skip


def test_what_is_said_is_told_once() -> None:
    model = Scripted({"paragraph": "x"}, {"paragraph": "x"})
    told(STEP, MergeInput(CLIP, [BEGIN, SAID], [SPEECH]), model)
    assert model.last() == "seen: A dog waits.\nsaid: Go on!"
    told(STEP, MergeInput(CLIP, [BEGIN, replace(BEGIN, caption_id="c_z_1", teacher="z")], [SPEECH]), model)
    assert model.last() == "seen: A dog waits.\nsaid: Go on!"


@pytest.mark.parametrize("kinds", [{"visual"}, {"speech"}, {"sound", "title"}, {"visual", "speech", "sound", "title"}])
def test_the_example_is_sound_json_of_the_kinds_that_there_are(kinds: set[str]) -> None:
    texts = {
        "visual": [{"teacher": "x", "text": "X"}],
        "sound": [{"teacher": "x", "text": "X"}],
        "speech": "X",
        "title": "X",
    }
    nothing = {"visual": [], "sound": [], "speech": "", "title": ""}
    values = {k: texts[k] if k in kinds else nothing[k] for k in texts}
    _, question, answer, _ = load_prompt("merge_modalities").messages({**values, "seconds": 2.0})
    paragraph = json.loads(str(answer["content"]))["paragraph"]
    assert ("frisbee" in paragraph) == ("visual" in kinds)
    assert ("catch it" in paragraph) == ("speech" in kinds) == ("said:" in str(question["content"]))
    assert ("guitar" in paragraph) == ("sound" in kinds)


def test_a_single_text_stays_as_it_is_and_no_text_is_none() -> None:
    [made] = told(STEP, MergeInput(CLIP, [BEGIN, FAKE]), Scripted())
    assert problem(made) is None
    assert (made.text, made.teacher, made.kind, made.parents) == (BEGIN.text, "merge", "merge", ["c_begin_1"])
    assert (made.model, made.raw) == ("m", "raw")
    [heard] = told(STEP, MergeInput(CLIP, [], [SPEECH]), Scripted())
    assert problem(heard) is None
    assert (heard.text, heard.model, heard.parents) == ("Go on!", "subtitle", [])
    assert told(STEP, MergeInput(CLIP, []), Scripted()) == []


def test_a_dry_run_stays_one() -> None:
    [alone] = told(STEP, MergeInput(CLIP, [FAKE]), Scripted())
    assert (alone.teacher, alone.text) == ("fake", FAKE.text)
    other = replace(FAKE, caption_id="c_fake_2", text="[fake] A dog waits.")
    [made] = told(STEP, MergeInput(CLIP, [FAKE, other]), Scripted({"paragraph": "A bird."}))
    assert (made.teacher, made.text) == ("fake", "[fake] A bird.")
    [[dry]] = worked(Merge(model=ChatModelOptions("fake")), MergeInput(CLIP, [BEGIN, END]))
    assert (dry.teacher, dry.text[:7]) == ("fake", "[fake] ")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Merge(visual=["speech"]), "listed twice"),
        (Merge(prompt="merge_modalitys"), "did you mean merge_modalities"),
        (Merge(prompt="{{ captions }}"), "captions"),
        (Merge(teacher="fake"), "fake"),
    ],
)
def test_options_that_make_no_sense(step: Merge, said: str) -> None:
    Merge().check([])
    with pytest.raises(UserError, match=said):
        step.check([])
