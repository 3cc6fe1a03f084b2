"""What stands between a sound and a speech model: doubts, passages, languages, and OpenAI's own package."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from cliploom.builders.speech import Speech, SpeechInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import StepContext
from cliploom.models.asr.hallucinations import SentenceMeasures, repeats
from cliploom.models.asr.recognizer import Recognizer, SpeechLanguage, Utterance, WordTiming
from cliploom.models.asr.transcribe import listen
from cliploom.models.asr.voice_activity import passages
from cliploom.models.asr.windows import RATE_HZ, Samples
from cliploom.schemas import Segment, Sound, problem

MEDIA = Path(__file__).parents[2] / "media"


def voice(name: str = "obama_statement.mp4") -> np.ndarray:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(MEDIA / name)) as container:
        frames = [f for frame in container.decode(container.streams.audio[-1]) for f in resampler.resample(frame)]
    return np.concatenate([f.to_ndarray()[0] for f in frames + resampler.resample(None)])


def write_flac(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.rate, frame.pts = RATE_HZ, 0
        out.mux(stream.encode(frame) + stream.encode(None))


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("", ""),
        ("We fold the paper and fold the paper", "........"),
        ("no, No! no. well", "...."),
        ("No no no no no", "...++"),
        ("thank you. Thank you. Thank you! THANK you. thank", "......+++"),
        ("so a b c a b c a b c a b c d", "..........+++."),
        ("la - la - la - la", "......+"),
        ("は は は は", "...+"),
    ],
)
def test_what_is_said_for_the_fourth_time_in_a_row_repeats(text: str, again: str) -> None:
    assert "".join(".+"[r] for r in repeats(text.split())) == again


def test_a_long_sentence_that_comes_again_and_again_repeats() -> None:
    sentence = [f"w{i}" for i in range(30)]
    assert sum(repeats(sentence * 3)) == 0 and sum(repeats(sentence * 5)) == 60
    assert sum(repeats([*sentence, "x"] * 5)) == 0  # longer than any loop of whisper's


@pytest.mark.parametrize(
    ("measures", "doubt"),
    [
        (SentenceMeasures(0.0, 0.03, 1.2, -0.38), ""),  # as measured of a clear voice
        (SentenceMeasures(0.5, 0.6, 2.4, -1.0), ""),
        (SentenceMeasures(0.51, 0.9, 9.0, -2.0), "repetition"),
        (SentenceMeasures(0.0, 0.95, 0.3, -0.71), "no_speech"),  # the “you” that tiny.en hears in silence
        (SentenceMeasures(0.0, 0.95, 1.0, -0.3), ""),  # the text is too likely for silence
        (SentenceMeasures(0.0, 0.1, 2.5, -0.3), "compression"),
        (SentenceMeasures(0.0, 0.1, 1.5, -1.1), "log_prob"),
    ],
)
def test_doubts(measures: SentenceMeasures, doubt: str) -> None:
    assert measures.doubt == doubt


def test_passages_leave_silence_out_and_know_where_it_was() -> None:
    said = voice()
    samples = np.concatenate([quiet(10), said, quiet(20), said, quiet(5)]).astype(np.float32) / np.float32(32768)
    assert list(passages(samples[: 8 * RATE_HZ])) == []
    [whole] = passages(samples)
    length_s = len(said) / RATE_HZ
    assert len(whole.samples) == sum(s.end - s.start for s in whole.stretches) < 2.2 * len(said)
    assert whole.silence_s(0.0) == pytest.approx(10, abs=0.7)
    assert whole.silence_s(len(whole.samples) / RATE_HZ) == pytest.approx(30, abs=1.7)
    apart = list(passages(samples, longest_s=10.0))
    assert [p.stretches[0].start / RATE_HZ for p in apart] == pytest.approx([10, 30 + length_s], abs=0.7)
    assert [s for p in apart for s in p.stretches] == list(whole.stretches)
    short = list(passages(samples, longest_s=5.0))
    assert len(short) > 2 and all(len(p.samples) <= 5 * RATE_HZ for p in short)


class Polyglot:
    """A recogniser that hears one word in each passage, in the languages that it is given."""

    name = source = "polyglot"
    languages = ("en", "fr")

    def __init__(self, *guesses: SpeechLanguage) -> None:
        self.guesses = iter(guesses)
        self.heard: list[str] = []

    def guess(self, samples: Samples) -> SpeechLanguage:
        return next(self.guesses)

    def hear(self, samples: Samples, language: str) -> list[Utterance]:
        self.heard.append(language)
        end_s = len(samples) / RATE_HZ
        return [Utterance((WordTiming(end_s - 1, end_s - 0.5, " oui"),), language, 0.0, 1.0, -0.1)]


def test_a_change_of_language_is_followed_and_a_weak_guess_is_not(tmp_path: Path) -> None:
    said = voice()
    write_flac(tmp_path / "a.flac", np.concatenate([np.concatenate([said] * 3), quiet(3)] * 4))  # 26 s of speech each
    guesses = SpeechLanguage("fr", 0.3), SpeechLanguage("en", 0.9), SpeechLanguage("fr", 0.4), SpeechLanguage("fr", 0.6)
    ear: Recognizer = Polyglot(*guesses)
    found = listen(tmp_path / "a.flac", ear, "")
    assert [u.language for u in found.said] == ["fr", "en", "en", "fr"]
    turn_s = 3 * len(said) / RATE_HZ + 3
    ends = [u.words[0].end_s for u in found.said]
    assert ends == pytest.approx([turn_s * (i + 1) - 3.5 for i in range(4)], abs=1.0)
    told = Polyglot()
    assert len(listen(tmp_path / "a.flac", told, "fr").said) == 1 and told.heard == ["fr"]


class Net:
    """Answers as ``whisper.Whisper.transcribe`` of 20250625 does, and remembers what it was asked."""

    dims = SimpleNamespace(n_mels=80)
    num_languages = 2

    def __init__(self, device: str, multilingual: bool) -> None:
        self.device = SimpleNamespace(type=device)
        self.is_multilingual = multilingual
        self.heads = b""
        self.asked: list[dict[str, Any]] = []

    def set_alignment_heads(self, dump: bytes) -> None:
        self.heads = dump

    def detect_language(self, features: Any) -> tuple[Any, dict[str, float]]:
        return None, {"en": 0.2, "fr": 0.8}

    def transcribe(self, audio: np.ndarray, **options: Any) -> dict[str, Any]:
        assert audio.dtype == np.float32 and audio.ndim == 1
        self.asked.append(options)
        common = {"seek": 0, "temperature": 0.0, "avg_logprob": -0.25, "compression_ratio": 1.3, "no_speech_prob": 0.02}
        words = [(" Today,", 0.4, 0.8), (" after", 0.9, 1.2), (" two", 1.2, 1.4), (" years.", 1.4, 2.0)]
        timed = [{"word": w, "start": np.float64(a), "end": np.float64(b), "probability": 0.9} for w, a, b in words]
        said = {"id": 0, "start": np.float64(0.4), "end": np.float64(2.0), "text": " Today, after two years."}
        cleared = {"id": 1, "start": 2.0, "end": 2.0, "text": "", "tokens": [], "words": [], **common}
        return {"text": "", "segments": [{**said, "tokens": [1], "words": timed, **common}, cleared], "language": "en"}


@pytest.fixture
def whisper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """OpenAI's package as far as the step sees it, so that no PyTorch is needed; ``nets`` are what it loaded."""
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path / "cache"))
    module, tokenizer, torch = ModuleType("whisper"), ModuleType("whisper.tokenizer"), ModuleType("torch")
    nets: list[Net] = []

    def load_model(name: str, device: str | None = None) -> Net:
        if name == "base":
            raise OSError("<urlopen error no network>")
        if Path(name).is_file() and Path(name).read_bytes() == b"broken":
            raise KeyError("dims")
        nets.append(Net(device or "cpu", multilingual=".en" not in name))
        return nets[-1]

    known = {"tiny.en": "https://x/" + "1" * 64 + "/tiny.en.pt", "base": "https://x/" + "2" * 64 + "/base.pt"}
    known["small"] = f"https://x/{hashlib.sha256(b'official').hexdigest()}/small.pt"
    vars(module).update(
        _MODELS=known, _ALIGNMENT_HEADS={"small": b"heads of small"}, load_model=load_model, nets=nets,
        pad_or_trim=lambda samples: samples, log_mel_spectrogram=lambda samples, bands: FakeTensor(),
    )  # fmt: skip
    vars(tokenizer)["LANGUAGES"] = {"en": "english", "fr": "french", "de": "german"}
    vars(torch).update(manual_seed=lambda seed: None, set_num_threads=lambda number: None)
    for fake in (module, tokenizer, torch):
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    yield module


