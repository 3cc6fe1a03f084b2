"""What a build tells while it runs. The runner knows no screen; listeners do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

Kind = Literal["build", "step", "rows", "shard", "warning", "waiting", "done", "stopped"]


class Event(NamedTuple):
    """One thing that happened in a build.

    Attributes:
        kind: ``build``, ``step``, ``rows``, ``shard``, ``warning``, ``waiting``, ``done`` or ``stopped``.
        step: the name of the step that it happened in; empty for the build as a whole.
        said: what is to be said of it, such as numbers of rows; plain values only.
    """

    kind: Kind
    step: str
    said: dict[str, Any]


Listener = Callable[[Event], None]


class EventLog:
    """Appends every event to ``events.jsonl``, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8", errors="backslashreplace")

    def __call__(self, event: Event) -> None:
        line = {"time": round(time.time(), 3), "event": event.kind, "step": event.step, **event.said}
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
        if event.kind != "rows":
            self.file.flush()

    def close(self) -> None:
        """Write what is buffered."""
        self.file.close()
