"""open_clip itself, with weights made up on the spot: shapes, batches, kinds of numbers, and what goes wrong.

Needs the extra ``clip``; `make test` leaves this folder out.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import huggingface_hub.constants
import numpy as np
import pytest
import torch

if not hasattr(torch.ops.torchvision, "nms"):
    # There is no torchvision for a PyTorch without CUDA on PyPI: the other one loads if these are declared.
    _declared = torch.library.Library("torchvision", "DEF")
    _declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import open_clip  # after the operators
from PIL import Image

from cliploom.captioners.clip_embeddings import ClipEmbeddings, ClipEmbeddingsInput
from cliploom.captioners.clip_score import ClipScore, ClipScoreInput
from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.captioners.text_embeddings import TextEmbeddings
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.models.encoders.choice import Encoder, EncoderOptions
from cliploom.schemas import Caption, Clip, Embedding, Frame, Score, Video, problem

MODEL = "ViT-B-32"
TEXTS = ["A dog runs.", "A red car.", "Nobody is there.", "A dog runs.", "word " * 300]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ViT-B-32 that has learnt nothing."""
    torch.manual_seed(0)
    model = open_clip.create_model(MODEL, pretrained=None)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def choice(checkpoint: Path) -> EncoderOptions:
    return EncoderOptions("open_clip", MODEL, str(checkpoint), device="cpu", per_batch=2)


@pytest.fixture(scope="module")
def encoder(choice: EncoderOptions) -> Iterator[Encoder]:
    with choice.open_encoder() as made:
        yield made


def pictures(count: int) -> list[Any]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (60 + 10 * i, 90, 3), np.uint8) for i in range(count)]


def test_vectors_are_those_of_a_plain_loop(encoder: Encoder, checkpoint: Path) -> None:
    model, _, prepare = open_clip.create_model_and_transforms(MODEL, pretrained=str(checkpoint))
    model.eval()
    some = pictures(5)  # batches of 2, 2 and 1
    with torch.no_grad():
        images = model.encode_image(torch.stack([prepare(Image.fromarray(p)) for p in some]), normalize=True)
        texts = model.encode_text(open_clip.get_tokenizer(MODEL)(TEXTS), normalize=True)
    for found, wanted in ((encoder.images(some), images), (encoder.texts(TEXTS), texts)):
        assert found.shape == (5, 512) == (5, encoder.dim)
        assert found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)
    assert encoder.images([]).shape == encoder.texts([]).shape == (0, 512)


def test_its_name_and_revision_say_which_weights(encoder: Encoder, choice: EncoderOptions) -> None:
    assert encoder.revision == choice.revision()
    assert encoder.revision.startswith(f"open_clip_torch=={open_clip.__version__}, sha256 ")
    assert encoder.name == f"ViT-B-32_{encoder.revision.rpartition(' ')[2][:12]}"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_to_single(precision: str, choice: EncoderOptions, encoder: Encoder) -> None:
    some = pictures(2)
    with replace(choice, precision=precision).open_encoder() as half:
        np.testing.assert_allclose(half.images(some), encoder.images(some), atol=0.02)
        np.testing.assert_allclose(half.texts(TEXTS[:2]), encoder.texts(TEXTS[:2]), atol=0.02)


def test_frames_clips_and_captions_meet_in_a_score(choice: EncoderOptions, tmp_path: Path) -> None:
    site = StepContext(tmp_path, {"": Path("x")})
    frames = []
    for i, picture in enumerate(pictures(3)):
        height, width = picture.shape[:2]
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        frames.append(Frame(f"v_{i * 500:09d}", "v", i / 2, jpeg, width, height, "0" * 16, 1.0, 90.0))
    frames.append(replace(frames[0], frame_id="v_000009000", jpeg=b"torn"))
    captions = [Caption(f"c{i}", "v", "v_clip", "t", "teacher", text, [], "m", "1") for i, text in enumerate(TEXTS)]
    clip, video = Clip("v_clip", "v", 0.0, 2.0, []), Video("v", "v", "v", "", 1)
    look = FrameEmbeddings(encoder="open_clip", model=MODEL, pretrained=choice.pretrained, device="cpu", per_batch=2)
    read = TextEmbeddings(encoder="open_clip", model=MODEL, pretrained=choice.pretrained, device="cpu", per_batch=2)
    look.check([])
    with look.open(site) as work:
        seen = list(work(frames))
    with read.open(site) as work_texts:
        said = rows_of(work_texts(captions))
    assert [isinstance(answer, RowError) for answer in seen] == [False, False, False, True]
    vectors = rows_of(seen)
    assert [row.frame_id for row in vectors] == [frame.frame_id for frame in frames[:3]]
    assert {row.vector.dtype for row in vectors} == {np.dtype(np.float16)}
    with ClipEmbeddings().open(site) as pool:
        clips = rows_of(pool([ClipEmbeddingsInput(video, [clip], vectors)]))
    with ClipScore().open(site) as measure:
        [scores] = measure([ClipScoreInput(clip, [*clips, *said])])
    assert isinstance(scores, list)
    named = [score for score in scores if isinstance(score, Score) and problem(score) is None]
    assert [(score.name, score.caption_id) for score in named] == [("clip_score", f"c{i}") for i in range(5)]
    assert named[0].value == named[3].value != named[1].value


def rows_of(answers: Any) -> list[Embedding]:
    rows = [row for answer in answers if isinstance(answer, list) for row in answer]
    assert all(isinstance(row, Embedding) and problem(row) is None for row in rows)
    return rows


def assert_refused(choice: EncoderOptions, match: str) -> None:
    with pytest.raises(UserError, match=match), choice.open_encoder():
        pass


def test_a_misspelt_name_is_answered_with_the_right_one(choice: EncoderOptions) -> None:
    assert_refused(replace(choice, model="ViT-B32"), "no model ViT-B32; did you mean ViT-B-32")
    tag = replace(choice, pretrained="laion2b_s34b_b79")
    assert_refused(tag, "no weights laion2b_s34b_b79 of ViT-B-32; did you mean laion2b_s34b_b79k")


def test_weights_that_cannot_be_had(choice: EncoderOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert_refused(replace(choice, pretrained="laion400m_e31"), "cannot load ViT-B-32, laion400m_e31: ")


def test_a_file_that_would_run_code_is_not_loaded(choice: EncoderOptions, tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "it ran",)

    (tmp_path / "bad.pt").write_bytes(pickle.dumps({"state_dict": Code()}))
    torch.save({"state_dict": Code()}, tmp_path / "new.pt")
    for name in ("bad.pt", "new.pt"):
        assert_refused(replace(choice, pretrained=str(tmp_path / name)), "is no plain checkpoint")
    assert not (tmp_path / "it ran").exists()


def test_a_checkpoint_of_another_model_or_of_nothing(choice: EncoderOptions, tmp_path: Path) -> None:
    assert_refused(replace(choice, model="RN50"), "cannot load RN50, ")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    assert_refused(replace(choice, pretrained=str(tmp_path / "empty.safetensors")), "cannot load ViT-B-32, ")


def test_a_gpu_that_is_not_there(choice: EncoderOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert_refused(replace(choice, device="cuda"), "PyTorch sees no GPU")
