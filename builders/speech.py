"""Speech to text, with whisper models."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, NamedTuple

from ..engine.contract.errors import RowError, UserError, nearest
from ..engine.contract.requirements import Requirement
from ..engine.contract.resources import Resources
from ..engine.contract.step import BatchFunction, RowAnswer, Split, Step, StepContext, each_row
from ..models.asr import whisper_ctranslate, whisper_torch
from ..models.asr.hallucinations import SentenceMeasures, repeats
from ..models.asr.openai_checkpoints import local_file
from ..models.asr.recognizer import Recognizer, Utterance
from ..models.asr.transcribe import listen
from ..models.asr.whisper_ctranslate import load_faster
from ..models.asr.whisper_torch import load_original
from ..models.asr.whisper_weights import WEIGHTS, local_folder
from ..schemas import Col, Segment, Sound
from ..schemas import Word as SpokenWord
from ..schemas.ids import free_id, span_id
from .sources.ids import slug
from .subtitles.sentences import Sentence, TextPiece, sentences

_SHORTEST_S = 0.02
_LOST_S = 1.0


class SpeechInput(NamedTuple):
    """A video's sound, and what is known of what is said in it."""

    sound: Sound
    segments: list[Segment] = []  # a default says that no step need write them


@dataclass(frozen=True)
class Speech(Split[SpeechInput, Segment]):
    """Transcribe the sound track into sentences with word times, with faster-whisper or openai-whisper.

    What a voice detector (silero) takes for silence is skipped, and so is what the model itself does
    (``no_speech`` above 0.6 with a ``log_prob`` below -1). All else has rows, however doubtful it is:
    ``repetition``, ``no_speech``, ``compression`` and ``log_prob`` are the worst of what a sentence is
    made of, ``doubt`` is the verdict, and ``filters.transcript`` drops by them.
    With faster-whisper, ``model`` is looked for as a folder, in an installed weight package (tiny.en,
    base), in the hub's cache and on the hub; with openai-whisper, as a ``.pt`` file, in whisper's cache
    and on OpenAI's site. ``source`` says which it was. The models are those of Radford et al. 2022,
    https://arxiv.org/abs/2212.04356.
    """

    version = 2
    cost = "cpu"
    memory_mb = 700  # with tiny.en or base; large-v3 takes about 3000
    timeout_s = 6 * 3600.0
    batch = 1

    model: Annotated[str, Col("size (tiny.en, base, small, …), repository of the hub, folder or .pt file")] = "tiny.en"
    engine: Annotated[
        str, Col("what runs it; openai-whisper needs PyTorch", choices=("faster-whisper", "openai-whisper"))
    ] = "faster-whisper"
    hub_revision: Annotated[str, Col("commit, tag or branch of the repository on the hub")] = ""
    language: Annotated[str, Col("BCP 47 code of what is spoken; empty: found out, every half minute of speech")] = ""
    only_missing: Annotated[bool, Col("skip videos that have subtitles")] = True
    pause_s: Annotated[float, Col("a longer silence ends a sentence", unit="s", low=0)] = 1.0
    max_s: Annotated[float, Col("a longer sentence is cut at its longest silence", unit="s", low=1)] = 20.0
    beams: Annotated[int, Col("beam search width; 1 is greedy and about a third faster", low=1, high=16)] = 5
    precision: Annotated[
        str,
        Col(
            "of the weights in faster-whisper's memory; openai-whisper takes float16 on cuda, else float32",
            choices=("int8", "int8_float16", "float16", "bfloat16", "float32"),
        ),
    ] = "int8"
    device: Annotated[str, Col("where it runs", choices=("auto", "cpu", "cuda"), local=True)] = "auto"
    cpu_threads: Annotated[int, Col("threads of each worker; 0: OMP_NUM_THREADS, or two", low=0, local=True)] = 0

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a commit of the hub where the models are not from there."""
        if self.engine == "openai-whisper" and self.hub_revision:
            raise UserError(
                "builders.speech: openai-whisper's models are not on the hub", "take hub_revision out of the recipe"
            )

    def requirements(self) -> Sequence[Requirement]:
        """The program, and the model where it is no file."""
        if self.engine == "openai-whisper":
            return whisper_torch.requirements()
        return whisper_ctranslate.requirements(self.model, self.hub_revision)

    def resources(self) -> Resources:
        """A share of a GPU if there is one."""
        large = "large" in self.model or "turbo" in self.model
        if self.device == "cpu":
            return Resources(memory_mb=self.memory_mb)
        return Resources(gpus=0.5 if large else 0.25, memory_mb=self.memory_mb)

    def revision(self) -> str:
        """A file's weights may change under the same name."""
        weights = self._local_weights()
        if weights is None:
            return ""
        found = weights.stat()
        return f"{found.st_size}:{found.st_mtime_ns}"

    def _local_weights(self) -> Path | None:
        if self.engine == "openai-whisper":
            return local_file(self.model)
        folder = local_folder(self.model)
        return None if folder is None else folder / WEIGHTS

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[SpeechInput, Segment]]:
        """Load the model once, yield a function that transcribes sounds."""
        ear = self._load()
        language = self._language(ear)
        yield each_row(lambda row: self._answer(row, ear, language, context))

    def _load(self) -> Recognizer:
        threads = self.cpu_threads or (0 if os.environ.get("OMP_NUM_THREADS") else min(2, os.cpu_count() or 1))
        if self.engine == "openai-whisper":
            return load_original(self.model, self.beams, self.device, threads)
        return load_faster(self.model, self.hub_revision, self.beams, self.precision, self.device, threads)

    def _language(self, ear: Recognizer) -> str:
        """What is spoken; empty for a model of several languages that is to find out."""
        code, known = self.language.split("-")[0].lower(), ear.languages
        if code and code not in known:
            raise UserError(f"the whisper model {ear.name} does not know the language {code}{nearest(code, known)}")
        return code or ("" if len(known) > 1 else next(iter(known)))

    def _answer(self, row: SpeechInput, ear: Recognizer, language: str, context: StepContext) -> RowAnswer[Segment]:
        if self.only_missing and any(s.source == "subtitle" for s in row.segments):
            return []
        try:
            heard = listen(context.root / row.sound.file, ear, language)
        except RowError as error:
            return error
        if heard.end_s < row.sound.duration_s - _LOST_S:  # FFmpeg reads a damaged file without a complaint
            return RowError(
                f"{row.sound.file}: {heard.end_s:.1f} s of {row.sound.duration_s:.1f} s can be read", "unreadable"
            )
        return list(self._segments(heard.said, row.sound, ear))

    def _segments(self, said: Sequence[Utterance], sound: Sound, ear: Recognizer) -> Iterator[Segment]:
        pieces = [p for i, utterance in enumerate(said) for p in _pieces(utterance, i, sound.start_s)]
        again = iter(repeats([p.text for p in pieces]))
        used: set[str] = set()
        for language, run in groupby(pieces, lambda p: said[p.origin].language):
            for sentence in sentences(list(run), self.pause_s, self.max_s):
                repeated = list(islice(again, len(sentence.pieces)))
                made_of = [said[i] for i in sorted({p.origin for p in sentence.pieces})]
                measures = SentenceMeasures(
                    repetition=sum(repeated) / len(repeated),
                    no_speech=min(1.0, max(0.0, *(u.no_speech for u in made_of))),
                    compression=max(u.compression for u in made_of),
                    log_prob=min(0.0, *(u.log_prob for u in made_of)),
                )
                yield _segment(_Sentence(sentence, language, measures), sound, ear, used)


class _Sentence(NamedTuple):
    """One sentence, and what is known of it."""

    sentence: Sentence
    language: str
    measures: SentenceMeasures


def _pieces(utterance: Utterance, number: int, shift_s: float) -> Iterator[TextPiece]:
    for word in utterance.words:
        text = word.text.strip()
        if text:
            start_s, end_s = word.start_s + shift_s, max(word.start_s, word.end_s) + shift_s
            yield TextPiece(start_s, end_s, text, word.text[0].isspace(), (SpokenWord(start_s, end_s, text),), number)


def _segment(heard: _Sentence, sound: Sound, ear: Recognizer, used: set[str]) -> Segment:
    sentence = heard.sentence
    start_s = sentence.start_s
    end_s = max(sentence.end_s, start_s + _SHORTEST_S)
    key = free_id(span_id(f"{sound.video_id}_speech-{slug(ear.name)}", start_s, end_s), used)
    used.add(key)
    return Segment(
        segment_id=key,
        video_id=sound.video_id,
        start_s=start_s,
        end_s=end_s,
        text=sentence.text,
        words=sentence.words,
        language=heard.language,
        source=ear.source,
        **heard.measures._asdict(),
        doubt=heard.measures.doubt,
    )
