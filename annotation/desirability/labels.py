"""Panda-70M's labels of clips that are of little use for learning to make videos, by measures of our own.

The authors publish the names, examples and shares of their labels (``desirable_filtering``), not how they came to them:
the rules below are ours, and so are the limits, which were set by eye on some fifty short films and made-up ones.
"""

from __future__ import annotations

from dataclasses import dataclass

LABELS = (
    "desirable",
    "0_low_desirable_score",
    "1_still_foreground_image",
    "2_tiny_camera_movement",
    "3_screen_in_screen",
    "4_computer_screen_recording",
)


@dataclass(frozen=True, slots=True)
class ClipMeasures:
    """What is known of a clip; the names are those of its scores."""

    still_share: float
    camera_motion: float
    unexplained_motion: float
    inset: float
    inset_border: float
    flat_share: float
    plain_share: float
    edge_share: float
    quiet_share: float
    score: float | None = None  # how well its caption fits it
    texts: int | None = None  # texts read on the screen; None where nobody looked


@dataclass(frozen=True, slots=True)
class LabelLimits:
    """From where on a label is given."""

    score: float = 0.43
    still: float = 0.99
    camera: float = 0.02
    unexplained: float = 0.45
    inset: float = 0.5
    border: float = 12.0
    flat: float = 0.6
    edges: float = 0.015
    quiet: float = 0.4


def low_score(clip: ClipMeasures, limits: LabelLimits) -> bool:
    """Its caption fits it badly: ``score`` is below the limit. 0.43 is Panda-70M's, for its own retrieval model."""
    return clip.score is not None and clip.score < limits.score


def still_foreground(clip: ClipMeasures, limits: LabelLimits) -> bool:
    """Nothing moves in the middle of the picture: ``still_share`` reaches the limit."""
    return clip.still_share >= limits.still


def tiny_camera(clip: ClipMeasures, limits: LabelLimits) -> bool:
    """What moves is a slow camera over a still: less ``camera_motion`` and ``unexplained_motion`` than the limits."""
    return clip.camera_motion < limits.camera and clip.unexplained_motion < limits.unexplained


def screen_in_screen(clip: ClipMeasures, limits: LabelLimits) -> bool:
    """A rectangle moves and its surroundings do not, and its borders are seen: ``inset`` and ``inset_border``."""
    return clip.inset >= limits.inset and clip.inset_border >= limits.border


def screen_recording(clip: ClipMeasures, limits: LabelLimits) -> bool:
    """Drawn, with letters, and mostly quiet: ``flat_share``, ``plain_share``, ``edge_share``, ``quiet_share``.

    Where someone looked for texts on the screen and found none, it is none.
    """
    drawn = clip.flat_share >= limits.flat and clip.plain_share >= limits.flat and clip.edge_share >= limits.edges
    return drawn and clip.quiet_share >= limits.quiet and clip.texts != 0


def label(clip: ClipMeasures, limits: LabelLimits) -> int:
    """The place in ``LABELS`` of the first that fits: of 0, then of the special ones before the general ones."""
    rules = ((1, low_score), (5, screen_recording), (4, screen_in_screen), (2, still_foreground), (3, tiny_camera))
    return next((number for number, rule in rules if rule(clip, limits)), 0)
