"""``cliploom plan``: what a build would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..engine.contract.words import number_of
from .build import Limit, Out, RecipeFile, Retry, Settings, build_folder

if TYPE_CHECKING:
    from ..engine.preview import Forecast


def plan(
    recipe: RecipeFile,
    out: Out = None,
    settings: Settings = None,
    limit: Limit = None,
    retry_failed: Retry = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON array instead of a table.")] = False,
    sample: Annotated[
        int | None,
        typer.Option("--estimate", min=1, metavar="N", help="Build the first N videos and say what all would cost."),
    ] = None,
) -> None:
    """Say what a build would do, and why.

    For each step: how many rows it has handled (done, dropped or failed), how many of them failed, how many are
    to do, and why. A `+` stands for rows that steps before it have yet to make. Below are the workers of each
    step that has something to do, and what each worker takes: processors, GPUs, memory. A plan runs nothing, unless
    you ask for an estimate: that builds a few videos beside the build, and the build does not pay for their answers
    again.
    """
    from ..engine.execution.runner import RunOptions
    from ..engine.preview import preview_build
    from ..engine.storage.addresses import build_root, place_of
    from .screen.places import open_recipe
    from .screen.tables import Column, print_table

    loaded = open_recipe(recipe, settings or ())
    root = build_root(out or build_folder(loaded.name))
    if sample is not None:
        from .screen.costs import print_estimate

        print_estimate(loaded, root, sample, RunOptions(limit=limit), json)
        return
    found = preview_build(loaded, root, RunOptions(limit=limit, retry_failed=retry_failed))
    if json:
        from json import dumps

        print(dumps([_object(forecast) for forecast in found], ensure_ascii=False))
        return
    columns = [Column("step"), Column("done", "right"), Column("failed", "right"), Column("to do", "right")]
    print_table([*columns, Column("why", wide=True)], [_line(forecast) for forecast in found])
    print(f"\n{_summary(found)}; build folder {place_of(root)}")
    _print_placements(found)
    _print_missing(found)


def _print_placements(found: list[Forecast]) -> None:
    """What the steps that have something to do take of this machine, but for those that the main process does."""
    busy = [f for f in found if (f.to_do or f.after) and (f.placement.workers or f.placement.concurrency)]
    takes = {f.name: str(f.placement) for f in busy}
    if takes:
        print("\ntakes:")
        for name, placement in takes.items():
            print(f"  {name}: {placement}")


def _print_missing(found: list[Forecast]) -> None:
    """What must be installed first, and what had better be."""
    from ..engine.contract.requirements import how_to_get
    from .screen.formatting import printable

    for optional, title in ((False, "missing:"), (True, "optional, and not here:")):
        lines = {f.name: [one for one in f.missing if one.optional == optional] for f in found}
        lines = {name: missing for name, missing in lines.items() if missing}
        if lines:
            print(f"\n{title}")
            for name, missing in lines.items():
                print(f"  {name}: {printable(', '.join(one.name for one in missing))}")
            print(f"  {printable(how_to_get(one for missing in lines.values() for one in missing))}")


def _object(forecast: Forecast) -> dict[str, Any]:
    placement = {**forecast.placement._asdict(), "resources": forecast.placement.resources._asdict()}
    return {**forecast._asdict(), "missing": [one._asdict() for one in forecast.missing], "placement": placement}


def _line(forecast: Forecast) -> list[str]:
    from .screen.formatting import number

    to_do = number(forecast.to_do) + (" +" if forecast.after else "")
    reasons = ", ".join(f"{n:,} {why}" for why, n in sorted(forecast.why.items()))
    why = [forecast.changed or reasons, f"after {forecast.after}" if forecast.after else ""]
    why += [f"waits: {forecast.waiting}" if forecast.waiting else ""]
    return [forecast.name, number(forecast.done), number(forecast.failed), to_do.strip(), "; ".join(filter(None, why))]


def _summary(found: list[Forecast]) -> str:
    to_do = sum(forecast.to_do for forecast in found)
    after = next((forecast.after for forecast in found if forecast.after), "")
    if to_do or after:
        more = f", and what follows from {after}" if after else ""
        return f"{number_of(to_do, 'row')} to do{more}"
    return "it waits for answers" if any(f.waiting for f in found) else "nothing to do"