class FakeTensor:
    def to(self, device: Any) -> FakeTensor:
        return self


def transcribe(folder: Path, **options: Any) -> list[Segment]:
    write_flac(folder / "a.flac", np.concatenate([quiet(20), voice()]))
    with Speech(engine="openai-whisper", **options).open(StepContext(folder, {"": Path("x")})) as work:
        [answer] = work([SpeechInput(Sound("a", "a", "a.flac", 5.0, 28.0, -20.0, []))])
    assert not isinstance(answer, RowError), answer
    rows = [row for row in answer if isinstance(row, Segment)]
    assert len(rows) == len(answer) and all(problem(row) is None for row in rows)
    return rows


def test_openai_whisper_hears(whisper: ModuleType, tmp_path: Path) -> None:
    [said] = transcribe(tmp_path, model="tiny.en", beams=1)
    assert said.text == "Today, after two years." == " ".join(w.text for w in said.words)
    assert said.start_s == pytest.approx(5 + 20 + 0.4, abs=0.7)
    assert [w.start_s - said.start_s for w in said.words] == pytest.approx([0, 0.5, 0.8, 1.0])
    assert all(type(w.start_s) is float for w in said.words)
    assert said.source == "openai-whisper tiny.en (openai 111111111111)"
    assert said.segment_id.startswith("a_speech-openai-tiny-en_0000")
    measures = (said.language, said.no_speech, said.compression, said.log_prob, said.repetition, said.doubt)
    assert measures == ("en", 0.02, 1.3, -0.25, 0.0, "")
    [asked] = whisper.nets[0].asked
    assert (asked["language"], asked["beam_size"], asked["fp16"], asked["word_timestamps"]) == ("en", None, False, True)


