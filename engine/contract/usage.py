"""What a build's models cost, and the limits on it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote, unquote

from ...schemas import Col
from ..storage.files import read_json, write_json
from .errors import Waiting

FOLDER = "spend"
_WRITE_EVERY_S = 0.5
_READ_EVERY_S = 1.0


@dataclass(frozen=True)
class Price:
    """What a model costs, in the currency of ``max_cost``."""

    input: Annotated[float, Col("price of a million tokens read", low=0)] = 0.0
    output: Annotated[float, Col("price of a million tokens written", low=0)] = 0.0


@dataclass(frozen=True)
class Budget:
    """A recipe's limits; None is no limit. Answers that are under way when a limit is met still count."""

    max_calls: Annotated[int | None, Col("questions that may be asked", low=0)] = None
    max_tokens: Annotated[int | None, Col("tokens that may be read and written", unit="tokens", low=0)] = None
    max_cost: Annotated[float | None, Col("money that may be spent, in the currency of the prices", low=0)] = None
    prices: Annotated[dict[str, Price], Col("by the model's name as it is served")] = field(default_factory=dict)


class Usage(NamedTuple):
    """Counts that add up."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def plus(self, other: Usage) -> Usage:
        """The sum."""
        calls, read, written = self.calls, self.prompt_tokens, self.completion_tokens
        return Usage(
            calls + other.calls, read + other.prompt_tokens, written + other.completion_tokens, self.cost + other.cost
        )


Usages = dict[str, Usage]  # by model


class Tally(NamedTuple):
    """What a step's answers cost, and what those from the cache would have."""

    spent: Usages
    saved: Usages


class Spend:
    """One step's count, kept in ``<build>/spend/<step>.json``, checked against the whole build's.

    A step has one counter at a time. It is written twice a second and when it is closed: a build that is
    killed forgets at most half a second of it.
    """

    def __init__(self, root: Path | None = None, step: str = "", budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._file = root / FOLDER / f"{quote(step, safe='')}.json" if root else None
        self._own: Tally | None = None
        self._written = self._read = 0.0
        self._others = Usage()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_own": None}  # each process counts from what is on disk

    def begin(self) -> None:
        """A call is about to be made.

        Raises:
            Waiting: the budget is spent.
        """
        limits = self.budget
        if limits.max_calls is limits.max_tokens is limits.max_cost is None:
            return
        spent = self.total()
        for name, limit, value in (
            ("max_calls", limits.max_calls, spent.calls),
            ("max_tokens", limits.max_tokens, spent.prompt_tokens + spent.completion_tokens),
            ("max_cost", limits.max_cost, spent.cost),
        ):
            if limit is not None and value >= limit:
                raise Waiting(f"the budget is spent ({name}: {value:,.10g} of {limit:,.10g}); raise it and build again")

    def add(self, model: str, prompt_tokens: int, completion_tokens: int, calls: int = 1) -> None:
        """Calls were made; count a call when it begins and its tokens when it ends, so that limits hold."""
        self._add(self._mine().spent, model, Usage(calls, prompt_tokens, completion_tokens))

    def save(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """An answer came from the cache: what it would have cost."""
        self._add(self._mine().saved, model, Usage(1, prompt_tokens, completion_tokens))

    def _add(self, usages: Usages, model: str, usage: Usage) -> None:
        price = self.budget.prices.get(model, Price())
        cost = (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
        usages[model] = usages.get(model, Usage()).plus(usage._replace(cost=cost))
        if time.monotonic() - self._written >= _WRITE_EVERY_S:
            self.close()

    def total(self) -> Usage:
        """What the whole build has cost, this step's part up to date."""
        if self._file is not None and time.monotonic() - self._read >= _READ_EVERY_S:
            self._read = time.monotonic()
            others = (file for file in self._file.parent.glob("*.json") if file != self._file)
            self._others = total(usage for file in others for usage in _read(file).spent.values())
        return total(self._mine().spent.values()).plus(self._others)

    def close(self) -> None:
        """Write the count down."""
        self._written = time.monotonic()
        if self._file is not None and self._own is not None and any(self._own):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            plain = {k: {m: u._asdict() for m, u in usages.items()} for k, usages in self._own._asdict().items()}
            write_json(self._file, plain)

    def _mine(self) -> Tally:
        if self._own is None:
            self._own = _read(self._file) if self._file else Tally({}, {})
        return self._own


def spent(root: Path) -> dict[str, Tally]:
    """What a build folder's steps have cost so far, by step."""
    return {unquote(file.stem): _read(file) for file in sorted((root / FOLDER).glob("*.json"))}


def _read(file: Path) -> Tally:
    found: dict[str, dict[str, dict[str, Any]]] = read_json(file, Tally._fields) or {"spent": {}, "saved": {}}
    return Tally(*({m: Usage(**u) for m, u in found[kind].items()} for kind in Tally._fields))


def total(usages: Iterable[Usage]) -> Usage:
    total = Usage()
    for usage in usages:
        total = total.plus(usage)
    return total
