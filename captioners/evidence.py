"""What can be seen and heard in a clip, by small models that run on a processor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, Map, RowAnswer, StepContext, each_row
from ..models.detectors import boxes, imagenet, ocr, sounds
from ..models.detectors.boxes import BoxDetector
from ..models.detectors.colours import main_colours
from ..models.detectors.imagenet import ImageClassifier, class_names
from ..models.detectors.ocr import TextReader, merge
from ..models.detectors.sounds import SoundClassifier, read_span
from ..models.encoders.frames import one_thread, picture
from ..schemas import Clip, Col, Frame, Label, Signals, Sound
from ..schemas import Evidence as EvidenceRow

_LABELS = 10


class EvidenceInput(NamedTuple):
    """A clip, the frames stored of it, and its video's sound and signals."""

    clip: Clip
    frames: list[Frame]
    sounds: list[Sound] = []
    signals: list[Signals] = []


class EvidenceModels(NamedTuple):
    """The models that are asked; None for one that is switched off."""

    boxes: BoxDetector | None
    labels: ImageClassifier | None
    text: TextReader | None
    sounds: SoundClassifier | None


@dataclass(frozen=True)
class EvidenceStep(Map[EvidenceInput, EvidenceRow]):
    """Look at some frames of a clip and listen to it: objects, kind of picture, colours, text, sounds, motion.

    A model that is switched off needs no package. Each model runs on one thread: the engine runs as
    many workers as there are processors. Without signals, motion is measured between the frames that
    are looked at. Fails for a clip without frames (``no_frames``), and where a stored picture or sound
    cannot be read (``bad_frame``, ``bad_sound``).
    """

    frames: Annotated[int, Col("frames to look at, evenly chosen among the clip's", low=1)] = 4
    boxes: Annotated[bool, Col("find objects (COCO)")] = True
    labels: Annotated[bool, Col("classify its frames (ImageNet)")] = True
    text: Annotated[bool, Col("read text on the screen")] = True
    sounds: Annotated[bool, Col("name its sounds (AudioSet)")] = True
    min_box: Annotated[float, Col("least score of an object", low=0, high=1)] = 0.65
    min_text: Annotated[float, Col("least score of a line of text", low=0, high=1)] = 0.9
    min_sound: Annotated[float, Col("least mean score of a sound over the clip", low=0, high=1)] = 0.3

    cost = "cpu"
    memory_mb = 800
    batch = 4
    depends_on = ("start_s", "end_s")  # not how the clip was cut

    def revision(self) -> str:
        """The weights of the models that are switched on."""
        return " ".join(self._model_names())

    def _model_names(self) -> list[str]:
        models = (BoxDetector.model, ImageClassifier.model, TextReader.model, SoundClassifier.model)
        chosen = (self.boxes, self.labels, self.text, self.sounds)
        return [model for model, wanted in zip(models, chosen, strict=True) if wanted]

    def requirements(self) -> Sequence[Requirement]:
        """What the models load that are switched on."""
        models = (boxes, imagenet, ocr, sounds)
        chosen = (self.boxes, self.labels, self.text, self.sounds)
        return [
            needed for model, wanted in zip(models, chosen, strict=True) if wanted for needed in model.requirements()
        ]

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[EvidenceInput, EvidenceRow]]:
        """Load the models that are switched on."""
        with one_thread():
            models = EvidenceModels(
                BoxDetector() if self.boxes else None,
                ImageClassifier() if self.labels else None,
                TextReader() if self.text else None,
                SoundClassifier() if self.sounds else None,
            )
            yield each_row(lambda look: self._answer(look, models, context))

    def _answer(self, look: EvidenceInput, models: EvidenceModels, context: StepContext) -> RowAnswer[EvidenceRow]:
        try:
            return [self._examine(look, models, context)]
        except RowError as error:
            return error

    def _examine(self, look: EvidenceInput, models: EvidenceModels, context: StepContext) -> EvidenceRow:
        clip, frames = look.clip, _spread(look.frames, self.frames)
        if not frames:
            hint = "take more with builders.scan's frames_per_s, or drop short clips"
            raise RowError(f"no frame is stored of {clip.clip_id}: {hint}", "no_frames")
        pictures = [_decode(frame) for frame in frames]
        seen = list(zip(frames, pictures, strict=True))
        boxes, text = models.boxes, models.text
        return EvidenceRow(
            evidence_id=clip.clip_id,
            video_id=clip.video_id,
            clip_id=clip.clip_id,
            boxes=[box for f, p in seen for box in boxes.find(p, f.time_s, self.min_box)] if boxes else [],
            labels=_labels(models.labels, pictures) if models.labels else [],
            colours=main_colours(pictures),
            brightness=sum(frame.brightness for frame in frames) / len(frames),
            motion=_motion(look, pictures),
            texts=merge(text.read(picture, self.min_text) for picture in pictures) if text else [],
            sounds=self._hear(look, models.sounds, context) if models.sounds else [],
            models=self._model_names(),
        )

    def _hear(self, look: EvidenceInput, model: SoundClassifier, context: StepContext) -> list[Label]:
        if not look.sounds:
            return []
        clip, sound = look.clip, look.sounds[0]
        start_s, end_s = clip.start_s - sound.start_s, clip.end_s - sound.start_s
        samples = read_span(context.root / sound.file, start_s, end_s)
        return model.hear(samples, self.min_sound) if len(samples) else []


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """``count`` of them, evenly, each from the middle of its share."""
    ordered = sorted(frames, key=lambda frame: frame.time_s)
    if len(ordered) <= count:
        return ordered
    return [ordered[int((i + 0.5) * len(ordered) / count)] for i in range(count)]


def _decode(frame: Frame) -> NDArray[np.uint8]:
    """``(H, W, 3)`` uint8 RGB."""
    found = picture(frame)
    if isinstance(found, RowError):
        raise found
    return found


def _labels(model: ImageClassifier, pictures: list[NDArray[np.uint8]]) -> list[Label]:
    mean = model.posteriors(pictures).mean(axis=0)
    names = class_names()
    return [Label(names[i], float(mean[i])) for i in np.argsort(-mean, kind="stable")[:_LABELS]]


def _motion(look: EvidenceInput, pictures: list[NDArray[np.uint8]]) -> float:
    """Mean change from frame to frame; what the clip's first frame differs by is the cut, not motion."""
    if look.signals:
        signals = look.signals[0]
        inside = (signals.time_s > look.clip.start_s + 1e-6) & (signals.time_s < look.clip.end_s)
        return float(signals.motion[inside].mean()) if inside.any() else 0.0
    small = [_small_gray(picture) for picture in pictures]
    changes = [float(np.abs(a - b).mean()) for a, b in pairwise(small)]
    return sum(changes) / len(changes) if changes else 0.0


def _small_gray(picture: NDArray[np.uint8]) -> NDArray[Any]:
    import cv2

    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32)
