"""``cliploom report``: the report page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..engine.build import Build

REPORT = "report.html"


def report(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")]) -> None:
    """Write a build's report page again.

    It is report.html in the build folder: one page that needs no network.
    """
    from ..engine.storage.addresses import place_of
    from .screen.places import open_build

    build = open_build(folder)
    print(place_of(build.root, write_report(build)))


def write_report(build: Build) -> Path:
    """Write ``report.html`` into the build folder."""
    from ..cards.report import render_report
    from ..engine.storage.addresses import take_back
    from ..engine.storage.files import write_text
    from ..engine.storage.sql import readable

    path = build.root / REPORT
    with readable(build.root):
        page = render_report(build)
    write_text(path, page)
    take_back(build.root)
    return path


def remove_report(root: Path) -> None:
    """Remove the report of what a build folder held before."""
    (root / REPORT).unlink(missing_ok=True)
