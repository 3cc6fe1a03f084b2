"""``cliploom recipes``: the recipes that ship."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated

import typer

PACKAGE = f"{__name__.partition('.')[0]}.recipes"  # where the recipes and the sample media are


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this one, as YAML.")] = None,
) -> None:
    """List the recipes that ship, or print one."""
    from .screen.tables import Column, print_table

    if name is not None:
        print(recipe_text(name), end="")
        return
    rows = [(each, recipe_text(each).partition("\n")[0].lstrip("# ")) for each in recipe_names()]
    print_table([Column("recipe"), Column("what it makes", wide=True)], rows)


def recipe_names() -> list[str]:
    """The names of the recipes that ship."""
    return sorted(f.name.removesuffix(".yaml") for f in files(PACKAGE).iterdir() if f.name.endswith(".yaml"))


def recipe_text(name: str) -> str:
    """A shipped recipe's YAML; its first line is a comment that says what it makes."""
    from ..engine.contract.errors import UserError, nearest

    if name not in recipe_names():
        raise UserError(f"there is no recipe {name}{nearest(name, recipe_names())}", "`cliploom recipes` lists them")
    return (files(PACKAGE) / f"{name}.yaml").read_text(encoding="utf-8")
