"""Topics of captions: clusters, their names, and whether clips show them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from step_tables import step_tables

from cliploom.captioners.on_topic import OnTopic, OnTopicInput
from cliploom.captioners.topic.words import telling_words
from cliploom.captioners.topics import REPORT_FILE, Topics
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.models.chat.model import ChatModelOptions
from cliploom.schemas import Caption, Clip, Embedding, Row, Score
from cliploom.testing import run_step

SAID = [
    "a dog runs on the grass",
    "a dog sleeps on a sofa",
    "the city at night",
    "night lights of a city",
    "two dogs and a dog",
]
NEAR = [0, 0, 1, 1, 0]


def caption(n: int, text: str) -> Caption:
    return Caption(f"c{n}", f"v{n}", f"k{n}", "t", "source", text, [], "m", "1")


def scores(root: Path, **options: object) -> list[Score]:
    made: list[Row] = []
    for n, text in enumerate(SAID):
        vector = np.array([np.cos(NEAR[n] + n / 100), np.sin(NEAR[n] + n / 100)], np.float16)
        made += [Clip(f"k{n}", f"v{n}", 0.0, 1.0, []), caption(n, text)]
        made += [Embedding(f"e{n}", f"v{n}", "m 1", vector, f"k{n}", caption_id=f"c{n}")]
    step = Topics(**options)  # type: ignore[arg-type]
    step.check([])
    with step_tables(made) as db:
        return list(step.rows(db, StepContext(root, {"": Path("media/topics")})))


def test_words_that_tell_a_group_from_others() -> None:
    assert telling_words(SAID, NEAR, 3, 1) == [["dog"], ["city"], []]
    assert telling_words([], [], 1) == [[]]


def test_clusters_are_named_by_their_words(tmp_path: Path) -> None:
    found = scores(tmp_path, clusters=2)
    assert [(row.clip_id, row.value) for row in found] == [("k0", 1), ("k1", 1), ("k2", 0), ("k3", 0), ("k4", 1)]
    assert found[0].note.startswith("dog") and found[2].note.startswith("city night")
    told = json.loads((tmp_path / "media" / "topics" / REPORT_FILE).read_text())
    assert [(one["clips"], len(one["captions"])) for one in told] == [(2, 2), (3, 3)]
    assert len({row.note for row in scores(tmp_path, clusters=99)}) > 2


def test_a_model_names_them(tmp_path: Path) -> None:
    found = scores(tmp_path, clusters=2, model=ChatModelOptions("fake"))
    assert {row.model for row in found} == {"fake"} and found[0].note == found[0].note.lower() != ""
    with pytest.raises(UserError):
        scores(tmp_path, model=ChatModelOptions("fake"), prompt="{{ nothing_like_it }}")


def test_clips_are_asked_for_their_topic() -> None:
    clip = Clip("k0", "v0", 0.0, 1.0, [])
    topic = Score("k0_topic", "v0", "k0", None, "topic", 1.0, "words", "dog")
    step = OnTopic(model=ChatModelOptions("fake"))
    rows = [OnTopicInput(clip, [caption(0, SAID[0])], [topic]), OnTopicInput(clip, [caption(0, SAID[0])], [])]
    answers = run_step(step, rows)
    assert [len(answer) for answer in answers] == [1, 0]
    assert answers[0][0].name == "on_topic" and answers[0][0].value in (0.0, 1.0)
    with pytest.raises(UserError, match="topic, which no step before it measures"):
        step.check([])
    step.check([Topics()])
