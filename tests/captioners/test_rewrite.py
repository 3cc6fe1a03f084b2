"""A clip's captions become one, by a model whose answers are checked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cliploom.captioners.rewrite import Rewrite, RewriteInput
from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import RowAnswer as Made
from cliploom.engine.contract.step import StepContext
from cliploom.models.chat import step as asking
from cliploom.models.chat.embedded import NAME, EmbeddedModel
from cliploom.models.chat.model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest
from cliploom.schemas import Caption, Clip, Segment, problem

CLIP = Clip("c", "v", 0.0, 5.0, [])
SEEN = Caption(
    "c_evidence_1", "v", "c", "evidence", "teacher", "Two people are visible in a dark picture.", [], "m", "1"
)
TITLE = replace(SEEN, caption_id="c_title_1", teacher="title", text="The search")
FAKE = replace(SEEN, caption_id="c_fake_1", teacher="fake", text="[fake] A bird waits.", model="fake")
SPEECH = Segment("s", "v", 1.0, 2.0, "Who are you?", [], "en", "subtitle")
DRY = ChatModelOptions("fake")


class Scripted:
    """A model that gives set answers and keeps what it was asked."""

    name, revision = "scripted", "1"

    def __init__(self) -> None:
        self.answers: list[ChatAnswer | Exception] = []
        self.asked: list[ChatRequest] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def last(self) -> str:
        return str(self.asked[-1].messages[-1]["content"])


def answered(text: str, finish_reason: str = "stop") -> ChatAnswer:
    return ChatAnswer(text, finish_reason, 1, 1)


def run(step: Rewrite, *rows: RewriteInput) -> list[Made[Caption]]:
    with step.open(StepContext(Path("."), {})) as work:
        return list(work(list(rows)))


def use(model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened(options: ChatModelOptions, site: StepContext) -> AsyncIterator[ChatModel]:
        yield model

    monkeypatch.setattr(asking, "open_model", opened)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    model = Scripted()
    use(model, monkeypatch)
    return model


def test_captions_and_speech_are_merged(scripted: Scripted) -> None:
    raw = '{"caption": "Two people search  in the dark."}'
    scripted.answers = [answered(raw)]
    [[made]] = run(Rewrite(model=ChatModelOptions(seed=5)), RewriteInput(CLIP, [TITLE, SEEN, FAKE], [SPEECH]))  # type: ignore[misc]
    assert isinstance(made, Caption)
    assert problem(made) is None
    assert (made.text, made.raw, made.teacher, made.kind) == ("Two people search in the dark.", raw, "rewrite", "merge")
    assert (made.model, made.revision, made.seed) == ("scripted", "1", 5)
    assert made.parents == ["c_evidence_1", "c_title_1"]
    assert len(made.prompt_hash) == 16
    assert scripted.last().splitlines() == [f"seen: {SEEN.text}", "title: The search", "said: Who are you?"]
    [request] = scripted.asked
    assert (request.temperature, request.seed, request.max_tokens) == (0, 5, 256)
    assert Rewrite().model.max_tokens == 160


def test_the_id_says_what_it_is_made_from(scripted: Scripted) -> None:
    steps = [Rewrite(), Rewrite(), Rewrite(model=ChatModelOptions(seed=1)), Rewrite(prompt="{{ captions[0].text }}")]
    rows = [RewriteInput(CLIP, [SEEN]), RewriteInput(CLIP, [SEEN]), RewriteInput(CLIP, [TITLE])]
    scripted.answers = [answered('{"caption": "A search."}')] * 12
    ids = [[made[0].caption_id for made in run(step, *rows)] for step in steps]  # type: ignore[union-attr, index]
    assert ids[0] == ids[1]
    assert all(id_.startswith("c_rewrite_") for row in ids for id_ in row)
    assert len({id_ for row in ids for id_ in row}) == 6


def test_speech_that_is_a_caption_already_is_not_told_twice(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "Someone asks: Who are you?"}')]
    said = replace(SEEN, caption_id="c_speech_1", teacher="speech", text="Who are you?")
    run(Rewrite(), RewriteInput(CLIP, [said], [SPEECH]))
    assert scripted.last() == "said: Who are you?"


def test_bad_answers_are_bad_rows_and_the_rest_goes_on(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "Two peo', "length"), answered(""), answered('{"caption": "A search."}')]
    cut, empty, fine = run(Rewrite(), *[RewriteInput(CLIP, [SEEN])] * 3)
    assert isinstance(cut, RowError)
    assert (cut.kind, "Two peo" in cut.message) == ("truncated", True)
    assert isinstance(empty, RowError)
    assert empty.kind == "empty"
    assert isinstance(fine, list)


def test_a_model_that_is_gone_ends_the_batch(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "A search."}'), Waiting("gone"), answered("")]
    with pytest.raises(Waiting):
        run(Rewrite(), *[RewriteInput(CLIP, [SEEN])] * 3)
    assert len(scripted.asked) == 3


def test_nothing_to_merge_is_nothing(scripted: Scripted) -> None:
    assert run(Rewrite(), RewriteInput(CLIP, [])) == [[]]
    assert scripted.asked == []


def test_a_dry_run_stays_one(scripted: Scripted) -> None:
    scripted.answers = [answered('{"caption": "A bird waits."}')]
    [[made]] = run(Rewrite(), RewriteInput(CLIP, [FAKE]))  # type: ignore[misc]
    assert isinstance(made, Caption)
    assert (made.teacher, made.text) == ("fake", "[fake] A bird waits.")


def test_the_fake_model_says_so() -> None:
    [[made]] = run(Rewrite(model=DRY), RewriteInput(CLIP, [SEEN]))  # type: ignore[misc]
    assert isinstance(made, Caption)
    assert (made.teacher, made.model) == ("fake", "fake")
    assert made.text.startswith("[fake] ")
    assert run(Rewrite(model=DRY), RewriteInput(CLIP, [SEEN])) == [[made]]


def test_a_stream_answers_as_a_batch_does() -> None:
    row, step = RewriteInput(CLIP, [SEEN]), Rewrite(model=DRY)

    async def go() -> list[Made[Caption]]:
        async with step.open_async(StepContext(Path("."), {})) as work:
            return [await work(row)]

    assert asyncio.run(go()) == run(step, row)


def test_the_prompt_counts(tmp_path: Path) -> None:
    mine = tmp_path / "mine.j2"
    mine.write_text("{% block user %}{{ seconds }} s: {{ captions[0].text }}{% endblock %}", encoding="utf-8")
    step = Rewrite(prompt=str(mine), model=DRY)
    step.check([])
    before = step.revision()
    mine.write_text("{% block user %}{{ captions[0].txt }}{% endblock %}", encoding="utf-8")
    assert step.revision() != before
    with pytest.raises(UserError, match="txt"):
        step.check([])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Rewrite(model=ChatModelOptions("gpt")), "no model gpt"),
        (Rewrite(prompt="merg"), "did you mean merge"),
        (Rewrite(prompt="Say {{ caption }}"), "uses caption.*did you mean captions"),
        (Rewrite(teacher="fake"), "dry runs"),
    ],
)
def test_options_that_make_no_sense(step: Rewrite, said: str) -> None:
    with pytest.raises(UserError, match=said):
        step.check([])


def test_a_recipe_names_a_model_by_a_word_or_its_options() -> None:
    assert make_step("r", Rewrite, {"model": "fake"}).model == replace(DRY, max_tokens=160)
    given = {"name": "m", "url": "http://127.0.0.1:8000/v1", "max_tokens": 99}
    assert make_step("r", Rewrite, {"model": given}).model.url == ["http://127.0.0.1:8000/v1"]


def test_the_embedded_model_merges_and_adds_nothing(embedded: EmbeddedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    use(embedded, monkeypatch)
    [[made]] = run(Rewrite(), RewriteInput(CLIP, [SEEN], [SPEECH]))  # type: ignore[misc]
    assert isinstance(made, Caption)
    assert problem(made) is None
    assert made.model == NAME
    assert "wo people" in made.text
    assert "dark" in made.text
    assert "Who are you?" in made.text
    assert len(made.text) < 150
