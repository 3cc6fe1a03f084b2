"""A build folder as `build`, `demo` and `status` show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import TotalFailure, UserError
from ...engine.contract.words import number_of
from ...engine.storage.addresses import place_of
from .formatting import json_text, printable, shorten
from .funnel import as_json, failures, many_failed, print_funnel

if TYPE_CHECKING:
    from ...engine.build import Build, FunnelStage

OUTDATED = "outdated_dataset"


def end_build(build: Build, as_object: bool) -> None:
    """Print what came of a build. Where a step failed on all of its rows that is the first line, and exit code 3."""
    print_outcome(build, as_object)
    if any(stage.all_failed for stage in build.funnel()):
        if as_object:
            check_all_failed(build)
        raise SystemExit(TotalFailure.exit_code)


def check_all_failed(build: Build, error: UserError | None = None) -> None:
    """Raise ``TotalFailure``, with the top cause, where a step failed on all of its rows; ``error`` came of it."""
    stages = build.funnel()
    if any(stage.all_failed for stage in stages):
        raise TotalFailure(failures(build, stages)[0], error.message if error else "")


def print_outcome(build: Build, as_object: bool) -> None:
    """The funnel, the causes of failures, and what there is to look at; or all of it as one JSON object."""
    stages, waiting = build.funnel(), build.waiting()
    if as_object:
        print(json_text(outcome(build, stages)))
        return
    from .costs import cost_line

    failed = failures(build, stages)
    if failed and many_failed(stages):
        print(*failed, "", sep="\n")
        failed = []
    print_funnel(stages)
    if failed:
        print("", *failed, sep="\n")
    if costs := cost_line(build.root):
        print("", costs, sep="\n")
    print()
    found = find_outputs(build, stages)
    for name, file in found.items():
        path = place_of(build.root, file)
        print(f"{name + ':':<9} {path}" if name != OUTDATED else f"dataset:  {path} (of an earlier build)")
    for message in warnings(build):
        print(f"warning:  {printable(message)}")
    for step, message in waiting.items():
        print(f"waiting:  {step}: {printable(message)}")


def outcome(build: Build, stages: Sequence[FunnelStage]) -> dict[str, Any]:
    """The same as plain values."""
    found = find_outputs(build, stages)
    return {
        "recipe": build.name,
        "folder": place_of(build.root),
        "waiting": build.waiting(),
        "warnings": warnings(build),
        "steps": as_json(stages),
        **{name: place_of(build.root, path) for name, path in found.items()},
    }


def find_outputs(build: Build, stages: Sequence[FunnelStage]) -> dict[str, Path]:
    """What is there to look at: the dataset, or one that the tables have left behind; card, report, review page."""
    places = {"report": build.root / "report.html"}
    if page := next(iter(sorted(build.root.glob("*/review.html"))), None):
        places["review"] = page
    if (folder := build.dataset) is not None:
        if any(stage.table == "entries" and stage.finished for stage in stages):
            places = {"dataset": folder, "card": folder / "README.md", **places}
        else:
            places = {OUTDATED: folder, **places}
    return {name: path for name, path in places.items() if path.exists()}


def warnings(build: Build) -> list[str]:
    """What is odd about the dataset that is there."""
    from ...cards.release.facts import find_dataset_repetition

    if build.dataset is None or not build.dataset.exists():
        return []
    with build.connect() as db:
        found = find_dataset_repetition(db)
    return (
        [f"one caption stands on {found.clips:,} of {number_of(found.of, 'clip')}: {shorten(found.text, 80)}"]
        if found
        else []
    )
