"""``cliploom build``: do what a recipe says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..engine.build import Build
    from ..engine.contract.events import Event
    from ..engine.contract.recipe import Recipe
    from ..engine.execution.progress_record import ProgressRecord
    from ..engine.execution.runner import RunOptions

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file (YAML).")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Build folder, or s3://, gs://, az://…; else builds/<name>.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STEP.OPTION=VALUE", help="Override an option of the recipe; may be repeated."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N source videos.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Try rows again that failed before.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, metavar="N", help="Processes; otherwise one per CPU.")]
Rank = Annotated[
    str, typer.Option("--part", metavar="K/N", help="Only the shards of rank K of N, from 0; no step that needs all.")
]
Cluster = Annotated[
    str,
    typer.Option(
        "--on", metavar="ray[://HOST:PORT]", help="Work on a Ray cluster; this program is on one of its nodes."
    ),
]
Metrics = Annotated[
    str, typer.Option("--metrics", metavar="[HOST:]PORT", help="Serve progress for Prometheus, at /metrics.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def build(
    recipe: RecipeFile,
    out: Out = None,
    settings: Settings = None,
    limit: Limit = None,
    workers: Workers = None,
    retry_failed: Retry = False,
    part: Rank = "",
    on: Cluster = "",
    metrics: Metrics = "",
    quiet: Quiet = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Do what a recipe says.

    Only what is not done yet is done. Stop it at any time; run it again to go on.

    Exit codes: 0 when it is done, or waits for answers, even if some rows failed; 2 for what you can mend; 3 when a
    step failed on all rows that reached it; 130 when it was stopped; 1 for a bug.
    """
    from dataclasses import replace

    from ..engine.execution.address_space import check_address_space

    check_address_space()
    from ..engine.execution.parts import parse_part
    from ..engine.execution.ray_pool import ray_executor
    from ..engine.execution.runner import RunOptions
    from ..engine.storage.addresses import build_root, place_of
    from .screen.formatting import command_line
    from .screen.outcome import end_build
    from .screen.places import open_recipe

    loaded = open_recipe(recipe, settings or ())
    root = build_root(out or build_folder(loaded.name))
    words = ["cliploom", "build", str(recipe), *(["--out", place_of(root)] if out else [])]
    words += [word for setting in settings or () for word in ("--set", setting)]
    words += ["--limit", str(limit)] if limit else []
    words += ["--part", part] if part else []
    options = RunOptions(limit=limit, retry_failed=retry_failed, part=parse_part(part) if part else None)
    options = replace(options, workers=workers) if workers else options
    if on:
        options = replace(options, executor=ray_executor(on))
        words += ["--on", on]
    with metrics_of(metrics) as watch:
        made = do_build(loaded, root, replace(options, watch=watch), quiet, command_line(words))
    end_build(made, json)


@contextmanager
def metrics_of(place: str) -> Iterator[Callable[[Callable[[], ProgressRecord]], None] | None]:
    """Serve what a build tells of itself, if a place for it is named; what the build is to be given."""
    if not place:
        yield None
        return
    from ..engine.execution.progress_record import prometheus_text
    from .screen.metrics import serving_metrics

    sources: list[Callable[[], ProgressRecord]] = []
    with serving_metrics(place, lambda: prometheus_text([source() for source in sources[-1:]])):
        yield sources.append


def do_build(recipe: Recipe, root: Path, options: RunOptions, quiet: bool, again: str) -> Build:
    """Build with progress and signals, and write the report; ``again`` is the command that goes on.

    Raises:
        UserError: as ``run_build``. ``AllFailed`` where a step failed on all of its rows by then.
    """
    from ..engine.build import Build, run_build
    from ..engine.contract.errors import UserError
    from .report import remove_report, write_report
    from .screen.interrupts import stoppable
    from .screen.outcome import check_all_failed
    from .screen.progress import progress

    began = False

    def begin(event: Event) -> None:
        nonlocal began
        if event.kind == "build":  # from here on the folder is this build's
            began = True
            if options.part is None:
                remove_report(root)

    with stoppable(again):
        try:
            with progress(quiet) as listeners, redirect_stdout(sys.stderr):  # a step may print
                run_build(recipe, root, options, [begin, *listeners])
        except UserError as error:
            if began:
                check_all_failed(Build.read(root), error)
            raise
        made = Build.read(root)
        if options.part is None:
            write_report(made)
    return made


def build_folder(name: str) -> Path:
    """Where a recipe of that name is built unless the user says otherwise."""
    return Path("builds") / (re.sub(r"[^\w.-]+", "-", name).strip("-.") or "build")
