"""``cliploom review``: take tasks to people, and bring their answers back."""

from __future__ import annotations

import sys
import time
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
Url = Annotated[
    str, typer.Option("--url", envvar="LABEL_STUDIO_URL", metavar="URL", help="Of the Label Studio server.")
]
Token = Annotated[
    str, typer.Option("--token", metavar="NAME", help="The environment variable that holds your access token.")
]
_HERE, _TOKEN = "http://127.0.0.1:8080", "LABEL_STUDIO_API_KEY"
_FORMATS = ("label-studio", "html", "csv")


@review.command()
def push(
    folder: Folder,
    sheet: Sheet = None,
    how: Annotated[
        str, typer.Option("--format", metavar="|".join(_FORMATS), help="Where to: a server, a page, a sheet.")
    ] = "label-studio",
    url: Url = _HERE,
    token: Token = _TOKEN,
    files: Annotated[
        Path | None,
        typer.Option(
            "--files",
            envvar="LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT",
            metavar="DIR",
            help="The folder that the server takes local files from; the build folder must be inside.",
        ),
    ] = None,
    clips_url: Annotated[
        str, typer.Option("--clips-url", metavar="URL", help="Where something else serves the clips' folder.")
    ] = "",
) -> None:
    """Take the tasks of a review to a Label Studio server, or write them as one page (html) or a sheet (csv).

    Pushing again changes nothing but what has changed: a task whose caption is another one now makes room for the new
    one, and keeps its answers. Without --files and --clips-url the clips are part of the tasks.
    """
    from ..engine.contract.errors import UserError, nearest

    found = _open(folder, sheet)
    if how == "label-studio":
        _push_to_server(found, folder, url, token, (files, clips_url))
    elif how in _FORMATS:
        _write(found, how)
    else:
        raise UserError(f"there is no format {how}{nearest(how, _FORMATS)}")


def _push_to_server(found: ReviewFolder, folder: Path, url: str, token: str, place: tuple[Path | None, str]) -> None:
    from ..annotation.backends.label_studio.client import open_server
    from ..annotation.backends.label_studio.places import ClipPlace
    from ..annotation.backends.label_studio.sync import push as push_tasks
    from .screen.places import open_build

    server = open_server(_check_url(url), token)
    count = push_tasks(server, found, open_build(folder).name, ClipPlace(found.path, *place), _tell)
    print(f"{count.made:,} tasks are new, {count.there:,} were there")
    if count.removed or count.kept:
        print(f"{count.removed:,} of changed captions are removed; {count.kept:,} that were answered stay")
    print(count.url)


def _tell(made: int) -> None:
    """Show on a terminal how far a push has come."""
    if sys.stderr.isatty():
        print(f"\r{made:,} new tasks are there\r", end="", file=sys.stderr, flush=True)


def _write(found: ReviewFolder, how: str) -> None:
    from ..annotation.backends.page.backend import NAME, Page
    from ..annotation.backends.sheets.folder import Sheets
    from ..annotation.tasks.task import read_task_file

    tasks = list(read_task_file(found.path))
    if how == "html":
        Page(found.root, found.path, found.form).post(tasks)
        print(f"{len(tasks):,} tasks: open {found.path / NAME} in a browser")
    else:
        Sheets(found.path, found.form).post(tasks)
        print(f"{len(tasks):,} tasks: fill in a copy of {found.path / 'tasks.csv'}")


@review.command()
def pull(
    folder: Folder,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Files that the page saved, in place of a server.")
    ] = None,
    sheet: Sheet = None,
    url: Url = _HERE,
    token: Token = _TOKEN,
    watch: Annotated[
        float | None,
        typer.Option("--watch", min=1, metavar="SECONDS", help="Pull again and again, until every task is answered."),
    ] = None,
) -> None:
    """Bring answers back: from the Label Studio server, or from files that people saved on the page.

    The next build reads them. Whatever people changed or deleted on the server is followed; drafts and skips are no
    answers. With --watch a server that is away for a while is waited for, and Ctrl+C ends it.
    """
    found = _open(folder, sheet)
    if files:
        from ..annotation.backends.intake import take_files

        for name, number in take_files(found, files).items():
            print(f"{name}: {number:,} answers")
    elif watch is None:
        print(*_pull_from_server(found, url, token), sep="\n")
    else:
        _keep_pulling(found, url, token, watch)
    print("`cliploom build` goes on with them")


