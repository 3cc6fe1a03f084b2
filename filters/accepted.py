"""Clips that people accepted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from ..engine.contract.step import Filter
from ..schemas import Clip, Col, Review


class Answered(NamedTuple):
    """A clip and what people said of its captions."""

    clip: Clip
    reviews: list[Review] = []


@dataclass(frozen=True)
class Accepted(Filter[Answered]):
    """Drop the clips that the majority of their reviewers reject.

    A person is for a clip who accepts or mends any of its captions, and against it who rejects all that they
    answered about. Reasons: ``rejected``, ``unreviewed``.
    """

    unreviewed: Annotated[str, Col("clips that nobody answered about", choices=("keep", "drop"))] = "keep"
    tie: Annotated[str, Col("clips with as many for as against", choices=("keep", "drop"))] = "keep"

    def drop(self, row: Answered) -> str | None:
        """Count people, not answers."""
        if not row.reviews:
            return "unreviewed" if self.unreviewed == "drop" else None
        people: dict[str, bool] = defaultdict(bool)
        for review in row.reviews:
            people[review.person] |= review.verdict != "reject"
        ahead = 2 * sum(people.values()) - len(people)
        return "rejected" if ahead < 0 or (ahead == 0 and self.tie == "drop") else None
