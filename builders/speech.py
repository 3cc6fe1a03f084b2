"""Speech to text, with whisper models on CTranslate2."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ..engine.errors import RowError, UserError, nearest
from ..engine.extras import extra
from ..engine.step import Answer, Site, Split, Work
from ..schemas import Col, Segment, Sound
from ..schemas import Word as SpokenWord
from .hearing.models import WEIGHTS, Model, find_model, local_folder
from .hearing.windows import Window, read_windows
from .sources.ids import slug
from .subtitles.sentences import Piece, Sentence, sentences

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment as Utterance

WINDOW_S = 300.0
"""Longer sound is heard in windows: the features of an hour would take gigabytes."""
_SHORTEST_S = 0.02
_LOST_S = 1.0
_SEED = 0  # the model samples where its first answer repeats itself


class Heard(NamedTuple):
    """A video's sound, and what is known of what is said in it."""

    sound: Sound
    segments: list[Segment] = []  # a default says that no step need write them


@dataclass(frozen=True)
class Speech(Split[Heard, Segment]):
    """Transcribe the sound track into sentences with word times, with faster-whisper.

    Silence is skipped by a voice detector (silero). Nothing is thrown away for being doubtful:
    ``no_speech``, ``compression`` and ``log_prob`` say how doubtful it is, as the worst of what a
    sentence is made of. A model is looked for as a folder, in an installed weight package (tiny.en,
    base), in the hub's cache and on the hub; ``source`` says which it was. The models are those of
    Radford et al. 2022, https://arxiv.org/abs/2212.04356.
    """

    cost = "cpu"
    memory_mb = 700  # with tiny.en or base; large-v3 takes about 3000
    patience_s = 6 * 3600.0
    batch = 1

    model: Annotated[str, Col("size (tiny.en, base, small, …), repository of the hub, or folder")] = "tiny.en"
    hub_revision: Annotated[str, Col("commit, tag or branch of the repository on the hub")] = ""
    language: Annotated[str, Col("BCP 47 code of what is spoken; empty: found out, for every five minutes")] = ""
    only_missing: Annotated[bool, Col("skip videos that have subtitles")] = True
    pause_s: Annotated[float, Col("a longer silence ends a sentence", unit="s", low=0)] = 1.0
    max_s: Annotated[float, Col("a longer sentence is cut at its longest silence", unit="s", low=1)] = 20.0
    beams: Annotated[int, Col("beam search width; 1 is greedy and about a third faster", low=1, high=16)] = 5
    precision: Annotated[
        str, Col("of the weights in memory", choices=("int8", "int8_float16", "float16", "bfloat16", "float32"))
    ] = "int8"
    device: Annotated[str, Col("where it runs", choices=("auto", "cpu", "cuda"), local=True)] = "auto"
    cpu_threads: Annotated[int, Col("threads of each worker; 0: OMP_NUM_THREADS, or two", low=0, local=True)] = 0

    def revision(self) -> str:
        """A folder's weights may change under the same name."""
        folder = local_folder(self.model)
        if folder is None:
            return ""
        found = (folder / WEIGHTS).stat()
        return f"{found.st_size}:{found.st_mtime_ns}"

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Heard, Segment]]:
        """Load the model once, yield a function that transcribes sounds."""
        with extra("speech"):
            import faster_whisper  # noqa: F401
        model = find_model(self.model, self.hub_revision)
        net = self._load(model)
        language = self._language(net, model)
        yield lambda rows: [self._answer(row, net, model, language, site) for row in rows]

    def _load(self, model: Model) -> WhisperModel:
        from faster_whisper import WhisperModel

        threads = self.cpu_threads or (0 if os.environ.get("OMP_NUM_THREADS") else min(2, os.cpu_count() or 1))
        try:
            return WhisperModel(
                str(model.folder), device=self.device, compute_type=self.precision, cpu_threads=threads
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"cannot load the whisper model {model.name} ({model.origin}): {error}",
                "another precision or device may do, or the folder is no CTranslate2 model",
            ) from None

    def _language(self, net: WhisperModel, model: Model) -> str | None:
        code, known = self.language.split("-")[0].lower(), net.supported_languages
        if code and code not in known:
            raise UserError(f"the whisper model {model.name} does not know the language {code}{nearest(code, known)}")
        return code or None

    def _answer(
        self, row: Heard, net: WhisperModel, model: Model, language: str | None, site: Site
    ) -> Answer[Segment]:  # fmt: skip
        if self.only_missing and any(s.source == "subtitle" for s in row.segments):
            return []
        found: list[Segment] = []
        end_s = 0.0
        try:
            for window in read_windows(site.root / row.sound.file, WINDOW_S):
                found += self._heard(net, window, row.sound, model, language)
                end_s = window.end_s
        except RowError as error:
            return error
        if end_s < row.sound.duration_s - _LOST_S:  # FFmpeg reads a damaged file without a complaint
            return RowError(
                f"{row.sound.file}: {end_s:.1f} s of {row.sound.duration_s:.1f} s can be read", "unreadable"
            )
        return found

    def _heard(
        self, net: WhisperModel, window: Window, sound: Sound, model: Model, language: str | None
    ) -> Iterator[Segment]:  # fmt: skip
        import ctranslate2

        ctranslate2.set_random_seed(_SEED)
        found, info = net.transcribe(
            window.samples,
            language=language,
            beam_size=self.beams,
            word_timestamps=True,
            vad_filter=True,
            condition_on_previous_text=False,  # what is misheard once would be repeated
        )
        said = list(found)
        shift_s = sound.start_s + window.start_s
        pieces = [p for i, utterance in enumerate(said) for p in _pieces(utterance, i, shift_s)]
        for sentence in sentences(pieces, self.pause_s, self.max_s):
            made_of = [said[i] for i in sorted({p.origin for p in sentence.pieces})]
            yield _segment(sentence, made_of, sound, model, info.language)


def _pieces(utterance: Utterance, number: int, shift_s: float) -> Iterator[Piece]:
    for word in utterance.words or ():
        text = word.word.strip()
        if text:
            start_s, end_s = float(word.start + shift_s), float(max(word.start, word.end) + shift_s)
            yield Piece(start_s, end_s, text, word.word[0].isspace(), (SpokenWord(start_s, end_s, text),), number)


def _segment(
    sentence: Sentence, made_of: Sequence[Utterance], sound: Sound, model: Model, language: str
) -> Segment:  # fmt: skip
    start_s = sentence.start_s
    end_s = max(sentence.end_s, start_s + _SHORTEST_S)
    times = f"{round(start_s * 1000):09d}_{round(end_s * 1000):09d}"
    return Segment(
        segment_id=f"{sound.video_id}_speech-{slug(model.name)}_{times}",
        video_id=sound.video_id,
        start_s=start_s,
        end_s=end_s,
        text=sentence.text,
        words=sentence.words,
        language=language,
        source=f"faster-whisper {model.name} ({model.origin})",
        no_speech=min(1.0, max(0.0, *(float(u.no_speech_prob) for u in made_of))),
        compression=max(float(u.compression_ratio) for u in made_of),
        log_prob=min(0.0, *(float(u.avg_logprob) for u in made_of)),
    )
