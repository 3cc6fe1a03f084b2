"""Clips of the right length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Filter, Step
from ..schemas import Clip, Col

if TYPE_CHECKING:
    import pyarrow as pa


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

    def table_columns(self) -> Sequence[str]:
        """The times."""
        return "start_s", "end_s"

    def drop_table(self, table: pa.Table) -> pa.Array:
        """As ``drop``, for many clips at once."""
        import pyarrow as pa

        seconds = table.column("end_s").to_numpy() - table.column("start_s").to_numpy()
        near = np.minimum(abs(seconds - self.min_s), abs(seconds - self.max_s)) < 0.002  # where rounding may matter
        seconds[near] = [round(value, 3) for value in seconds[near].tolist()]
        short, long = seconds < self.min_s, seconds > self.max_s
        return pa.array(np.where(short, "too_short", "too_long"), pa.string(), mask=~(short | long))
