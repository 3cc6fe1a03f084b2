"""Clips of the right length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from ..engine.contract.errors import UserError
from ..engine.contract.step import Filter, Step
from ..schemas import Clip, Col


@dataclass(frozen=True)
class Duration(Filter[Clip]):
    """Keep clips with ``min_s <= length <= max_s``.

    The length is that of the times, not of a cut file. Reasons: ``too_short``, ``too_long``.
    """

    min_s: Annotated[float, Col("shortest clip that stays", unit="s", low=0)] = 2.0
    max_s: Annotated[float, Col("longest clip that stays", unit="s", low=0)] = 60.0

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` where nothing could stay."""
        if self.min_s > self.max_s:
            raise UserError(f"filters.duration: min_s is {self.min_s:g}, more than max_s, {self.max_s:g}")

    def drop(self, row: Clip) -> str | None:
        """Compared to the millisecond: times are sums of floats."""
        seconds = round(row.seconds, 3)
        if seconds < self.min_s:
            return "too_short"
        return "too_long" if seconds > self.max_s else None
