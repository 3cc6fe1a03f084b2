"""Which caption is which: its id, and whether it is real."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.options import digest, plain_options
from ...engine.step import Step
from ...schemas import Caption

FAKE = "fake"
"""The teacher and the model of a dry run."""


def caption_id(step: Step, clip_id: str, teacher: str, kind: str, parents: Sequence[str] = ()) -> str:
    """The clip, the teacher, and eight digits of what the text depends on: role, parents, the step's options."""
    made_from = digest(kind, list(parents), plain_options(step, hashed=True), step.revision())
    return f"{clip_id}_{teacher}_{made_from[:8]}"


def is_fake(caption: Caption) -> bool:
    """Whether it comes from a dry run."""
    return FAKE in (caption.teacher, caption.model)
