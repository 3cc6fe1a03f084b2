"""Whisper models on PyTorch, as OpenAI's own package runs them."""

from __future__ import annotations

from collections.abc import Collection
from pickle import UnpicklingError
from typing import Any

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from .openai_checkpoints import Checkpoint, alone, find_checkpoint
from .recognizer import SpeechLanguage, Utterance, WordTiming
from .windows import Samples

_SEED = 0  # the model samples where its first answer repeats itself
_BEST_OF = 5  # of samples, as whisper's own command takes


class OriginalWhisper:
    """A :class:`Recognizer`."""

    def __init__(self, net: Any, model: Checkpoint, beams: int) -> None:
        from whisper.tokenizer import LANGUAGES

        self.name = f"openai-{model.name}"
        self.source = f"openai-whisper {model.name} ({model.origin})"
        self.languages: Collection[str] = list(LANGUAGES)[: net.num_languages] if net.is_multilingual else ["en"]
        self._net, self._beams = net, beams

    def guess(self, samples: Samples) -> SpeechLanguage:
        """Costs one more pass through the encoder."""
        import whisper

        features = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), self._net.dims.n_mels)
        _, chances = self._net.detect_language(features.to(self._net.device))
        language = max(chances, key=chances.__getitem__)
        return SpeechLanguage(language, float(chances[language]))

    def hear(self, samples: Samples, language: str) -> list[Utterance]:
        """What is silence to the model (no_speech above 0.6, log_prob below -1) has no words."""
        import torch

        torch.manual_seed(_SEED)
        found = self._net.transcribe(
            samples,
            language=language,
            beam_size=self._beams if self._beams > 1 else None,
            best_of=_BEST_OF,
            word_timestamps=True,
            condition_on_previous_text=False,  # what is misheard once would be repeated
            fp16=self._net.device.type == "cuda",  # processors compute in float32
        )
        return [
            Utterance(
                words=tuple(WordTiming(float(w["start"]), float(w["end"]), w["word"]) for w in said.get("words", ())),
                language=language,
                no_speech=float(said["no_speech_prob"]),
                compression=float(said["compression_ratio"]),
                log_prob=float(said["avg_logprob"]),
            )
            for said in found["segments"]
        ]


def requirements() -> list[Requirement]:
    """What ``load_original`` loads."""
    return extra_packages("whisper", "whisper", "torch", "faster_whisper")


def load_original(name: str, beams: int, device: str, threads: int) -> OriginalWhisper:
    """The model ``name``: a ``.pt`` file, or one of OpenAI's names; 0 ``threads`` leave it to OMP_NUM_THREADS.

    Raises:
        UserError: a package is missing, or the model cannot be had or loaded.
    """
    with extra("whisper"):
        import faster_whisper  # noqa: F401  its voice detector
        import torch
        import whisper
    model = find_checkpoint(name, whisper._MODELS)
    if threads:
        torch.set_num_threads(threads)
    try:
        with alone(model):
            net = whisper.load_model(model.load, device=None if device == "auto" else device)
    except OSError as error:
        raise UserError(f"cannot get the whisper model {name}: {error}", "give the path of its .pt file") from None
    except (RuntimeError, UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"cannot load the whisper model {model.name} ({model.origin}): {_first_line(error)}",
            "another device may do, or the file is no whisper checkpoint",
        ) from None
    if model.official and model.load != model.official:  # whisper knows them by name only
        net.set_alignment_heads(whisper._ALIGNMENT_HEADS[model.official])
    return OriginalWhisper(net, model, beams)


def _first_line(error: Exception) -> str:
    said = (str(error) or repr(error)).strip().splitlines()[0]
    return said if not isinstance(error, LookupError) else f"there is no {said} in it"
