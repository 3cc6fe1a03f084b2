"""A clip's captions become one, by a model whose answers are checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cliploom.captioners import rewrite
from cliploom.captioners.models.embedded import NAME, EmbeddedModel
from cliploom.captioners.models.llm import Answer, Message, Model
from cliploom.captioners.rewrite import Rewrite, ToRewrite
from cliploom.engine.errors import RowError, UserError
from cliploom.engine.step import Site
from cliploom.schemas import Caption, Clip, Segment, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])
SEEN = Caption(
    "c_evidence_1", "v", "c", "evidence", "teacher", "Two people are visible in a dark picture.", [], "m", "1"
)
TITLE = replace(SEEN, caption_id="c_title_1", teacher="title", text="The search")
FAKE = replace(SEEN, caption_id="c_fake_1", teacher="fake", text="[fake] A bird waits.", model="fake")
SPEECH = Segment("s", "v", 1.0, 2.0, "Who are you?", [], "en", "subtitle")


class Scripted:
    """A model that gives set answers and keeps what it was asked."""

    name, revision = "scripted", "1"

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def chat(self, messages: list[Message], **options: object) -> Answer:
        self.asked.append((messages, options))
        return self.answers.pop(0)


def answered(text: str, finish_reason: str = "stop") -> Answer:
    return Answer(text, finish_reason, 1, 1)


def run(step: Rewrite, *rows: ToRewrite) -> list[list[Caption] | RowError]:
    with step.open(Site(Path("."), {})) as work:
        return list(work(list(rows)))


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    model = Scripted()

    @contextmanager
    def opened(name: str) -> Iterator[Model]:
        yield model  # type: ignore[misc]

    monkeypatch.setattr(rewrite, "open_model", opened)
    return model


def test_captions_and_speech_are_merged(scripted: Scripted) -> None:
    raw = '{"caption": "Two people search  in the dark."}'
    scripted.answers = [answered(raw)]
    [[made]] = run(Rewrite(seed=5), ToRewrite(CLIP, [TITLE, SEEN, FAKE], [SPEECH]))  # type: ignore[misc]
    assert problem(made) is None
    assert (made.text, made.raw, made.teacher, made.kind) == ("Two people search in the dark.", raw, "rewrite", "merge")
    assert (made.model, made.revision, made.seed) == ("scripted", "1", 5)
    assert made.parents == ["c_evidence_1", "c_title_1"]
    assert len(made.prompt_hash) == 16
    [(messages, options)] = scripted.asked
    assert messages[-1]["content"].splitlines() == [f"seen: {SEEN.text}", "title: The search", "said: Who are you?"]
    assert options["temperature"] == 0
    assert options["seed"] == 5


def test_speech_that_is_a_caption_already_is_not_told_twice(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "Someone asks: Who are you?"}')]
    said = replace(SEEN, caption_id="c_speech_1", teacher="speech", text="Who are you?")
    run(Rewrite(), ToRewrite(CLIP, [said], [SPEECH]))
    assert scripted.asked[0][0][-1]["content"] == "said: Who are you?"


def test_bad_answers_are_bad_rows_and_the_rest_goes_on(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "Two peo', "length"), answered(""), answered('{"caption": "A search."}')]
    cut, empty, fine = run(Rewrite(), *[ToRewrite(CLIP, [SEEN])] * 3)
    assert isinstance(cut, RowError)
    assert (cut.kind, "Two peo" in cut.message) == ("truncated", True)
    assert isinstance(empty, RowError)
    assert empty.kind == "empty"
    assert isinstance(fine, list)


def test_nothing_to_merge_is_nothing(scripted: Scripted) -> None:
    assert run(Rewrite(), ToRewrite(CLIP, [])) == [[]]
    assert scripted.asked == []


def test_a_dry_run_stays_one(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "A bird waits."}')]
    [[made]] = run(Rewrite(), ToRewrite(CLIP, [FAKE]))  # type: ignore[misc]
    assert (made.teacher, made.text) == ("fake", "[fake] A bird waits.")


def test_the_fake_model_says_so() -> None:
    [[made]] = run(Rewrite(model="fake"), ToRewrite(CLIP, [SEEN]))  # type: ignore[misc]
    assert (made.teacher, made.model) == ("fake", "fake")
    assert made.text.startswith("[fake] ")
    assert run(Rewrite(model="fake"), ToRewrite(CLIP, [SEEN])) == [[made]]


def test_the_prompt_counts(tmp_path: Path) -> None:
    mine = tmp_path / "mine.j2"
    mine.write_text("{% block user %}{{ seconds }} s: {{ captions[0].text }}{% endblock %}", encoding="utf-8")
    step = Rewrite(prompt=str(mine), model="fake")
    step.check([])
    before = step.revision()
    mine.write_text("{% block user %}{{ captions[0].txt }}{% endblock %}", encoding="utf-8")
    assert step.revision() != before
    with pytest.raises(UserError, match="txt"):
        step.check([])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Rewrite(model="gpt"), "no model gpt"),
        (Rewrite(prompt="merg"), "did you mean merge"),
        (Rewrite(teacher="fake"), "dry runs"),
    ],
)
def test_options_that_make_no_sense(step: Rewrite, said: str) -> None:
    with pytest.raises(UserError, match=said):
        step.check([])


def test_the_embedded_model_merges_and_adds_nothing(embedded: EmbeddedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(name: str) -> Iterator[Model]:
        yield embedded

    monkeypatch.setattr(rewrite, "open_model", opened)
    row = ToRewrite(CLIP, [SEEN], [SPEECH])
    [[made]] = run(Rewrite(), row)  # type: ignore[misc]
    assert problem(made) is None
    assert made.model == NAME
    assert "wo people" in made.text
    assert "dark" in made.text
    assert "Who are you?" in made.text
    assert len(made.text) < 150
