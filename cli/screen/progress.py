"""Live progress on standard error: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ...engine.contract.words import number_of
from .formatting import duration, number, printable, rate

if TYPE_CHECKING:
    from rich.table import Table

    from ...engine.contract.events import Event, Listener

_WINDOW_S = 30.0  # the rate is that of the last half minute
_BETWEEN_LINES_S = 5.0
_SILENCE_S = 15.0  # so long nothing is said; then what is under way


@dataclass
class StepProgress:
    """How far one step is. ``to_do`` grows while shards are opened: it is what is known so far."""

    to_do: int = 0
    done: int = 0
    failed: int = 0
    state: str = ""  # "", "runs", "waits", "done"
    began: float = 0.0
    ended: float = 0.0
    recent: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, rows: int, now: float) -> None:
        """Rows that came in."""
        self.done += rows
        self.recent.append((now, rows))
        while self.recent[0][0] < now - _WINDOW_S:
            self.recent.popleft()

    def per_second(self, now: float) -> float:
        """The rate of late."""
        since = max(self.began, now - _WINDOW_S)
        rows = sum(n for at, n in self.recent if at >= since)
        return rows / max(now - since, 0.1)

    def time_left(self, now: float) -> str:
        """How long what is known to be left will take, in words; empty where nobody can say."""
        speed = self.per_second(now)
        if self.state != "runs" or not speed or self.done >= self.to_do:
            return ""
        return duration((self.to_do - self.done) / speed)


class Board:
    """What a build has told, by step."""

    def __init__(self) -> None:
        self.lines: dict[str, StepProgress] = {}
        self.began = time.monotonic()
        self.notes: list[str] = []

    def take(self, event: Event) -> StepProgress | None:
        """Note an event; the line of the step that it is about."""
        now, said = time.monotonic(), event.said
        if event.kind == "build":
            self.lines = {name: StepProgress() for name in said["steps"]}
        if not event.step:
            return None
        line = self.lines.setdefault(event.step, StepProgress())
        if event.kind in ("shard", "rows") or said.get("state") == "runs":
            line.began = line.began or now
            line.state = "runs"
        if event.kind == "shard":
            line.to_do += said["to_do"]
        elif event.kind == "rows":
            line.add(said["n"], now)
            line.failed = said["failed"]
        elif event.kind == "step" and said["state"] == "done":
            line.state, line.ended = "done", now
        elif event.kind == "waiting":
            line.state = "waits"
        if event.kind in ("waiting", "warning"):
            self.notes.append(f"{event.step}: {printable(said['message'])}")
        return line


@contextmanager
def progress(quiet: bool, file: IO[str] | None = None) -> Iterator[list[Listener]]:
    """The listeners that show a build while it runs: none, a live table, or plain lines."""
    out = file or sys.stderr
    if quiet:
        yield []
    elif out.isatty():
        with _live(out) as listener:
            yield [listener]
    else:
        with PlainLines(out).never_silent() as lines:
            yield [lines]


@contextmanager
def _live(out: IO[str]) -> Iterator[Listener]:
    from rich.console import Console
    from rich.live import Live

    board = Board()
    console = Console(file=out, highlight=False)

    def listen(event: Event) -> None:
        before = len(board.notes)
        board.take(event)
        for note in board.notes[before:]:
            console.print(note, markup=False)

    with Live(console=console, refresh_per_second=4, get_renderable=lambda: live_table(board), redirect_stdout=False):
        yield listen
    console.line()


def live_table(board: Board) -> Table:
    """The board as it stands."""
    from rich.table import Table

    now = time.monotonic()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("step", no_wrap=True)
    for title in ("done", "to do", "rate", "left", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(duration(now - board.began), no_wrap=True, style="dim")
    for name, line in board.lines.items():
        speed = rate(line.per_second(now)) if line.state == "runs" and line.done else ""
        cells = [
            number(line.done),
            number(max(line.to_do - line.done, 0)),
            speed,
            line.time_left(now),
            number(line.failed),
        ]
        style = {"runs": "bold", "done": "dim", "waits": "yellow"}.get(line.state)
        table.add_row(name, *cells, line.state, style=style)
    return table


class PlainLines:
    """A line now and then, for logs: at most one in five seconds while nothing begins or ends."""

    def __init__(self, out: IO[str]) -> None:
        self.board, self.out = Board(), out
        self.last, self.spoke = 0.0, time.monotonic()  # when it said how a step goes on, and anything
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take an event; print what is worth a line."""
        with self._lock:
            self._take(event)

    @contextmanager
    def never_silent(self, silence_s: float = _SILENCE_S) -> Iterator[PlainLines]:
        """Inside, what is under way is said again and again while there are no events: a slow model has few."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(min(1.0, silence_s)):
                with self._lock:
                    if time.monotonic() - self.spoke >= silence_s:
                        self._say_what_runs()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            over.set()
            watcher.join()

    def _take(self, event: Event) -> None:
        before = len(self.board.notes)
        line = self.board.take(event)
        for note in self.board.notes[before:]:
            self._say(note)
        now = time.monotonic()
        if line is None:
            return
        if event.kind == "step" and line.state == "done":
            if line.began:
                self._say(self._end_line(event.step, line))
        elif event.kind == "step" or (event.kind == "rows" and now - self.last >= _BETWEEN_LINES_S):
            self.last = now
            self._say(self._going(event.step, line, now))

    def _say_what_runs(self) -> None:
        now = time.monotonic()
        begun = {step: line for step, line in self.board.lines.items() if line.state == "runs"}
        # What waits for more rows says nothing new.
        running = {step: line for step, line in begun.items() if not 0 < line.to_do <= line.done} or begun
        for step, line in running.items():
            self._say(f"{self._going(step, line, now)}, for {duration(now - line.began)}")
        if not running:
            self._say(f"looking for what is to do, for {duration(now - self.board.began)}")

    def _end_line(self, step: str, line: StepProgress) -> str:
        rows = f", {number_of(line.done, 'row')}" if line.done else ""
        failed = f", {line.failed:,} failed" if line.failed else ""
        return f"{step}: done{rows} in {duration(line.ended - line.began)}{failed}"

    def _going(self, step: str, line: StepProgress, now: float) -> str:
        if not line.to_do:
            return f"{step}: reads all that reaches it"
        left = line.time_left(now)
        parts = [
            f"{step}: {line.done:,} of {number_of(line.to_do, 'row')}",
            rate(line.per_second(now)) if line.done else "",
            f"about {left} left" if left else "",
            f"{line.failed:,} failed" if line.failed else "",
        ]
        return ", ".join(part for part in parts if part)

    def _say(self, text: str) -> None:
        self.spoke = time.monotonic()
        with suppress(OSError):  # nobody reads it any more, or its disk is full: no reason to end a long build
            print(text, file=self.out, flush=True)
