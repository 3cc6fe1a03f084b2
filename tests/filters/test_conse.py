"""ConSE and the sentence encoder under it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cliploom.engine.step import Site
from cliploom.filters.conse import Conse, Judged
from cliploom.filters.encoders.minilm import MiniLM
from cliploom.schemas import Caption, Evidence, Label, Score, problem

DOGS = [Label("golden retriever", 0.6), Label("Labrador_retriever", 0.2), Label("tennis ball", 0.1)]
CARS = [Label("convertible", 0.5), Label("pickup, pickup truck", 0.3), Label("car_wheel", 0.1)]


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


def judged(name: str, text: str, labels: list[Label]) -> Judged:
    caption = Caption(f"c_{name}", "v", "c", "evidence", "teacher", text, [], "m", "1")
    return Judged(caption, Evidence("c", "v", "c", [], labels, [], 90.0, 1.0, [], [], ["labels 1"]))


def test_vectors_are_those_of_the_reference(encoder: MiniLM) -> None:
    # First numbers and cosines that sentence-transformers gives, from the model's card.
    vectors = encoder.encode(["This is an example sentence", "Each sentence is converted"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (2, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert vectors[0, :3] == pytest.approx([0.0676569, 0.0634959, 0.0487131], abs=2e-5)
    assert vectors[1, :3] == pytest.approx([0.0864386, 0.1027628, 0.0053946], abs=2e-5)
    happy = encoder.encode(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert happy[1:] @ happy[0] == pytest.approx([0.695, 0.943, 0.257], abs=2e-3)


def test_neighbours_in_a_batch_change_nothing(encoder: MiniLM) -> None:
    texts = ["A dog runs.", "", "Zwei Männer, ein Café.", "A dog runs.", "word " * 300]
    together = encoder.encode(texts)
    assert np.array_equal(together[0], together[3])
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-6)
    assert encoder.encode([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # Ids of the `tokenizers` package with the model's tokenizer.json.
        ("Hello, world!", [7592, 1010, 2088, 999]),
        ("Café déjà-vu", [7668, 2139, 3900, 1011, 24728]),
        ("中文 ok", [1746, 1861, 7929]),
        ("unbelievably", [4895, 8671, 2666, 3567, 6321]),
        ("x" * 101, [100]),
    ],
)
def test_tokens(encoder: MiniLM, text: str, ids: list[int]) -> None:
    assert encoder.tokens(text) == [101, *ids, 102]


def test_what_fits_scores_higher() -> None:
    right = [("A dog plays with a ball on the grass.", DOGS), ("A red car drives down a road.", CARS)]
    texts = [text for text, _ in right]
    rows = [judged(f"{t}{i}", texts[t], right[i][1]) for t in (0, 1) for i in (0, 1)]
    with Conse().open(Site(Path("."), {})) as work:
        answers = list(work(rows))
        again = list(work(rows[:1]))
    scores = [answer[0] for answer in answers if isinstance(answer, list)]
    assert all(isinstance(s, Score) and problem(s) is None for s in scores)
    dog_dog, dog_car, car_dog, car_car = (s.value for s in scores)
    assert dog_dog > dog_car + 0.05
    assert car_car > car_dog + 0.05
    assert again == answers[:1]
    first = scores[0]
    assert (first.score_id, first.name, first.caption_id) == ("c_00_conse", "conse", "c_00")
    assert "labels 1" in first.model
    assert "all-MiniLM-L6-v2" in first.model
    assert Conse.measures == ("conse",)


def test_a_clip_without_labels_has_no_score() -> None:
    with Conse().open(Site(Path("."), {})) as work:
        assert list(work([judged("a", "A dog.", []), judged("b", "A dog.", [Label("dog", 0.0)])])) == [[], []]
