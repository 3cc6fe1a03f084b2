"""What became of everything, for a screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .formatting import duration, number, printable, shorten, tally
from .tables import Column, print_table, terminal_width

if TYPE_CHECKING:
    from ...engine.build import Build, FunnelStage

MANY = 0.1  # share of a step's rows; more failures than this come before everything else
_LONGEST_LINE = 180  # in a pipe


def print_funnel(stages: Sequence[FunnelStage]) -> None:
    """One line per step: what came, and what became of it."""
    columns = [
        Column("step"), Column("came", "right"), Column("done", "right"), Column("dropped", "right"),
        Column("failed", "right"), Column("rows", "right"), Column("work", "right"), Column("why", wide=True),
    ]  # fmt: skip
    print_table(columns, [_line(stage) for stage in stages])


def _line(stage: FunnelStage) -> list[str]:
    numbers = [number(n) for n in (stage.came, stage.done, stage.all_dropped, stage.failed)]
    rows = f"{stage.rows:,} {stage.table}" if stage.table else ""
    state = "waits" if stage.waiting else "" if stage.finished else "unfinished"
    why = [tally(stage.reasons), tally(stage.causes), state]
    work = duration(stage.seconds) if stage.seconds else ""
    return [stage.name, *numbers, rows, work, "; ".join(part for part in why if part)]


def failures(build: Build, stages: Sequence[FunnelStage]) -> list[str]:
    """A line per step with failures, the worst first, that names its top cause with an example; then other causes."""
    bad = sorted((s for s in stages if s.failed), key=lambda s: -s.failed / max(s.came, 1))
    if not bad:
        return []
    with build.connect() as db:
        query = "SELECT step, kind, any_value(message ORDER BY id) FROM errors GROUP BY step, kind"
        examples = {(step, kind): message for step, kind, message in db.execute(query).fetchall()}
    kinds = {table["name"]: str(step["step"]) for step in build.lock.get("steps", ()) for table in step["tables"]}
    lines = []
    for stage in bad:
        causes = []
        for cause, n in sorted(stage.causes.items(), key=lambda item: (-item[1], item[0])):
            advice, said = _advice(kinds.get(stage.name, ""), cause), printable(examples.get((stage.name, cause), ""))
            causes.append(f"{n:,} x {printable(cause)}: {f'{advice}; ' if advice else ''}{said}")
        lines.append(f"{stage.name}: {stage.failed:,} of {stage.came:,} failed, {causes[0]}")
        lines += [f"  {cause}" for cause in causes[1:]]
    width = terminal_width(sys.stdout) or _LONGEST_LINE
    return [shorten(line, width) for line in lines]


def _advice(kind: str, cause: str) -> str:
    """What a step says that its user can do about a cause; "" where it says nothing, or is not installed any more."""
    from ...engine.contract.catalog import step_class
    from ...engine.contract.errors import UserError

    try:
        return step_class(kind).advice.get(cause, "")
    except UserError:
        return ""


def many_failed(stages: Sequence[FunnelStage]) -> bool:
    """Did so many rows of a step fail that it is the first thing to say?"""
    return any(stage.failed > MANY * max(stage.came, 1) for stage in stages)


def as_json(stages: Sequence[FunnelStage]) -> list[dict[str, Any]]:
    """The same for a script."""
    return [stage._asdict() for stage in stages]
