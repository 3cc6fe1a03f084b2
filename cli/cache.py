"""``cliploom cache``: the answers of models that are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ..engine.contract.words import number_of

cache = typer.Typer(
    name="cache",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look at the kept answers of models, or forget some.",
)

_DAY_S = 86_400
_MB = 1_000_000


@cache.command()
def stats(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how many answers are kept, of which models."""
    import json

    from ..models.chat.cache_file import answers_path, cache_usage
    from .screen.tables import Column, print_table

    path = answers_path()
    found = cache_usage(path)
    if as_json:
        print(json.dumps({"file": str(path), "models": [each._asdict() for each in found]}))
        return
    print(f"{path}: {number_of(sum(each.answers for each in found), 'answer')}")
    if found:
        rows = [(k.model, f"{k.answers:,}", f"{k.size / _MB:,.1f}", _day(k.first_at), _day(k.last_at)) for k in found]
        columns = [Column("model", wide=True), Column("answers"), Column("MB"), Column("from"), Column("to")]
        print_table(columns, rows)


@cache.command()
def prune(
    older: Annotated[float | None, typer.Option(metavar="DAYS", min=0, max=1e9, help="Forget what is older.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Forget only this model's answers.")] = None,
    max_mb: Annotated[float | None, typer.Option(metavar="N", min=0, max=1e9, help="Keep the newest N MB.")] = None,
) -> None:
    """Forget answers. What is asked again is paid for again."""
    from ..engine.contract.errors import UserError, nearest
    from ..models.chat import cache_file

    if older is None and model is None and max_mb is None:
        raise UserError("nothing to forget is named", "give --older DAYS, --model NAME or --max-mb N")
    path = cache_file.answers_path()
    known = [each.model for each in cache_file.cache_usage(path)]
    if model is not None and model not in known:
        hint = f"models: {', '.join(known)}" if known else ""
        raise UserError(f"no answers of {model} are kept{nearest(model, known)}", hint)
    gone = cache_file.prune(
        path, None if older is None else older * _DAY_S, model, None if max_mb is None else round(max_mb * _MB)
    )
    print(f"{number_of(gone, 'answer')} forgotten")


def _day(when: float) -> str:
    return datetime.fromtimestamp(when).strftime("%Y-%m-%d")
