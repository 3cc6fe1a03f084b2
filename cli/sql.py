"""``cliploom sql``: ask a build."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def sql(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT, in DuckDB's SQL.")],
    how: Annotated[Format, typer.Option("--format", help="How to write the answer.")] = Format.table,
) -> None:
    """Ask a build with one SELECT.

    Its tables: videos, signals, frames, sounds, shots, clips, segments, evidence, captions, tags,
    embeddings, scores, reviews, entries, verdicts, errors and dataset. A query reads this build
    only: no other file, no network, and it writes nothing.
    """
    from .screen.output import print_answer
    from .screen.places import open_build

    print_answer(open_build(folder), query, how.value)
