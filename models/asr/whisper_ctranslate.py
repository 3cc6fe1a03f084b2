"""Whisper models on CTranslate2, as faster-whisper runs them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from . import whisper_weights
from .recognizer import SpeechLanguage, Utterance, WordTiming
from .whisper_weights import WhisperModelFiles, find_model
from .windows import Samples

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_SEED = 0  # the model samples where its first answer repeats itself


class FasterWhisper:
    """A :class:`Recognizer`."""

    def __init__(self, net: WhisperModel, model: WhisperModelFiles, beams: int) -> None:
        self.name = model.name
        self.source = f"faster-whisper {model.name} ({model.origin})"
        self.languages: Collection[str] = net.supported_languages
        self._net, self._beams = net, beams

    def guess(self, samples: Samples) -> SpeechLanguage:
        """Costs one more pass through the encoder."""
        language, probability, _ = self._net.detect_language(samples)
        return SpeechLanguage(language, float(probability))

    def hear(self, samples: Samples, language: str) -> list[Utterance]:
        """What is silence to the model (no_speech above 0.6, log_prob below -1) has no words."""
        import ctranslate2

        ctranslate2.set_random_seed(_SEED)
        found, _ = self._net.transcribe(
            samples,
            language=language,
            beam_size=self._beams,
            word_timestamps=True,
            condition_on_previous_text=False,  # what is misheard once would be repeated
        )
        return [
            Utterance(
                words=tuple(WordTiming(float(w.start), float(w.end), w.word) for w in said.words or ()),
                language=language,
                no_speech=float(said.no_speech_prob),
                compression=float(said.compression_ratio),
                log_prob=float(said.avg_logprob),
            )
            for said in found
        ]


def requirements(name: str, revision: str) -> list[Requirement]:
    """What ``load_faster`` loads."""
    return [*extra_packages("speech", "faster_whisper"), *whisper_weights.requirements(name, revision)]


def load_faster(name: str, revision: str, beams: int, precision: str, device: str, threads: int) -> FasterWhisper:
    """The model ``name``: a folder, a package, a size or a repository; 0 ``threads`` leave it to OMP_NUM_THREADS.

    Raises:
        UserError: the package is missing, or the model cannot be had or loaded.
    """
    with extra("speech"):
        from faster_whisper import WhisperModel
    model = find_model(name, revision)
    try:
        net = WhisperModel(str(model.folder), device=device, compute_type=precision, cpu_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"cannot load the whisper model {model.name} ({model.origin}): {error}",
            "another precision or device may do, or the folder is no CTranslate2 model",
        ) from None
    return FasterWhisper(net, model, beams)