def test_openai_whisper_on_a_graphics_card_finds_the_language(whisper: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(b"official")
    [said] = transcribe(tmp_path, model=str(tmp_path / "mine.pt"), device="cuda")
    digest = hashlib.sha256(b"official").hexdigest()[:12]
    assert (said.language, said.source) == ("fr", f"openai-whisper mine (local {digest})")
    [net] = whisper.nets
    assert net.heads == b"heads of small"  # it is OpenAI's file under another name
    assert (net.asked[0]["language"], net.asked[0]["beam_size"], net.asked[0]["fp16"]) == ("fr", 5, True)


def test_openai_whisper_models_that_cannot_be_had(whisper: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "odd.pt").write_bytes(b"broken")
    digest = hashlib.sha256(b"broken").hexdigest()[:12]
    for model, said in {
        "tiny.em": "openai-whisper has no model tiny.em; did you mean tiny.en?",
        "models/tiny.pt": "there is no file models/tiny.pt",
        "base": "cannot get the whisper model base: <urlopen error no network>",
        str(tmp_path / "odd.pt"): f"cannot load the whisper model odd (local {digest}): there is no 'dims' in it",
    }.items():
        with pytest.raises(UserError) as error:
            transcribe(tmp_path, model=model)
        assert error.value.message == said and error.value.hint
    with pytest.raises(UserError, match="the whisper model openai-tiny.en does not know the language de"):
        transcribe(tmp_path, model="tiny.en", language="de")
    with pytest.raises(UserError, match="not on the hub"):
        Speech(engine="openai-whisper", hub_revision="main").check(())


def test_a_missing_package_becomes_its_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "whisper", None)
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with pytest.raises(UserError) as error:
        transcribe(tmp_path, model="tiny.en")
    assert "cliploom[whisper]" in error.value.hint


def test_a_checkpoint_that_changes_is_another_step(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"one")
    step = Speech(engine="openai-whisper", model=str(tmp_path / "a.pt"))
    before = step.revision()
    (tmp_path / "a.pt").write_bytes(b"other")
    assert before and before != step.revision() and Speech(engine="openai-whisper").revision() == ""
