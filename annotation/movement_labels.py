"""Labels of where a clip moves, and where its colours change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.contract.errors import RowError
from ..engine.contract.step import BatchFunction, RowAnswer, Split, StepContext, each_row
from ..schemas import Clip, Col, Frame, Score
from .movement.appearance_labels import PROFILES, appearance_labels
from .movement.motion_labels import FRAMES, SIDE, motion_labels

_HEIGHT, _WIDTH = 128, 171
_NAMES = (*(f"motion_label_{n}" for n in range(1, 15)), *(f"appearance_label_{n}" for n in range(1, 14)))


class MovementLabelsInput(NamedTuple):
    """A clip, and its stored frames."""

    clip: Clip
    frames: list[Frame]


@dataclass(frozen=True)
class MovementLabels(Split[MovementLabelsInput, Score]):
    """Tell where a clip moves most and which way, and where its colours change, as 14 and 13 numbers from 1 on.

    The labels of spatio-temporal statistics (Wang et al. 2019, https://arxiv.org/abs/1904.03597), of 16 stored frames,
    evenly spread, at 128 x 171 with the middle cut out. Scores: ``motion_label_1`` to ``motion_label_14`` (block and
    direction of the change of horizontal flow, then of vertical flow, for blocks, rings and triangles; then the frame
    of each) and ``appearance_label_1`` to ``appearance_label_13`` (the most diverse block, its colour, the most
    constant block, its colour, for each; then the colour of all). Flow is OpenCV's DIS flow: the authors' TV-L1 is not
    in its usual packages, so numbers differ from theirs where flow does. Fails for a clip with fewer stored frames
    (``few_frames``).
    """

    profile: Annotated[str, Col("`published` with a slip of the authors' code, `fixed` without", choices=PROFILES)] = (
        "published"
    )

    memory_mb = 500
    measures = _NAMES

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[MovementLabelsInput, Score]]:
        """Make the flow."""
        import cv2

        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        made = f"cliploom movement labels {self.version}, DIS flow, OpenCV {cv2.__version__}"
        yield each_row(lambda row: self._answer(row, flow, made))

    def _answer(self, row: MovementLabelsInput, flow: Any, made: str) -> RowAnswer[Score]:
        clip, held = row.clip, sorted(row.frames, key=lambda frame: frame.time_s)
        if len(held) < FRAMES:
            said = f"{clip.clip_id} has {len(held)} stored frames, and the labels are of {FRAMES}"
            return RowError(f"{said}; take more with builders.scan's frames_per_s", "few_frames")
        some = [held[at] for at in np.linspace(0, len(held) - 1, FRAMES).round().astype(int).tolist()]
        pictures = np.stack([_middle(frame) for frame in some])
        gray = pictures.astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)
        small = gray.round().astype(np.uint8)
        fields = np.stack([flow.calc(a, b, None) for a, b in zip(small, small[1:], strict=False)])
        labels = [*motion_labels(fields[..., 0], fields[..., 1]), *appearance_labels(pictures, self.profile)]
        return [
            Score(f"{clip.clip_id}_{name}", clip.video_id, clip.clip_id, None, name, float(value), made)
            for name, value in zip(_NAMES, labels, strict=True)
        ]


def _middle(frame: Frame) -> NDArray[np.uint8]:
    """``(112, 112, 3)`` uint8 BGR."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR) if frame.jpeg else None
    if picture is None:
        raise RowError(f"the stored frame {frame.frame_id} is no picture: scan the video again", "bad_frame")
    small = np.asarray(cv2.resize(picture, (_WIDTH, _HEIGHT)), np.uint8)
    top, left = (_HEIGHT - SIDE) // 2, (_WIDTH - SIDE) // 2
    return small[top : top + SIDE, left : left + SIDE]
