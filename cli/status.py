"""``cliploom status``: what has become of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Say what has become of every row, step by step."""
    from .screen.outcome import print_outcome
    from .screen.places import open_build

    print_outcome(open_build(folder), json)
