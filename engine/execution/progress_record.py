"""How far a build is, for whoever watches it from another machine: a small object that is written every few seconds."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from ..contract.errors import UserError
from ..contract.events import Event
from ..storage.filesystem import FileSystem

FOLDER = "progress"
WRITE_EVERY_S = 5.0
_WINDOW_S = 60.0  # the rate is that of the last minute


@dataclass
class StepTally:
    """What one driver has done of one step in this run."""

    to_do: int = 0  # rows, as far as shards were looked at
    done: int = 0  # rows that came back, however they went
    failed: int = 0
    rows_per_s: float = 0.0
    state: str = ""  # "", "runs", "waits" or "done"
    causes: dict[str, int] = field(default_factory=dict)

    @property
    def queue(self) -> int:
        """Rows that are known to be left."""
        return max(self.to_do - self.done, 0)


@dataclass
class ProgressRecord:
    """What one driver tells of itself."""

    driver: str  # "build", or the part of a rank
    steps: dict[str, StepTally] = field(default_factory=dict)
    ended: str = ""  # "done" or "stopped"
    written: float = 0.0  # seconds since 1970

    def encode(self) -> bytes:
        """As the bytes of its object."""
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "backslashreplace")


def decode_progress(data: bytes) -> ProgressRecord | None:
    """The record in an object; None where it is damaged."""
    try:
        plain = json.loads(data)
        return ProgressRecord(**plain | {"steps": {name: StepTally(**one) for name, one in plain["steps"].items()}})
    except (ValueError, TypeError, KeyError):
        return None


class ProgressWriter:
    """A listener that keeps a ``ProgressRecord``, and a thread that writes it."""

    def __init__(self, files: FileSystem, driver: str) -> None:
        self.record = ProgressRecord(driver)
        self._files, self._name = files, f"{FOLDER}/{driver}.json"
        self._recent: dict[str, deque[tuple[float, int]]] = {}
        self._lock, self._ends = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._write_often, name="progress", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._take(event)

    def _take(self, event: Event) -> None:
        record, said = self.record, event.said
        if event.kind == "build":
            record.steps = {name: StepTally() for name in said["steps"]}
        if event.kind in ("done", "stopped"):
            record.ended = event.kind
        if not event.step:
            return
        step = record.steps.setdefault(event.step, StepTally())
        if event.kind == "shard":
            step.to_do += said["to_do"]
        elif event.kind == "rows":
            step.done += said["n"]
            step.failed, step.causes = said["failed"], dict(said.get("causes", step.causes))
            self._recent.setdefault(event.step, deque()).append((time.monotonic(), said["n"]))
        step.state = _state(event, step.state)

    def copy(self) -> ProgressRecord:
        """What it is now."""
        with self._lock:
            now = time.monotonic()
            for name, recent in self._recent.items():
                while recent and recent[0][0] < now - _WINDOW_S:
                    recent.popleft()
                span_s = max(now - recent[0][0], 1.0) if recent else 1.0
                self.record.steps[name].rows_per_s = round(sum(n for _, n in recent) / span_s, 3)
            self.record.written = time.time()
            made = decode_progress(self.record.encode())
        assert made is not None
        return made

    def _write_often(self) -> None:
        while not self._ends.wait(WRITE_EVERY_S):
            self._write()

    def _write(self) -> None:
        with suppress(OSError, UserError):  # nobody's work depends on it
            self._files.put(self._name, self.copy().encode())

    def close(self) -> None:
        """Write it a last time."""
        self._ends.set()
        self._thread.join()
        self._write()


def _state(event: Event, before: str) -> str:
    if event.kind == "waiting":
        return "waits"
    if event.kind == "step":
        return str(event.said["state"])
    return "runs" if event.kind in ("shard", "rows") else before


def read_progress(files: FileSystem) -> list[ProgressRecord]:
    """What all drivers of a build tell, by their names."""
    found: list[ProgressRecord] = []
    for one in files.list(FOLDER):
        with suppress(FileNotFoundError):
            record = decode_progress(files.read(f"{FOLDER}/{one.name}").data)
            found += [record] if record is not None else []
    return found


def prometheus_text(records: list[ProgressRecord]) -> str:
    """The same in Prometheus' text format."""
    kinds: dict[str, tuple[str, Any]] = {
        "cliploom_rows_total": ("counter", lambda step: step.done),
        "cliploom_rows_failed_total": ("counter", lambda step: step.failed),
        "cliploom_rows_queued": ("gauge", lambda step: step.queue),
        "cliploom_rows_per_second": ("gauge", lambda step: step.rows_per_s),
    }
    lines = []
    for name, (kind, value) in kinds.items():
        lines.append(f"# TYPE {name} {kind}")
        for record in records:
            lines += [f"{name}{_labels(driver=record.driver, step=s)} {value(one)}" for s, one in record.steps.items()]
    lines.append("# TYPE cliploom_failures_total counter")
    for record in records:
        for step, one in record.steps.items():
            for cause, n in sorted(one.causes.items()):
                lines.append(f"cliploom_failures_total{_labels(driver=record.driver, step=step, cause=cause)} {n}")
    return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    escaped = {k: v.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for k, v in labels.items()}
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped.items()) + "}"
