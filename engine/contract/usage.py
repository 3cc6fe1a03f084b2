"""What a build's models cost, and the limits on it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple
from urllib.parse import quote, unquote
from weakref import WeakValueDictionary

from ...schemas import Col
from ..storage.files import read_json, write_json
from ..storage.filesystem import LocalFolder
from .errors import Waiting

FOLDER = "usage"
_WRITE_EVERY_S = 0.5
_ROUNDED = 1 + 1e-9  # sums of prices have last digits of their own
_PART = "@"  # before the part of a build that a count is of, in the name of its file
_LOCK = threading.RLock()  # steps that ask servers have a thread each


@dataclass(frozen=True)
class Price:
    """What a model costs, in the currency of ``max_cost``."""

    input: Annotated[float, Col("price of a million tokens read", low=0)] = 0.0
    output: Annotated[float, Col("price of a million tokens written", low=0)] = 0.0


@dataclass(frozen=True)
class Budget:
    """A recipe's limits; None is no limit."""

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


class UsageTotals(NamedTuple):
    """What a step's answers cost, and what those from the cache would have."""

    spent: Usages
    saved: Usages


_HERE: WeakValueDictionary[Path, UsageCounter] = WeakValueDictionary()  # the counters in use in this process, by file


class PendingCall:
    """A question that is under way; ``ends`` says what it took."""

    def __init__(self) -> None:
        self.taken = Usage()

    def ends(self, prompt_tokens: int, completion_tokens: int) -> None:
        """It was answered."""
        self.taken = Usage(0, prompt_tokens, completion_tokens)


class ReservedCall(NamedTuple):
    """What is kept aside for a question that is under way."""

    model: str
    usage: Usage


