"""``cliploom status``: what has become of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Say what has become of every row, step by step."""
    from ..engine.build import Build
    from .screen.outcome import print_outcome

    print_outcome(Build.read(folder), json)
