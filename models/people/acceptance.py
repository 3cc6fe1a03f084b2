"""Is a release good enough? Sampled by people: how many must look, and when it is decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import duckdb

_Z = 1.959964  # of 95 % on both sides


class AcceptanceDecision(NamedTuple):
    """What the answers so far decide."""

    state: Literal["accepted", "rejected", "open"]
    more: int  # answers that are still needed, if all of them are good; 0 where it is decided
    good: int
    bad: int

    @property
    def share(self) -> Wilson:
        """The share of good ones among those looked at, with its 95 % interval."""
        return wilson(self.good, self.good + self.bad)


class Wilson(NamedTuple):
    """A share and its 95 % interval (Wilson 1927)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AcceptancePlan:
    """``share`` of ``population`` is good, with ``confidence``: a single sampling plan that may stop early.

    ``allowed`` bad ones in the sample are taken into account beforehand: none needs the fewest answers, and fails a
    release that is just good enough most of the time. The size is exact (hypergeometric); stopping as soon as the rest
    cannot change the outcome costs no confidence.
    """

    population: int
    share: float = 0.95
    confidence: float = 0.95
    allowed: int = 0

    def sample_size(self) -> int:
        """How many must be looked at."""
        low, high = min(self.allowed + 1, self.population), self.population
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._risk(middle) <= 1 - self.confidence + 1e-12 else (middle + 1, high)
        return low

    def _risk(self, sample: int) -> float:
        """The chance that a population that is just not good enough passes."""
        bad = math.floor((1 - self.share) * self.population + 1e-9) + 1
        return sum(
            _hypergeometric(self.population, min(bad, self.population), sample, k) for k in range(self.allowed + 1)
        )

    def decide(self, good: int, bad: int) -> AcceptanceDecision:
        """What so many good and bad ones of the sample decide."""
        if bad > self.allowed:
            return AcceptanceDecision("rejected", 0, good, bad)
        more = max(0, self.sample_size() - self.allowed - good)
        return AcceptanceDecision("open" if more else "accepted", more, good, bad)


def _hypergeometric(population: int, bad: int, sample: int, found: int) -> float:
    """The chance of so many bad ones in a sample."""
    if found > min(bad, sample) or sample - found > population - bad:
        return 0.0
    return math.exp(
        _log_choose(bad, found) + _log_choose(population - bad, sample - found) - _log_choose(population, sample)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def wilson(good: int, total: int, z: float = _Z) -> Wilson:
    """The share of good ones and its 95 % interval, or that of ``z`` deviations; 0 to 1 where nobody looked."""
    if not total:
        return Wilson(0.0, 0.0, 1.0)
    share, z2 = good / total, z**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return Wilson(share, max(0.0, middle - half), min(1.0, middle + half))


_COUNTS = """
SELECT count(*) FILTER (accepted > others), count(*) FILTER (accepted <= others) FROM (
    SELECT task_id, count(*) FILTER (verdict = 'accept') AS accepted, count(*) FILTER (verdict <> 'accept') AS others
    FROM {reviews} AS answers SEMI JOIN {clips} USING (clip_id)
    WHERE kind IN ('judge', 'edit', 'choose') AND verdict <> 'cannot_tell'
        AND gold IS NULL AND coalesce(holds, true) GROUP BY task_id
)
"""


def release_acceptance(
    db: duckdb.DuckDBPyConnection,
    share: float = 0.95,
    confidence: float = 0.95,
    allowed: int = 0,
    clips: str = "clips",
    reviews: str = "reviews",
) -> AcceptanceDecision:
    """What the reviews of a build decide about its clips; ``db`` has the view ``reviews``.

    ``clips`` and ``reviews``, tables or queries in brackets, hold the clips that are decided about, and answers to
    tasks that were drawn by chance: of others nothing follows.

    A task is good where more people accept its caption as it is than not: a caption that needed a correction is none
    of the release's good ones. Tasks with known answers were not drawn by chance, and answers that do not hold decide
    nothing: neither counts.
    """
    [(population,)] = db.execute(f"SELECT count(*) FROM {clips}").fetchall()
    [(good, bad)] = db.execute(_COUNTS.format(clips=clips, reviews=reviews)).fetchall()
    return AcceptancePlan(population, share, confidence, allowed).decide(good, bad)