class UsageCounter:
    """One step's count, kept in ``<build>/usage/<step>.json``, checked against the whole build's.

    The runner has one for each step; in a worker process a counter asks the runner's. It is written twice a second and
    when it is closed: a build that is killed forgets at most half a second of it. What calls under way may cost is kept
    aside for them, among all steps.
    """

    pause_s: ClassVar[float] = 0.02  # until a call that finds no room asks again

    def __init__(self, root: Path | None = None, step: str = "", budget: Budget | None = None, part: str = "") -> None:
        self.budget = budget or Budget()
        self._file = root / FOLDER / f"{quote(step, safe='')}{part and _PART}{part}.json" if root else None
        self._own: UsageTotals | None = None
        self._written = 0.0
        self._others, self._known = Usage(), set[Path | None]()  # of steps not at work; the files of those that are
        self._calls: dict[int, ReservedCall] = {}  # under way
        self._numbers = count()
        self._most: dict[str, Usage] = {}  # what one call has taken at most, by model

    def __reduce__(self) -> tuple[type[UsageCounter], tuple[Budget]]:
        from .usage_relay import WorkerUsageCounter

        return WorkerUsageCounter, (self.budget,)

    @asynccontextmanager
    async def call(self, model: str, prompt_tokens: int, completion_tokens: int) -> AsyncIterator[PendingCall]:
        """A call with these tokens at most, as far as its caller knows; it waits while those under way may need all.

        A call counts when it begins, its tokens when it ends. Where tokens or money are limited the first call of a
        model goes alone: the others are expected to take as much.

        Raises:
            Waiting: the budget is spent, or might be with this call.
        """
        while (number := self.begin(model, Usage(0, prompt_tokens, completion_tokens))) is None:
            await asyncio.sleep(self.pause_s)
        call = PendingCall()
        try:
            yield call
        finally:
            self.end(number, call.taken)

    def begin(self, model: str, likely: Usage) -> int | None:
        """Begin a call; its number, or None where it must wait for others to end."""
        with _LOCK:
            if self._is_limited():
                expected = self._price(model, _larger(likely, self._most.get(model, Usage())))
                reserved = total(call.usage for counter in self._here() for call in counter._calls.values())
                if self._lacks(expected, reserved) or self._is_first(model):
                    return None
                likely = expected
            number = next(self._numbers)
            self._calls[number] = ReservedCall(model, likely)
            self._add(self._mine().spent, model, Usage(calls=1))
            return number

    def _is_first(self, model: str) -> bool:
        """Is a call of the model under way, and what it takes not known from any before?"""
        if model in self._most or self._counts_calls_only():
            return False
        return any(call.model == model for call in self._calls.values())

    def end(self, number: int, taken: Usage) -> None:
        """A call has ended and took these tokens."""
        with _LOCK:
            model = self._calls.pop(number).model
            if any(taken):
                self._most[model] = _larger(taken, self._most.get(model, Usage()))
            self._add(self._mine().spent, model, taken)

    def _lacks(self, expected: Usage, reserved: Usage) -> bool:
        """Whether there is no room before calls under way end. Raises ``Waiting`` where there will be none then."""
        read_usage, limits = self.total(), self.budget
        for name, limit, value, next_, aside in (
            ("max_calls", limits.max_calls, read_usage.calls, 1, 0),
            ("max_tokens", limits.max_tokens, _tokens(read_usage), _tokens(expected), _tokens(reserved)),
            ("max_cost", limits.max_cost, read_usage.cost, expected.cost, reserved.cost),
        ):
            if limit is None or value + aside + next_ <= limit * _ROUNDED:
                continue
            if aside == 0 or value >= limit:
                more = "" if value >= limit else f", and the next question may take {next_:,.10g}"
                said = f"{name}: {value:,.10g} of {limit:,.10g}{more}"
                raise Waiting(f"the budget is spent ({said}); raise it and build again")
            return True
        return False

    def _is_limited(self) -> bool:
        return not self._counts_calls_only() or self.budget.max_calls is not None

    def _counts_calls_only(self) -> bool:
        return self.budget.max_tokens is self.budget.max_cost is None

    def _here(self) -> list[UsageCounter]:
        """The counters of this build in this process; this one is among them."""
        if self._file is None:
            return [self]
        _HERE[self._file] = self
        return [usage for file, usage in _HERE.items() if file.parent == self._file.parent]

    def save(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """An answer came from the cache: what it would have cost."""
        with _LOCK:
            self._add(self._mine().saved, model, Usage(1, prompt_tokens, completion_tokens))

    def _add(self, usages: Usages, model: str, usage: Usage) -> None:
        usages[model] = usages.get(model, Usage()).plus(self._price(model, usage))
        if time.monotonic() - self._written >= _WRITE_EVERY_S:
            self._write()

    def _price(self, model: str, usage: Usage) -> Usage:
        price = self.budget.prices.get(model, Price())
        cost = (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
        return usage._replace(cost=cost)

    def total(self) -> Usage:
        """What the whole build has cost."""
        if self._file is None:
            return total(self._mine().spent.values())
        here = self._here()
        known = {counter._file for counter in here}
        if known != self._known:
            self._known = known
            others = (file for file in _files(self._file.parent) if file not in known)
            self._others = total(usage for file in others for usage in _read(file).spent.values())
        return total(usage for counter in here for usage in counter._mine().spent.values()).plus(self._others)

    def flush(self) -> None:
        """Write the count down."""
        with _LOCK:
            self._write()

    def close(self) -> None:
        """Write the count down; from now on it is known from there."""
        with _LOCK:
            self._write()
            if self._file is not None and _HERE.get(self._file) is self:
                del _HERE[self._file]

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._file is not None and self._own is not None and any(self._own):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            plain = {k: {m: u._asdict() for m, u in usages.items()} for k, usages in self._own._asdict().items()}
            write_json(self._file, plain)

    def _mine(self) -> UsageTotals:
        if self._own is None:
            self._own = _read(self._file) if self._file else UsageTotals({}, {})
        return self._own


def _larger(one: Usage, other: Usage) -> Usage:
    return Usage(0, max(one.prompt_tokens, other.prompt_tokens), max(one.completion_tokens, other.completion_tokens))


def _tokens(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens


def read_usage(root: Path) -> dict[str, UsageTotals]:
    """What a build folder's steps have cost so far, by step."""
    found: dict[str, UsageTotals] = {}
    for file in _files(root / FOLDER):
        step, own = unquote(file.stem.partition(_PART)[0]), _read(file)
        before = found.get(step, UsageTotals({}, {}))
        found[step] = UsageTotals(*(_added(*both) for both in zip(before, own, strict=True)))
    return found


def _added(some: Usages, others: Usages) -> Usages:
    return {model: some.get(model, Usage()).plus(others.get(model, Usage())) for model in {**some, **others}}


def _files(folder: Path) -> list[Path]:
    files = LocalFolder(folder)
    return [files.local_copy(one.name) for one in files.list("") if one.name.endswith(".json")]


def _read(file: Path) -> UsageTotals:
    found: dict[str, dict[str, dict[str, Any]]] = read_json(file, UsageTotals._fields) or {"spent": {}, "saved": {}}
    return UsageTotals(*({m: Usage(**u) for m, u in found[kind].items()} for kind in UsageTotals._fields))


def total(usages: Iterable[Usage]) -> Usage:
    total = Usage()
    for usage in usages:
        total = total.plus(usage)
    return total
