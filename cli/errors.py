"""``cliploom errors``: what failed, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def errors(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    step: Annotated[str | None, typer.Option("--step", help="Only those of this step.")] = None,
    json: Annotated[bool, typer.Option("--json", help="A JSON array instead of a table.")] = False,
) -> None:
    """List the rows that failed, and why."""
    from ..engine.contract.errors import UserError, nearest
    from .screen.places import open_build

    build = open_build(folder)
    names = list(dict.fromkeys(table.name for _, table in build.tables()))
    if step is not None and step not in names:
        raise UserError(f"the build has no step {step}{nearest(step, names)}")
    query = "SELECT step, kind, id, video_id, message, attempts FROM errors WHERE ? IS NULL OR step = ?"
    with build.connect() as db:
        found = db.execute(f"{query} ORDER BY step, kind, id", [step, step]).fetchall()
    if json:
        from json import dumps

        keys = ("step", "kind", "id", "video_id", "message", "attempts")
        print(dumps([dict(zip(keys, row, strict=True)) for row in found], ensure_ascii=False))
        return
    if not found:
        print("nothing failed")
        return
    from .screen.tables import Column, print_table

    columns = [
        Column("step"),
        Column("cause"),
        Column("row"),
        Column("tries", "right"),
        Column("what it said", wide=True),
    ]
    print_table(columns, [(s, kind, id_, str(tries), message) for s, kind, id_, _, message, tries in found])
    print(f"\n{len(found):,} failed; `cliploom build … --retry-failed` tries them again")
