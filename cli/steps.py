"""``cliploom steps``: what a recipe can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .screen.step_help import StepHelp


def steps(
    name: Annotated[str | None, typer.Argument(help="Say everything about this one.")] = None,
) -> None:
    """List the steps, or explain one."""
    from ..engine.contract.catalog import step_names
    from .screen.step_help import describe
    from .screen.tables import Column, print_table

    if name is not None:
        _print_step(describe(name))
        return
    columns = [Column("step"), Column("shape"), Column("writes", wide=True), Column("what it does", wide=True)]
    print_table(columns, [_line(each) for each in step_names()])


def _line(name: str) -> tuple[str, str, str, str]:
    from ..engine.contract.errors import UserError
    from .screen.step_help import describe

    try:
        found = describe(name)
    except UserError as error:
        return name, "broken", "", error.message
    return name, found.shape, found.writes, _plain(found.summary)


def _plain(text: str) -> str:
    """Without the marks that docstrings need: names are marked as in messages."""
    return text.replace("``", "`")


def _print_step(step: StepHelp) -> None:
    from .screen.tables import Column, print_prose, print_table

    print(f"{step.name} ({step.shape})\n")
    print_prose(_plain(step.doc))
    print(f"reads:  {step.reads}\nwrites: {step.writes}\n")
    if not step.options:
        print("It has no options.")
        return
    columns = [
        Column("option"),
        Column("type", wide=True),
        Column("default", wide=True),
        Column("unit, range", wide=True),
    ]
    rows = [(o.name, o.type, o.default or "(needed)", o.range, o.meaning) for o in step.options]
    print_table([*columns, Column("meaning", wide=True)], rows)
