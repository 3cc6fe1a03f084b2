"""``cliploom view``: look at a build in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0: any that is free.")] = 8765,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FOLDER", help="Write the page as files instead.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="With --export: so many clips at most.")] = 500,
) -> None:
    """Look at a build: clips that play, filters, every caption, what was dropped and why.

    The page is served to this machine alone, until Ctrl+C. Marks (keep, drop, a note, a better caption) go to
    marks.jsonl in the build folder; the step annotation.marks reads them.
    """
    from .screen.places import open_build

    build = open_build(folder)
    if export is not None:
        from ..cards.viewer.export import export_page

        print(export_page(build, export, limit))
        return
    from .screen.serving import serve_page

    serve_page(build, port, browser)
