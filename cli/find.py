"""``cliploom find``: find clips by what they show."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How hits are written."""

    table = "table"
    ids = "ids"
    json = "json"


def find(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder, or its recipe.")],
    query: Annotated[str, typer.Argument(metavar="WORDS|PICTURE|CLIP", help="Words, a picture, or a clip.")],
    top: Annotated[int, typer.Option("--top", min=1, help="How many clips.")] = 20,
    captions: Annotated[bool, typer.Option("--captions", help="Compare with captions, not with pictures.")] = False,
    encoder: Annotated[str, typer.Option("--encoder", metavar="NAME", help="Whose vectors to compare.")] = "",
    save: Annotated[str, typer.Option("--save", metavar="NAME", help="Keep the hits as a selection.")] = "",
    output: Annotated[Output, typer.Option("--format", help="How to write the hits.")] = Output.table,
) -> None:
    """Find the clips nearest to some words, a picture, or another clip.

    It compares the vectors that the build has stored, by captioners.clip_embeddings or captioners.text_embeddings. A
    saved selection is a file in DIR/selections: cliploom view shows it, and filters.selection keeps it.
    """
    from ..cards.viewer.find import find_clips
    from ..engine.selections import save_selection
    from .screen.formatting import json_text
    from .screen.places import open_build
    from .screen.tables import Column, print_table

    build = open_build(folder)
    hits = find_clips(build, query, top, encoder, captions)
    if save:
        save_selection(build.root, save, (hit.clip_id for hit in hits))
    if output is Output.ids:
        print(*(hit.clip_id for hit in hits), sep="\n")
    elif output is Output.json:
        print(json_text([hit._asdict() for hit in hits]))
    else:
        rows = [(f"{hit.score:.3f}", hit.clip_id, hit.caption) for hit in hits]
        print_table([Column("score", "right"), Column("clip"), Column("caption", wide=True)], rows)