def _pull_from_server(found: ReviewFolder, url: str, token: str) -> list[str]:
    """Pull; say what came, in lines."""
    from ..annotation.backends.label_studio.client import open_server
    from ..annotation.backends.label_studio.sync import pull as pull_answers
    from .screen.formatting import printable

    count = pull_answers(open_server(_check_url(url), token), found)
    lines = [f"{printable(name)}: {number:,} answers" for name, number in sorted(count.by_person.items())]
    lines.append(
        f"{count.answers:,} answers, {count.skips:,} skipped; {count.gone:,} to tasks that are no longer there"
    )
    return [*lines, *(f"warning: {printable(said)}" for said in count.broken[:10])]


def _keep_pulling(found: ReviewFolder, url: str, token: str, every_s: float) -> None:
    """Pull until all is answered, and print what is new. The first pull must succeed; later failures are told."""
    from ..annotation.tasks.summary import summarize
    from ..engine.contract.errors import UserError
    from .screen.formatting import printable

    told = _pull_from_server(found, url, token)
    print(*told, sep="\n", flush=True)
    try:
        while (stands := summarize(found)).answered < stands.tasks:
            time.sleep(every_s)
            try:
                lines = _pull_from_server(found, url, token)
            except UserError as error:
                lines = [f"warning: {printable(error.message)}"]
            if lines != told:
                print(*(line for line in lines if line not in told), sep="\n", flush=True)
                told = lines
    except KeyboardInterrupt:
        print("stopped; what came is kept")


@review.command()
def status(
    folder: Folder,
    sheet: Sheet = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say how a review stands: progress, each person's part, how far people agree. It asks no server: pull first."""
    from json import dumps

    from ..annotation.tasks.summary import summarize
    from .screen.formatting import printable
    from .screen.tables import Column, print_table

    found = summarize(_open(folder, sheet))
    if as_json:
        lists = {name: [one._asdict() for one in getattr(found, name)] for name in ("people", "agreement")}
        held = found._asdict() | lists
        print(dumps(held, ensure_ascii=False))
        return
    print(f"{found.answered:,} of {found.tasks:,} tasks are answered, {found.shared:,} by several people")
    if found.people:
        names = ("answers", "usual time", "with most", "known right")
        columns = [Column("person"), *(Column(name, "right") for name in names)]
        print()
        print_table([*columns, Column("")], [
            (printable(p.person), f"{p.answers:,}", "" if p.seconds is None else f"{p.seconds:.1f} s",
             "" if p.with_most is None else f"{p.with_most:.0%}", "" if p.gold is None else f"{p.gold:.0%}", p.outlier)
            for p in found.people
        ])  # fmt: skip
    for one in found.agreement:
        interval = "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"
        print(f"agreement: {one.name}: {one.value:.3f}{interval}")
    if found.missing:
        print(f"missing answers: {found.missing:,}")
    for said in found.broken[:10]:
        print(f"warning: {printable(said)}")


@review.command("open")
def open_(folder: Folder, sheet: Sheet = None) -> None:
    """Print where people answer: an address of the server, where each sees no answers of others, or the page."""
    from ..annotation.backends.label_studio.sync import project_url
    from ..annotation.backends.page.backend import NAME
    from ..engine.contract.errors import UserError

    found = _open(folder, sheet)
    page = found.path / NAME
    places = [project_url(found), page.absolute().as_uri() if page.exists() else ""]
    if not any(places):
        raise UserError(f"{found.path} is nowhere yet", "`cliploom review push` takes it to people")
    print(*filter(None, places), sep="\n")


def _check_url(url: str) -> str:
    """The address without a slash at its end; ``UserError`` for one that is none."""
    from urllib.parse import urlsplit

    from ..engine.contract.errors import UserError

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise UserError(f"{url!r} is no address of a server", "it is like http://127.0.0.1:8080, without a token in it")
    return url.rstrip("/")


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
