"""``cliploom clean``: make room in a build folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def clean(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete what earlier options left, which a build keeps in case they come back, and what killed builds left."""
    from ..engine.storage.stale import find_stale, remove_stale
    from .screen.places import open_build

    build = open_build(folder)
    found = find_stale(build) if dry_run else remove_stale(build)
    for leftover in found:
        print(f"{leftover.size_bytes / 1e6:10,.1f} MB  {leftover.name}")
    total = sum(leftover.size_bytes for leftover in found) / 1e6
    print(f"{total:10,.1f} MB  {'would be' if dry_run else 'were'} deleted" if found else "nothing to delete")
