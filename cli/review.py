"""``cliploom review``: take tasks to people, and bring their answers back."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..annotation.backends.folder import ReviewFolder
    from ..annotation.backends.label_studio.client import LabelStudioServer
    from ..annotation.tasks.summary import ReviewProgress
    from ..schemas import Row

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
R = TypeVar("R", bound="Row")
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
    one, and keeps its answers. What a model would answer follows its newest scores. Tasks that were sent to a senior go
    along, to a project of their own. Without --files and --clips-url the clips are part of the tasks.
    """
    from ..engine.contract.errors import UserError, nearest

    if how not in _FORMATS:
        raise UserError(f"there is no format {how}{nearest(how, _FORMATS)}")
    for found in _named(_open(folder, sheet)):
        if how == "label-studio":
            _push_to_server(found, folder, url, token, (files, clips_url))
        else:
            _write(found, how)


def _push_to_server(found: ReviewFolder, folder: Path, url: str, token: str, place: tuple[Path | None, str]) -> None:
    from ..annotation.backends.label_studio.client import open_server
    from ..annotation.backends.label_studio.places import ClipPlace
    from ..annotation.backends.label_studio.sync import push as push_tasks
    from ..engine.contract.words import number_of
    from .screen.places import open_build

    server = open_server(_check_url(url), token)
    count = push_tasks(server, found, open_build(folder).name, ClipPlace(found.path, *place), _tell)
    new, there = number_of(count.made, "task is", "tasks are"), number_of(count.there, "was", "were")
    print(f"{new} new, {there} there")
    if count.removed or count.kept:
        gone = number_of(count.removed, "of a changed caption is", "of changed captions are")
        stay = number_of(count.kept, "that was answered stays", "that were answered stay")
        print(f"{gone} removed; {stay}")
    print(count.url)


def _tell(made: int) -> None:
    """Show on a terminal how far a push has come."""
    if sys.stderr.isatty():
        print(f"\rnew tasks: {made:,}\r", end="", file=sys.stderr, flush=True)


def _write(found: ReviewFolder, how: str) -> None:
    from ..annotation.backends.page.backend import NAME, Page
    from ..annotation.backends.sheets.folder import Sheets
    from ..annotation.tasks.task import read_task_file
    from ..engine.contract.words import number_of

    tasks = list(read_task_file(found.path))
    if how == "html":
        Page(found.root, found.path, found.form).post(tasks)
        print(f"{number_of(len(tasks), 'task')}: open {found.path / NAME} in a browser")
    else:
        Sheets(found.path, found.form).post(tasks)
        print(f"{number_of(len(tasks), 'task')}: fill in a copy of {found.path / 'tasks.csv'}")


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
        _take(found, files)
    elif watch is None:
        print(*_pull_from_server(found, url, token), sep="\n")
    else:
        _keep_pulling(found, url, token, watch)
    print("`cliploom build` goes on with them")


def _take(reviews: Sequence[ReviewFolder], files: Sequence[Path]) -> None:
    """Take in what the page saved, each file for the review that it names."""
    from ..annotation.backends.answer_files import read_answer_file
    from ..annotation.backends.intake import take_files
    from ..engine.contract.words import number_of

    others = [one.sheet for one in reviews[1:]]
    sheets = {path: read_answer_file(path).sheet for path in files}
    for at, found in enumerate(reviews):
        own = [path for path, name in sheets.items() if (name == found.sheet if at else name not in others)]
        for name, number in take_files(found, own).items():
            print(f"{name}: {number_of(number, 'answer')}")


def _pull_from_server(reviews: Sequence[ReviewFolder], url: str, token: str) -> list[str]:
    """Pull; say what came, in lines."""
    from ..annotation.backends.label_studio.client import open_server
    from ..annotation.backends.label_studio.sync import project_url

    server = open_server(_check_url(url), token)
    first, *others = reviews
    lines = _pull_one(server, first)
    for found in others:
        if project_url(found):
            lines += [f"{found.sheet}:", *_pull_one(server, found)]
    return lines


def _pull_one(server: LabelStudioServer, found: ReviewFolder) -> list[str]:
    from ..annotation.backends.label_studio.sync import pull as pull_answers
    from ..engine.contract.words import number_of
    from .screen.formatting import printable

    count = pull_answers(server, found)
    lines = [f"{printable(name)}: {number_of(n, 'answer')}" for name, n in sorted(count.by_person.items())]
    answers = number_of(count.answers, "answer")
    lines.append(f"{answers}, {count.skips:,} skipped; {count.gone:,} to tasks that are no longer there")
    return [*lines, *(f"warning: {printable(said)}" for said in count.broken[:10])]


