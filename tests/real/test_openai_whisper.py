"""openai-whisper itself, on PyTorch, with the real weights of tiny.en: `make test-torch` runs this."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import pytest
import torch
import whisper

from cliploom.builders.speech import Speech, SpeechInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.models.asr.openai_checkpoints import find_checkpoint
from cliploom.models.asr.whisper_torch import OriginalWhisper, load_original
from cliploom.models.asr.whisper_weights import WEIGHTS, find_model
from cliploom.schemas import Segment, Sound, problem

MEDIA = Path(__file__).parents[1] / "media"
RATE_HZ = 16_000
TINY_EN = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 384, "n_audio_head": 6, "n_audio_layer": 4}
TINY_EN |= {"n_vocab": 51864, "n_text_ctx": 448, "n_text_state": 384, "n_text_head": 6, "n_text_layer": 4}
SMALLEST = {**TINY_EN, "n_vocab": 51865, "n_text_ctx": 32, "n_audio_state": 48, "n_audio_layer": 1}
SMALLEST |= {"n_text_state": 48, "n_text_layer": 2}
KINDS = (np.float32, np.int8, np.int16, np.int32, np.float16)


def text_of(file: BinaryIO) -> str:
    (length,) = struct.unpack("<H", file.read(2))
    return file.read(length)[:-1].decode()


def converted(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a CTranslate2 model by name, in float32."""
    found = {}
    with path.open("rb") as file:
        file.read(4)
        text_of(file)
        _, count = struct.unpack("<II", file.read(8))
        for _ in range(count):
            name = text_of(file)
            (rank,) = struct.unpack("<B", file.read(1))
            shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
            kind, size = struct.unpack("<BI", file.read(5))
            found[name] = np.frombuffer(file.read(size), KINDS[kind]).reshape(shape).astype(np.float32)
    return found


def attention(to: str, names: tuple[str, ...], weight: np.ndarray, bias: np.ndarray) -> Iterator[tuple[str, Any]]:
    """CTranslate2 keeps query, key and value in one matrix; whisper's keys have no bias."""
    parts = zip(names, np.split(weight, len(names)), np.split(bias, len(names)), strict=True)
    for name, matrix, shift in parts:
        yield f"{to}.{name}.weight", matrix
        if name != "key":
            yield f"{to}.{name}.bias", shift


def layers(arrays: dict[str, np.ndarray], side: str, number: int) -> Iterator[tuple[str, Any]]:
    source, to = f"{side}/layer_{number}", f"{side}.blocks.{number}"
    norms = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}
    linears = {"self_attention/linear_1": "attn.out", "attention/linear_2": "cross_attn.out"}
    linears |= {"ffn/linear_0": "mlp.0", "ffn/linear_1": "mlp.2"}
    for old, new in norms.items():
        if f"{source}/{old}/layer_norm/gamma" in arrays:
            yield f"{to}.{new}.weight", arrays[f"{source}/{old}/layer_norm/gamma"]
            yield f"{to}.{new}.bias", arrays[f"{source}/{old}/layer_norm/beta"]
    for old, new in linears.items():
        if f"{source}/{old}/weight" in arrays:
            yield f"{to}.{new}.weight", arrays[f"{source}/{old}/weight"]
            yield f"{to}.{new}.bias", arrays[f"{source}/{old}/bias"]
    fused: list[tuple[str, tuple[str, ...], str]] = [("attn", ("query", "key", "value"), "self_attention/linear_0")]
    if side == "decoder":
        fused += [
            ("cross_attn", ("query",), "attention/linear_0"),
            ("cross_attn", ("key", "value"), "attention/linear_1"),
        ]
    for name, parts, old in fused:
        yield from attention(f"{to}.{name}", parts, arrays[f"{source}/{old}/weight"], arrays[f"{source}/{old}/bias"])


