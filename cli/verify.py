"""``cliploom verify``: does the lock still make the same rows?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.contract.words import number_of

if TYPE_CHECKING:
    from ..cards.comparison.verification import Verification


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    videos: Annotated[int, typer.Option("--videos", min=1, metavar="N", help="How many to build again.")] = 2,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Processes; otherwise one per CPU.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Build some videos again by a build's lock, and compare.

    The first N source videos are built once more, in a folder that goes afterwards; each table's rows about them and
    the bytes of their clip files are compared with what the build holds. Nothing is published, and the build is not
    touched. Run it where the build ran: paths in its recipe start there. Exit code 1 when something differs.
    """
    import os
    import sys
    from contextlib import redirect_stdout
    from tempfile import TemporaryDirectory

    from ..cards.comparison.verification import verify_build
    from .screen.places import open_build
    from .screen.progress import progress

    build = open_build(folder)
    with (
        TemporaryDirectory(prefix="cliploom-verify-") as place,
        progress(quiet) as listeners,
        redirect_stdout(sys.stderr),  # a step may print
    ):
        found = verify_build(build, Path(place) / "build", videos, workers or os.cpu_count() or 1, listeners)
    _print(found)
    raise typer.Exit(0 if found.holds else 1)


def _print(found: Verification) -> None:
    from .screen.tables import Column, print_table

    rows = [
        [t.table, f"{t.rows:,}", f"{t.same:,}", f"{t.different:,}", f"{t.missing:,}", f"{t.new:,}",
         ", ".join(t.ids) if not t.holds else "depends on all videos" if t.depends_on_all else ""]
        for t in found.tables
    ]  # fmt: skip
    numbers = [Column(title, "right") for title in ("rows", "same", "different", "missing", "new")]
    print_table([Column("table"), *numbers, Column("", wide=True)], rows)
    print(f"{found.files - len(found.other_files):,} of {found.files:,} clip files have the same bytes")
    for change in found.changes:
        print(f"note: {change}")
    if found.stopped:
        print(f"note: the rebuild did not come to its end: {found.stopped}")
    print(f"{number_of(found.videos, 'video')}: {'as the lock says' if found.holds else 'NOT as the lock says'}")
