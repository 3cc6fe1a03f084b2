"""A real build of the shortest film."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import Recipe, read_recipe
from cliploom.engine.execution.runner import RunOptions

MEDIA = Path(__file__).parent.parent / "media"
RECIPE = f"""
name: short
shards: 2
steps:
  - builders.folder: {{path: {MEDIA}, pattern: "t*.webm"}}
  - builders.scan
  - builders.shots
  - builders.clips: {{min_s: 0.2}}
  - filters.duration: {{min_s: 0.5}}
  - cards.dataset: {{license: cc-by-3.0}}
"""


class Short(NamedTuple):
    """The build, and what it was made from."""

    build: Build
    recipe: Recipe


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Short:
    """Two seconds of film, from folder to dataset."""
    root, recipe = tmp_path_factory.mktemp("short") / "b", read_recipe(RECIPE, "short.yaml")
    run_build(recipe, root, RunOptions(workers=1))
    return Short(Build.read(root), recipe)
