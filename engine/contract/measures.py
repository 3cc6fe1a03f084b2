"""The scores that steps before one measure."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import UserError, nearest
from .step import Step


def measured_scores(earlier: Sequence[Step]) -> list[str]:
    """Their names, in order of the steps."""
    return list(dict.fromkeys(name for step in earlier for name in step.measures))


def check_score(option: str, score: str, earlier: Sequence[Step]) -> None:
    """``UserError`` naming the option, for a score that no step before measures."""
    measured = measured_scores(earlier)
    if score not in measured:
        said = f"{option} is {score}, which no step before it measures{nearest(score, measured)}"
        raise UserError(said, f"there are: {', '.join(measured) or 'none'}")
