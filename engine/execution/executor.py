"""Where units of work are done, as the runner sees it: worker processes, event loops, or machines elsewhere.

A unit names rows and gives back counts and names of objects, so no row passes the runner wherever the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, Protocol

from ..contract.step import StepContext
from ..planning.plan import Node
from ..storage.join import Inputs, Window
from .machine import Machine
from .unit import UnitResult


class Plan(NamedTuple):
    """What an executor needs to know of a build."""

    nodes: Sequence[Node]
    root: Path
    shards: int
    context: Callable[[Node], StepContext]
    workers: int  # processors that the build may use here
    warn: Callable[[Node, str], None]
    machine: Machine


class Executor(Protocol):
    """A place for units of work. The runner calls it from one thread.

    A loss of the place itself (a process killed from outside, a machine that is gone) is a ``WorkerLost`` that names no
    row; one that a call of the step may have caused names the rows of that call. Whoever is lost is replaced here: the
    runner only hands out again what was lost.
    """

    def check(self, node: Node) -> None:
        """Raise ``UserError`` for a node that cannot run here at all; called before anything starts."""

    @property
    def breadth(self) -> int:
        """About how many units are done at once."""
        ...

    def capacity(self, node: Node, ahead: bool) -> int:
        """How many units of this node it takes now, at least; 0 for none.

        ``ahead``: also those that would only wait there until others are done.
        """
        ...

    def submit(self, node: Node, window: Window, closing: Inputs | None) -> Future[UnitResult]:
        """Start a unit, for which there is capacity.

        ``closing`` is given where all else of the shard is done: all its inputs, by which it is folded; the window may
        be empty then. The future raises ``WorkerLost``, ``Timeout`` where the step took too long, or ``UserError``.
        """
        ...

    def poll(self) -> None:
        """Look after what is there; called at least once a second. ``UserError`` where it cannot go on."""

    def release(self, node: Node) -> None:
        """The node is done: let go of what is held for it."""

    def cancel(self) -> None:
        """Give up all that is under way, and end."""
