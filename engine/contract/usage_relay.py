"""Usage that is counted in the runner for a step in a worker process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .usage import Budget, Usage, UsageCounter


class WorkerUsageCounter(UsageCounter):
    """A step's counter in a worker process. The runner's does the work, so that limits hold among all workers."""

    pause_s = 0.2  # each try is a message

    def __init__(self, budget: Budget) -> None:
        super().__init__(budget=budget)

    def begin(self, model: str, likely: Usage) -> int | None:
        """As ``UsageCounter.begin``."""
        number: int | None = _ask_runner("begin", model, likely)
        return number

    def end(self, number: int, taken: Usage) -> None:
        """As ``UsageCounter.end``."""
        _ask_runner("end", number, taken)

    def save(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """As ``UsageCounter.save``."""
        _ask_runner("save", model, prompt_tokens, completion_tokens)

    def total(self) -> Usage:
        """As ``UsageCounter.total``."""
        usage: Usage = _ask_runner("total")
        return usage

    def close(self) -> None:
        """Nothing is kept here."""


def ask_runner_by(ask: Callable[..., Any]) -> None:
    """In a worker process: say how a counter's method is called in the runner."""
    global _ask_runner
    _ask_runner = ask


def _ask_runner(method: str, *args: Any) -> Any:
    raise RuntimeError(f"{method}: usage is counted in a worker process of a build")


class UsageRelay:
    """What one worker process asks of its step's counter, in the runner."""

    def __init__(self, counter: UsageCounter) -> None:
        self._counter = counter
        self._calls: set[int] = set()

    def ask(self, method: str, *args: Any) -> Any:
        """Call a method of the counter for the worker."""
        answer = getattr(self._counter, method)(*args)
        if method == "begin" and answer is not None:
            self._calls.add(answer)
        elif method == "end":
            self._calls.discard(args[0])
        return answer

    def close(self) -> None:
        """The worker is gone: what it had under way takes no more."""
        while self._calls:
            self._counter.end(self._calls.pop(), Usage())
        self._counter.flush()
