"""The command ``cliploom``."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from ..engine.contract.errors import UserError
from .build import build
from .cache import cache
from .clean import clean
from .compare import compare
from .demo import demo
from .diff import diff
from .doctor import doctor
from .errors import errors
from .export import export
from .find import find
from .init import init
from .plan import plan
from .publish import publish
from .recipes import recipes
from .report import report
from .review import review
from .score import score
from .screen.formatting import printable
from .sql import sql
from .status import status
from .steps import steps
from .takedown import takedown
from .top import top
from .verify import verify
from .view import view

COMMANDS = (
    init, plan, build, status, top, errors, sql, view, find, compare, report, publish, export, score, diff, verify,
    takedown, steps, recipes, doctor, clean, demo,
)  # fmt: skip

app = typer.Typer(
    name="cliploom",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it needs no rich, so that it is there at once
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(review)
app.add_typer(cache)


_MENDABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ELOOP, errno.ENAMETOOLONG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ENXIO, errno.EINVAL,
}  # fmt: skip
"""A folder that may not be written, a full disk, a file where a folder should be, a link to itself: no bugs of ours."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"cliploom {version('cliploom')}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """From raw video to a published, reviewed, reproducible video-text dataset, in one recipe."""


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {printable(str(message))}", file=sys.stderr)


def _check_words(words: Sequence[str]) -> None:
    """Raise ``UserError`` for an argument that is no text: it could be neither shown nor written down."""
    for word in words:
        if word.encode("utf-8", "replace").decode() != word:
            raise UserError(f"{ascii(os.fsencode(word))[1:]} is not UTF-8", "rename the file, or correct the argument")


def _open_streams() -> None:
    """Make the standard streams take any text: a closed one leads nowhere, and what an encoding lacks is escaped.

    A closed one is opened before any file is: the next file would get its number, and what libraries say.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(spare)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run a command. What the user can mend is one line and exit 2; a bug is a traceback and exit 1."""
    warnings.showwarning = _warn
    _open_streams()
    try:
        _check_words(sys.argv)
        app()
    except UserError as error:
        below = [*error.details, *([error.hint] if error.hint else [])]
        print(f"error: {printable(error.message)}", *map(printable, below), sep="\n  ", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _MENDABLE:
            raise
        said = os.strerror(error.errno)  # some libraries say more, and not where
        print(f"error: {printable(str(error.filename or 'writing'))}: {said}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
