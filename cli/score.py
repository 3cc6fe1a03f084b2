"""``cliploom score``: how good predictions are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score(
    predictions: Annotated[Path | None, typer.Argument(metavar="PRED", help="The predictions.")] = None,
    gold: Annotated[Path | None, typer.Argument(metavar="GOLD", help="The right answers.")] = None,
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="The metric; see --list.")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="An option of the metric; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the metrics.")] = False,
) -> None:
    """Measure predictions against right answers, with the numbers of the published evaluator.

    docs/metrics.md describes each metric, with its source and its options.
    """
    from json import dumps

    from ..cards.metrics.catalog import metric_class
    from ..engine.contract.errors import UserError
    from ..engine.contract.options import make_step
    from .screen.settings import read_settings
    from .screen.tables import Column, print_table

    if listed:
        return _print_metrics()
    if predictions is None or gold is None or not metric:
        raise UserError("name two files and a metric", "cliploom score PRED GOLD --metric NAME; --list lists them")
    chosen = make_step(metric, metric_class(metric), read_settings(settings or ()))
    found = chosen.measure(predictions, gold)
    if as_json:
        print(dumps(dict(found), ensure_ascii=False))
    else:
        print_table([Column(metric), Column("", "right")], [(name, f"{value:.2f}") for name, value in found.items()])


def _print_metrics() -> None:
    import inspect

    from ..cards.metrics.catalog import METRICS
    from .screen.tables import Column, print_table

    rows = [(name, (inspect.getdoc(one) or "").split("\n\n")[0].replace("\n", " ")) for name, one in METRICS.items()]
    print_table([Column("metric"), Column("what", wide=True)], rows)
