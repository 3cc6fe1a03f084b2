"""A build folder as `build`, `demo` and `status` show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .formatting import printable, shortened
from .funnel import as_json, failures, many_failed, print_funnel

if TYPE_CHECKING:
    from ...engine.build import Build


def print_outcome(build: Build, as_object: bool) -> None:
    """The funnel, the causes of failures, and what there is to look at; or all of it as one JSON object."""
    if as_object:
        print(json.dumps(outcome(build), ensure_ascii=False))
        return
    from .costs import cost_line

    stages, waiting = build.funnel(), build.waiting()
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
    for name, path in made(build.root).items():
        print(f"{name + ':':<9} {path}")
    for message in warnings(build):
        print(f"warning:  {printable(message)}")
    for step, message in waiting.items():
        print(f"waiting:  {step}: {printable(message)}")


def outcome(build: Build) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "recipe": build.name,
        "folder": str(build.root),
        "waiting": build.waiting(),
        "warnings": warnings(build),
        "steps": as_json(build.funnel()),
        **{name: str(path) for name, path in made(build.root).items()},
    }


def made(root: Path) -> dict[str, Path]:
    """What is there to look at: the dataset, its card, the report."""
    places = {"dataset": root / "dataset", "card": root / "dataset" / "README.md", "report": root / "report.html"}
    return {name: path for name, path in places.items() if path.exists()}


def warnings(build: Build) -> list[str]:
    """What is odd about the dataset that is there."""
    from ...cards.release.facts import published_repetition

    if not (build.root / "dataset").exists():
        return []
    with build.connect() as db:
        found = published_repetition(db)
    return (
        [f"one caption stands on {found.clips:,} of {found.of:,} clips: {shortened(found.text, 80)}"] if found else []
    )
