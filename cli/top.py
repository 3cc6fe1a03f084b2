"""``cliploom top``: watch a build, from any machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..engine.execution.lease import LeaseRecord
    from ..engine.execution.progress_record import ProgressRecord


def top(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, its address, or its recipe.")],
    once: Annotated[bool, typer.Option("--once", help="Print it once.")] = False,
    every_s: Annotated[float, typer.Option("--every", min=0.5, metavar="S", help="Seconds between two looks.")] = 5.0,
) -> None:
    """Watch a build: who is at work, how far each step is, how fast, and what fails.

    It reads what the build and its ranks write about themselves every five seconds, and their leases. So it works from
    any machine that sees the build folder.
    """
    from ..engine.execution.lease import lease_records
    from ..engine.execution.progress_record import read_progress
    from ..engine.storage.addresses import open_files
    from .screen.interrupts import stoppable
    from .screen.places import open_build

    build = open_build(folder)
    files = open_files(build.root)
    with stoppable(""):
        while True:
            _print(build.name, lease_records(files), read_progress(files))
            if once:
                return
            time.sleep(every_s)


def _print(name: str, leases: dict[str, LeaseRecord], drivers: list[ProgressRecord]) -> None:
    from .screen.formatting import number, printable
    from .screen.tables import Column, print_table

    now = time.time()
    print(f"{printable(name)}, {time.strftime('%H:%M:%S')}")
    for lease in leases.values():
        if lease.id:
            print(f"at work: {printable(lease.said)}, heard of {max(now - lease.renewed, 0):.0f} s ago")
    columns = [
        Column("driver"), Column("step"), Column("rows", "right"), Column("queue", "right"), Column("rows/s", "right"),
        Column("failed", "right"), Column("state"), Column("causes", wide=True),
    ]  # fmt: skip
    lines = []
    for driver in drivers:
        for step, one in driver.steps.items():
            causes = ", ".join(f"{cause} {n:,}" for cause, n in sorted(one.causes.items(), key=lambda c: -c[1]))
            rate = f"{one.rows_per_s:.1f}" if one.rows_per_s and not driver.ended else ""
            state = driver.ended if driver.ended and one.state == "runs" else one.state
            counts = [number(one.done), number(one.queue), rate, number(one.failed)]
            lines.append((printable(driver.driver), printable(step), *counts, state, printable(causes)))
    print_table(columns, lines) if lines else print("no build has told anything yet")
