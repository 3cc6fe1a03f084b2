"""``cliploom review``: take tasks to people, and bring their answers back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..annotation.backends.folder import ReviewFolder

review = typer.Typer(
    name="review",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Take the tasks of a build to people, and bring their answers back.",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")]
Sheet = Annotated[str | None, typer.Option("--sheet", metavar="NAME", help="Which review, where a build has several.")]


@review.command()
def push(
    folder: Folder,
    sheet: Sheet = None,
    how: Annotated[str, typer.Option("--format", metavar="html|csv", help="What to write.")] = "html",
) -> None:
    """Write the tasks as one page for the browser (html), or as a sheet (csv)."""
    from ..annotation.backends.page.backend import NAME, Page
    from ..annotation.backends.sheets.folder import Sheets
    from ..annotation.tasks.task import read_task_file
    from ..engine.contract.errors import UserError, nearest

    found = _open(folder, sheet)
    tasks = list(read_task_file(found.path))
    if how == "html":
        Page(found.root, found.path, found.form).post(tasks)
        print(f"{len(tasks):,} tasks: open {found.path / NAME} in a browser")
    elif how == "csv":
        Sheets(found.path, found.form).post(tasks)
        print(f"{len(tasks):,} tasks: fill in a copy of {found.path / 'tasks.csv'}")
    else:
        raise UserError(f"there is no format {how}{nearest(how, ('html', 'csv'))}")


@review.command()
def pull(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files that the page saved.")],
    sheet: Sheet = None,
) -> None:
    """Take in the files that people saved on the page; the next build reads them."""
    from ..annotation.backends.intake import take_files

    found = _open(folder, sheet)
    for name, count in take_files(found, files).items():
        print(f"{name}: {count:,} answers")
    print("`cliploom build` goes on with them")


def _open(folder: Path, sheet: str | None) -> ReviewFolder:
    """The review of a build; ``UserError`` where it has none, or several and none is named."""
    from ..annotation.backends.folder import review_folders
    from ..engine.contract.errors import UserError, nearest
    from .screen.places import open_build

    found = {one.sheet: one for one in review_folders(open_build(folder).root)}
    if not found:
        raise UserError(f"{folder} has no review", "the step annotation.review makes one; a build writes its tasks")
    if sheet is None and len(found) == 1:
        return next(iter(found.values()))
    if sheet is None:
        raise UserError(f"{folder} has {len(found)} reviews", f"name one: --sheet {' or '.join(sorted(found))}")
    if sheet not in found:
        raise UserError(f"there is no review {sheet}{nearest(sheet, found)}")
    return found[sheet]
