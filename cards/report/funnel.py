"""The main line of a build: how many videos, shots and clips are left after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.catalog import step_class
from ...engine.contract.errors import UserError
from ...engine.contract.step import reads

if TYPE_CHECKING:
    from ...engine.build import FunnelStage

UNITS = ("videos", "shots", "clips", "entries")  # tables whose rows stand for the pictures themselves


class Loss(NamedTuple):
    """Rows that left at a step, for one reason."""

    reason: str
    rows: int
    failed: bool  # it could not be done; otherwise it was dropped


class Level(NamedTuple):
    """What is there after a step of the main line."""

    name: str
    unit: str  # what is counted
    rows: int
    made: bool  # other rows than before, not fewer of them
    losses: tuple[Loss, ...]
    waiting: bool


def main_line(stages: Sequence[FunnelStage], lock: Mapping[str, Any]) -> list[Level]:
    """The levels, from the source to the dataset. Steps that only add to clips are not in it, unless rows failed."""
    anchors = _anchors(stages, lock)
    line: list[Level] = []
    for stage in stages:
        unit = line[-1].unit if line else ""
        losses = tuple(_losses(stage))
        if stage.table == "entries" and not losses and not stage.waiting:
            continue  # the dataset itself says the same
        if stage.table in UNITS:
            line = _add(line, stage, losses)
        elif not stage.table and anchors.get(stage.name, unit) == unit:
            left = stage.came - stage.dropped if stage.waiting else stage.done
            line.append(Level(stage.name, unit, left, False, losses, bool(stage.waiting)))
        elif (stage.failed or stage.waiting or _drop_count(stage)) and anchors.get(stage.name) == unit:
            line.append(Level(stage.name, unit, line[-1].rows - _drop_count(stage), False, losses, bool(stage.waiting)))
    return line


def _drop_count(stage: FunnelStage) -> int:
    """Rows that a step which makes something of them dropped for all steps after it."""
    return stage.dropped if stage.shape == "global" else 0


def _add(line: list[Level], stage: FunnelStage, losses: tuple[Loss, ...]) -> list[Level]:
    if stage.shape == "source" and line and line[-1].unit == stage.table:  # a second source beside the first
        last = line[-1]
        both = Level(
            f"{last.name}, {stage.name}", last.unit, last.rows + stage.rows, True, last.losses + losses, last.waiting
        )
        return [*line[:-1], both]
    unit = "clips" if stage.table == "entries" else stage.table
    made = stage.table != "entries"  # what is made anew grows out of what was there, also clips out of clips
    return [*line, Level(stage.name, unit, stage.rows, made, losses, bool(stage.waiting))]


def _losses(stage: FunnelStage) -> list[Loss]:
    dropped = [Loss(reason, n, False) for reason, n in sorted(stage.reasons.items(), key=lambda item: -item[1])]
    return dropped + [Loss(cause, n, True) for cause, n in sorted(stage.causes.items(), key=lambda item: -item[1])]


def _anchors(stages: Sequence[FunnelStage], lock: Mapping[str, Any]) -> dict[str, str]:
    """By stage, the table whose rows it goes through; stages of unknown steps are left out."""
    found: dict[str, str] = {}
    for entry in lock.get("steps", ()):
        try:
            anchor = reads(step_class(entry["step"])).anchor
        except UserError:  # a plugin that is not installed here
            continue
        for stage in stages:
            if stage.name == entry["name"] or stage.name.startswith(f"{entry['name']}."):
                found[stage.name] = anchor.table if anchor else ""
    return found