def _keep_pulling(reviews: Sequence[ReviewFolder], url: str, token: str, every_s: float) -> None:
    """Pull until all is answered, and print what is new. The first pull must succeed; later failures are told."""
    from ..annotation.tasks.summary import summarize
    from ..engine.contract.errors import UserError
    from .screen.formatting import printable

    told = _pull_from_server(reviews, url, token)
    print(*told, sep="\n", flush=True)
    try:
        while any(stands.answered < stands.tasks for stands in map(summarize, reviews)):
            time.sleep(every_s)
            try:
                lines = _pull_from_server(reviews, url, token)
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

    reviews = _open(folder, sheet)
    if as_json:
        found = summarize(reviews[0])
        lists = {name: [one._asdict() for one in getattr(found, name)] for name in ("people", "agreement")}
        print(dumps(found._asdict() | lists, ensure_ascii=False))
        return
    for one in _named(reviews):
        _print_progress(summarize(one))


def _print_progress(found: ReviewProgress) -> None:
    from ..engine.contract.words import number_of
    from .screen.formatting import printable
    from .screen.tables import Column, print_table

    tasks = number_of(found.tasks, "task")
    print(
        f"{number_of(found.answered, f'of {tasks} is', f'of {tasks} are')} answered, {found.shared:,} by several people"
    )
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


@review.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The jsonl file to write.")],
    grid_s: Annotated[float, typer.Option("--grid-s", min=0.1, metavar="SECONDS", help="Length of a cell.")] = 2.0,
) -> None:
    """Write the moments and grades that people gave as QVHighlights' jsonl, which `cliploom score` reads."""
    from json import dumps

    from ..annotation.tasks.highlights import highlight_lines
    from ..engine.contract.errors import UserError
    from ..engine.contract.words import number_of
    from ..engine.query import open_query
    from ..engine.storage.files import write_text
    from ..schemas import Caption, Clip, Review, from_arrow
    from .screen.places import open_build

    build = open_build(folder)

    def rows(row: type[R]) -> list[R]:
        with open_query(build, f"SELECT * FROM {row.table} ORDER BY 1") as (db, statement):
            return list(from_arrow(row, db.sql(statement).to_arrow_table()))

    found = highlight_lines(rows(Clip), rows(Caption), rows(Review), grid_s)
    lines = [dumps(line, ensure_ascii=False) for line in found]
    if not lines:
        raise UserError(f"nobody has marked moments in {folder}", "`kind: moments` asks for them")
    write_text(out, "".join(f"{line}\n" for line in lines))
    print(f"{number_of(len(lines), 'query', 'queries')} in {out}")


@review.command("open")
def open_(folder: Folder, sheet: Sheet = None) -> None:
    """Print where people answer: an address of the server, where each sees no answers of others, or the page."""
    from ..annotation.backends.label_studio.sync import project_url
    from ..annotation.backends.page.backend import NAME
    from ..engine.contract.errors import UserError

    reviews, places = _open(folder, sheet), []
    for found in reviews:
        page = found.path / NAME
        places += [project_url(found), page.absolute().as_uri() if page.exists() else ""]
    if not any(places):
        raise UserError(f"{reviews[0].path} is nowhere yet", "`cliploom review push` takes it to people")
    print(*filter(None, places), sep="\n")


def _check_url(url: str) -> str:
    """The address without a slash at its end; ``UserError`` for one that is none."""
    from urllib.parse import urlsplit

    from ..engine.contract.errors import UserError

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise UserError(f"{url!r} is no address of a server", "it is like http://127.0.0.1:8080, without a token in it")
    return url.rstrip("/")


def _open(folder: Path, sheet: str | None) -> list[ReviewFolder]:
    """The named review of a build; without a name the only one, and with it the tasks that were sent to a senior."""
    from ..annotation.backends.folder import pick_reviews, review_folders
    from ..engine.contract.errors import UserError
    from .screen.places import open_build

    found = review_folders(open_build(folder).root)
    if not found:
        raise UserError(f"{folder} has no review", "the step annotation.review makes one; a build writes its tasks")
    return pick_reviews(found, sheet)


def _named(reviews: Sequence[ReviewFolder]) -> Iterator[ReviewFolder]:
    """The first; then those of the others that have tasks or had some, each after a line with its name."""
    from ..annotation.backends.label_studio.sync import project_url
    from ..annotation.tasks.task import read_task_file

    for at, found in enumerate(reviews):
        if at and not project_url(found) and next(read_task_file(found.path), None) is None:
            continue
        if at:
            print(f"{found.sheet}:")
        yield found
