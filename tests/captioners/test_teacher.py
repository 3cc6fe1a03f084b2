"""Teachers say what is known of a clip, grammatically, and nothing more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.captioners.chat import Chat
from cliploom.captioners.evidence import EvidenceStep as EvidenceStep
from cliploom.captioners.teacher import Teacher, TeacherInput
from cliploom.captioners.text.english import count_phrase, join_words, plural
from cliploom.captioners.text.evidence import describe
from cliploom.captioners.text.presets import PRESETS
from cliploom.captioners.text.speech import clean, speech_text
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Box, Caption, Chapter, Clip, Evidence, Label, Segment, Video, Word, problem

CLIP = Clip("v_000010000_000020000", "v", 10.0, 20.0, [])
VIDEO = Video("v", "v.mp4", "/v.mp4", "00", 1, title="Sintel  trailer https://x.org", chapters=[
    Chapter(0, 11, "Snow"), Chapter(11, 30, "The search"),
])  # fmt: skip
NOTHING = Evidence("e", "v", "c", [], [], [], 100.0, 3.0, [], [], [])


def box(name: str, score: float = 0.8, time_s: float = 0.0) -> Box:
    return Box(name, score, time_s, 0.1, 0.1, 0.2, 0.2)


def segment(
    start_s: float, end_s: float, text: str, source: str = "subtitle", words: list[Word] | None = None
) -> Segment:
    return Segment(f"v_{source}_{start_s}", "v", start_s, end_s, text, words or [], "en", source)


def say(teachers: list[Any], shown: TeacherInput) -> list[Caption]:
    with Teacher(teachers=teachers).open(StepContext(Path("."), {})) as work:
        [captions] = work([shown])
    assert isinstance(captions, list)
    assert all(problem(c) is None for c in captions)
    return captions


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (NOTHING, ""),
        (replace(NOTHING, boxes=[box("person"), box("person")]), "Two people are visible."),
        (replace(NOTHING, boxes=[box("dog")], colours=["green"]), "A dog is visible in a mainly green picture."),
        (
            replace(NOTHING, boxes=[box("dog", 0.66)], colours=["orange", "blue", "red"], brightness=30.0),
            "What may be a dog is visible in a dark, mainly orange and blue picture.",
        ),
        (
            replace(NOTHING, boxes=[box("person"), box("knife", 0.6), box("knife", 0.6)], motion=20.0),
            "A person and what may be two knives are visible, with a lot of movement.",
        ),
        (replace(NOTHING, boxes=[box("person")] * 9), "A group of people is visible."),
        (replace(NOTHING, boxes=[box("sheep")] * 7), "Several sheep are visible."),
        (replace(NOTHING, boxes=[box("skis"), box("person", 0.9)]), "A person and a pair of skis are visible."),
        (replace(NOTHING, boxes=[box("dog", 0.4)]), ""),
        # In most frames that show people there are two of them.
        (
            replace(NOTHING, boxes=[box("person", 0.8, t) for t in (0.0, 1.0, 1.0, 2.0, 2.0)]),
            "Two people are visible.",
        ),
        # One label, and only where no box may mean the same thing.
        (replace(NOTHING, labels=[Label("tench, Tinca tinca", 0.9), Label("eel", 0.8)]), "A tench is visible."),
        (replace(NOTHING, labels=[Label("umbrella", 0.4)]), "What may be an umbrella is visible."),
        (replace(NOTHING, labels=[Label("umbrella", 0.2)]), ""),
        (replace(NOTHING, boxes=[box("dog")], labels=[Label("golden retriever", 0.9)]), "A dog is visible."),
        (replace(NOTHING, boxes=[box("car")], labels=[Label("sports_car", 0.9)]), "A sports car is visible."),
        (
            replace(NOTHING, boxes=[box("person")], labels=[Label("suit", 0.7)]),
            "A person and what may be a suit are visible.",
        ),
        # No contradictions: a bright black, a black picture with things in it, silence with sounds.
        (
            replace(NOTHING, colours=["black", "grey"], brightness=230.0, motion=0.1),
            "The picture is mainly black and grey, and hardly anything moves.",
        ),
        (
            replace(NOTHING, boxes=[box("tv")], colours=["black"], brightness=3.0, texts=["THE END"]),
            'The picture is almost black. The screen shows the text "THE END".',
        ),
        (
            replace(NOTHING, sounds=[Label(n, 0.6) for n in ("Silence", "Music", "Pop music", "Animal")]),
            "Music and the sound of an animal can be heard.",
        ),
        (
            replace(NOTHING, sounds=[Label("Male speech, man speaking", 0.9)], texts=["12", 'a "b" NASA.']),
            'The screen shows the text "a b NASA", and speech can be heard.',
        ),
    ],
)  # fmt: skip
def test_evidence_in_words(evidence: Evidence, text: str) -> None:
    assert describe(evidence) == text
    image = describe(evidence, is_image=True)
    assert "moves" not in image and "movement" not in image


def test_long_screens_are_cut_between_words() -> None:
    said = describe(replace(NOTHING, texts=["ALPHA beta"] * 3 + [f"word{i} and more" for i in range(30)]))
    assert said.startswith('The screen shows the text "ALPHA beta word0 and more')
    assert said.endswith(' …".')
    assert len(said) < 120


def test_english() -> None:
    assert [plural(w) for w in ("person", "bus", "knife", "fire hydrant", "wine glass", "berry", "toy")] == [
        "people", "buses", "knives", "fire hydrants", "wine glasses", "berries", "toys",
    ]  # fmt: skip
    assert [count_phrase(w) for w in ("apple", "unicycle", "hourglass", "scissors", "sunglasses", "horse")] == [
        "an apple", "a unicycle", "an hourglass", "a pair of scissors", "sunglasses", "a horse",
    ]  # fmt: skip
    assert join_words(["a", "b", "c"]) == "a, b and c"


def test_speech_is_cleaned_and_cut_at_words() -> None:
    assert clean("<i>>> Hello</i> ♪ [MUSIC] there , (sighs)  you\n- And {\\an8}me") == "Hello there, you And me"
    assert clean("DR. O'NEIL: Go.\nNASA: we did. Note: this stays.") == "Go. we did. Note: this stays."
    words = [Word(8.5, 9.0, "Never"), Word(9.6, 10.6, "look"), Word(10.6, 11.0, "back.")]
    rows = [segment(8.5, 11.0, "Never look back.", words=words), segment(12, 14, "Go on."), segment(14, 15, "Go on.")]
    found = speech_text(
        CLIP, [*rows, segment(19.5, 24, "Too late."), segment(12, 14, "Go wrong, all of you.", "asr tiny")]
    )
    assert found is not None
    assert found == ("look back. Go on.", "en", "subtitle")
    assert speech_text(CLIP, [segment(9, 12, "Half of it is inside."), segment(30, 40, "Later.")]) is not None
    assert speech_text(CLIP, [segment(2, 12, "Most is before.")]) is None


def test_hallucinated_speech_is_not_said() -> None:
    loop = replace(segment(12, 14, "you you you", "asr"), compression=9.0, doubt="repetition")
    hum = replace(segment(12, 14, "Thanks for watching!", "asr"), no_speech=0.9, doubt="no_speech")
    assert speech_text(CLIP, [loop, hum]) is None
    assert speech_text(CLIP, [replace(hum, doubt="log_prob")]) is not None


def test_each_teacher_says_its_own() -> None:
    seen = replace(NOTHING, boxes=[box("person")])
    shown = TeacherInput(CLIP, [seen], [segment(12, 14, "Who are you?", "asr tiny")], [VIDEO])
    captions = say(["evidence", "speech", "title", "fake"], shown)
    assert [c.teacher for c in captions] == ["evidence", "speech", "title", "fake"]
    assert [c.text for c in captions[:3]] == ["A person is visible.", "Who are you?", "Sintel trailer: The search"]
    assert captions[1].model == "asr tiny"
    assert captions[3].model == "fake"
    assert captions[3].text.startswith("[fake] ")
    assert all(c.caption_id.startswith(f"{CLIP.clip_id}_{c.teacher}_") and c.kind == "teacher" for c in captions)
    assert captions == say(["evidence", "speech", "title", "fake"], shown)


def test_a_teacher_with_nothing_to_say_is_silent() -> None:
    bare = TeacherInput(CLIP, [NOTHING], [], [replace(VIDEO, title="", chapters=[])])
    assert say(["evidence", "speech", "title"], bare) == []
    assert say(["evidence", "speech", "title"], TeacherInput(CLIP)) == []


def test_each_teacher_is_a_table_of_its_own() -> None:
    steps = dict(Teacher(teachers=["title", "fake"]).expand())
    assert list(steps) == ["title", "fake"]
    shown = TeacherInput(CLIP, video=[VIDEO])
    alone = [c for name in steps for c in say([name], shown)]
    assert alone == say(["title", "fake"], shown)  # a fourth teacher changes no id


@pytest.mark.parametrize(
    ("teachers", "said"),
    [
        (["evidense"], "did you mean evidence"),
        (["title", "title"], "twice"),
        ([], "no teachers"),
        (["speech"], "reads segments"),
    ],
)
def test_options_that_make_no_sense(teachers: list[Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Teacher(teachers=teachers).check([Folder("videos"), EvidenceStep()])


def test_needed_tables() -> None:
    Teacher(teachers=["evidence", "title", "fake"]).check([Folder("videos"), EvidenceStep()])
    with pytest.raises(UserError, match="reads evidence") as caught:
        Teacher(teachers=["evidence"]).check([Folder("videos")])
    assert "captioners.evidence" in caught.value.hint


SERVED = {"chat": "qwen2.5-vl-7b", "url": ["http://127.0.0.1:8000/v1"]}


def teachers(*written: Any) -> Teacher:
    return make_step("captioners.teacher", Teacher, {"teachers": list(written)})


def test_a_mapping_is_a_chat_teacher_with_a_table_of_its_own() -> None:
    step = teachers("title", {**SERVED, "frames": 4, "temperature": 0.5}, {**SERVED, "inputs": "title", "as": "reader"})
    step.check([Folder("videos"), Scan()])
    title, chat, reader = step.expand()
    assert title == ("title", Teacher(teachers=["title"]))
    assert (chat[0], reader[0]) == ("qwen2.5-vl-7b", "reader")
    assert isinstance(chat[1], Chat)
    assert (chat[1].frames, chat[1].model.temperature, chat[1].model.name) == (4, 0.5, "qwen2.5-vl-7b")
    assert isinstance(reader[1], Chat)
    assert (reader[1].teacher, reader[1].inputs) == ("reader", ["title"])


def test_presets_are_what_the_teachers_of_a_dataset_were_given() -> None:
    assert len([name for preset in PRESETS.values() for name in preset.teachers]) == 8
    step = teachers(
        {**SERVED, "preset": "blip2"},
        {**SERVED, "preset": "minigpt4", "inputs": ["frames", "title"], "as": "minigpt4"},
        {**SERVED, "preset": "videollama", "inputs": ["frames"], "frames": 16, "as": "llama"},
    )
    step.check([Folder("videos"), Scan()])
    blip, mini, llama = (chat for _, chat in step.expand())
    assert isinstance(blip, Chat) and isinstance(mini, Chat) and isinstance(llama, Chat)
    assert (blip.inputs, blip.frames, blip.place) == (["frames"], 1, [0.3, 0.7])
    assert (mini.inputs, mini.frames, mini.place) == (["frames", "title"], 1, [0.3, 0.7])
    assert (llama.frames, llama.model.film, llama.place) == (16, "video", [])
    for name in PRESETS:
        assert teachers({**SERVED, "preset": name, "inputs": ["title"]}).expand()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"chat": "fake", "frame": 3}, "did you mean frames"),
        ({"chat": "fake", "temprature": 3}, "did you mean temperature"),
        ({"chat": "fake", "temperature": 3}, "0 to 2"),
        ({"url": ["http://h/v1"]}, "under `chat`"),
        ({"chat": "fake", "preset": "blip"}, "did you mean blip2"),
        ({"chat": "fake", "preset": "minigpt4"}, "not published"),
        ({**SERVED, "as": "title"}, "listed twice"),
        ({**SERVED, "inputs": ["transcript"]}, "reads segments"),
    ],
)
def test_chat_teachers_that_make_no_sense(written: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        teachers("title", written).check([Folder("videos"), Scan()])
