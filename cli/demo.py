"""``cliploom demo``: a build of the sample videos that ship."""

from __future__ import annotations

from importlib.resources import as_file, files
from json import dumps
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Build folder.")] = Path("cliploom-demo"),
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Build a dataset from the sample videos.

    They ship with the package; the extra `demo` and the model packages must be installed.
    """
    from ..engine.contract.recipe import read_recipe
    from ..engine.execution.runner import RunOptions
    from .build import do_build
    from .recipes import PACKAGE, recipe_text
    from .screen.formatting import command_line
    from .screen.outcome import end_build

    again = command_line(["cliploom", "demo", "--out", str(out)])
    with as_file(files(PACKAGE) / "media") as media:
        recipe = read_recipe(recipe_text("demo"), "demo.yaml", [f"builders.folder.path={dumps(str(media))}"])
        end_build(do_build(recipe, out, RunOptions(), quiet, again), False)
        print(f"look:     {command_line(['cliploom', 'view', str(out)])}")
        print(f"publish:  {command_line(['cliploom', 'publish', str(out), '--to', 'USER/NAME'])}")