def checkpoint(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    state = {
        "encoder.positional_embedding": arrays["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": arrays["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": arrays["decoder/embeddings/weight"],
    }
    for name in ("conv1", "conv2"):
        state |= {f"encoder.{name}.{kind}": arrays[f"encoder/{name}/{kind}"] for kind in ("weight", "bias")}
    for side, norm in (("encoder", "ln_post"), ("decoder", "ln")):
        state[f"{side}.{norm}.weight"] = arrays[f"{side}/layer_norm/gamma"]
        state[f"{side}.{norm}.bias"] = arrays[f"{side}/layer_norm/beta"]
        for number in range(4):
            state |= dict(layers(arrays, side, number))
    return {name: torch.from_numpy(array.copy()) for name, array in state.items()}


def sound_of(name: str) -> np.ndarray:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(MEDIA / name)) as container:
        frames = [f for frame in container.decode(container.streams.audio[-1]) for f in resampler.resample(frame)]
    return np.concatenate([f.to_ndarray()[0] for f in frames + resampler.resample(None)])


def write_flac(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.rate, frame.pts = RATE_HZ, 0
        for packet in stream.encode(frame) + stream.encode(None):
            out.mux(packet)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("whisper")
    state = checkpoint(converted(find_model("tiny.en").folder / WEIGHTS))
    torch.save({"dims": TINY_EN, "model_state_dict": state}, made / "tiny.pt")
    torch.manual_seed(0)
    random = whisper.Whisper(whisper.ModelDimensions(**SMALLEST))
    torch.nn.init.normal_(random.decoder.positional_embedding)  # whisper leaves it as the memory was
    torch.save({"dims": SMALLEST, "model_state_dict": random.state_dict()}, made / "random.pt")
    write_flac(made / "nasa.flac", sound_of("nasa_13013.mp4"))
    write_flac(made / "silence.flac", np.zeros(5 * RATE_HZ, np.int16))
    return made


def transcribe(folder: Path, name: str, model: str, **options: Any) -> list[Segment]:
    step = Speech(model=str(folder / model), engine="openai-whisper", device="cpu", **options)
    sound = Sound(name, name, f"{name}.flac", 5.0, 4.0, -20.0, [])
    with step.open(StepContext(folder, {"": Path("x")})) as work:
        [answer] = work([SpeechInput(sound)])
    assert not isinstance(answer, RowError), answer
    rows = [row for row in answer if isinstance(row, Segment)]
    assert len(rows) == len(answer) and all(problem(row) is None for row in rows)
    return rows


@pytest.mark.parametrize("beams", [1, 5])
def test_it_hears_what_faster_whisper_hears(folder: Path, beams: int) -> None:
    original = transcribe(folder, "nasa", "tiny.pt", beams=beams)
    step = Speech(beams=beams, precision="float32")
    with step.open(StepContext(folder, {"": Path("x")})) as work:
        [faster] = work([SpeechInput(Sound("nasa", "nasa", "nasa.flac", 5.0, 4.0, -20.0, []))])
    assert not isinstance(faster, RowError)
    [one], [other] = original, faster
    assert isinstance(other, Segment) and "Webb Space Telescope" in one.text and one.text == other.text
    starts = [[w.start_s for w in said.words] for said in (one, other)]
    assert starts[0] == pytest.approx(starts[1], abs=0.5)  # their alignments look at different heads
    assert one.log_prob == pytest.approx(other.log_prob, abs=0.05)
    assert one.no_speech == pytest.approx(other.no_speech, abs=0.05)
    assert (one.language, one.doubt, one.repetition) == ("en", "", 0.0)
    assert one.source.startswith("openai-whisper tiny (local ")


def test_silence_says_nothing(folder: Path) -> None:
    assert transcribe(folder, "silence", "tiny.pt") == []


def test_silence_has_no_words_and_the_same_comes_again(folder: Path) -> None:
    ear = load_original(str(folder / "tiny.pt"), 1, "cpu", 2)
    assert ear.hear(np.zeros(5 * RATE_HZ, np.float32), "en") == []
    clear = sound_of("nasa_13013.mp4")[: 4 * RATE_HZ].astype(np.float32) / np.float32(32768)
    noisy = clear + np.random.default_rng(0).normal(0, 0.1, len(clear)).astype(np.float32)
    first = ear.hear(noisy, "en")
    assert first and first == ear.hear(noisy, "en")


def test_a_model_of_many_languages_guesses(folder: Path) -> None:
    ear = load_original(str(folder / "random.pt"), 1, "cpu", 2)
    assert len(ear.languages) == 99
    guess = ear.guess(np.zeros(RATE_HZ, np.float32))
    assert guess.language in ear.languages and 0 < guess.probability < 1


def test_official_files_are_known_by_what_is_in_them(folder: Path) -> None:
    known = whisper._MODELS
    assert all(len(address.split("/")[-2]) == 64 for address in known.values())
    assert set(known) == set(whisper._ALIGNMENT_HEADS) == set(whisper.available_models())
    digest = find_checkpoint(str(folder / "tiny.pt"), known)
    assert digest.official == ""
    assert find_checkpoint("base", known).origin == "openai ed3a0b6b1c0e"


def test_files_that_are_no_models(folder: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (folder / "run",))

    torch.save(Hostile(), folder / "hostile.pt")
    torch.save({"state_dict": {}}, folder / "other.pt")
    torch.save({"dims": SMALLEST, "model_state_dict": {}}, folder / "empty.pt")
    (folder / "text.pt").write_text("no model")
    (folder / "nothing.pt").write_bytes(b"")
    for name in ("hostile", "other", "empty", "text", "nothing"):
        with pytest.raises(UserError, match=f"cannot load the whisper model {name} ") as error:
            load_original(str(folder / f"{name}.pt"), 1, "cpu", 1)
        assert "\n" not in error.value.message
    assert not (folder / "run").exists()


def test_a_whisper_on_the_graphics_card_computes_in_half(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    ear = load_original(str(folder / "random.pt"), 1, "auto", 1)
    assert isinstance(ear, OriginalWhisper)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(ear._net, "transcribe", lambda samples, **options: asked.update(options) or {"segments": []})
    assert ear.hear(np.zeros(RATE_HZ, np.float32), "en") == []
    assert asked["fp16"] == torch.cuda.is_available()
