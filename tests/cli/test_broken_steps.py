"""Steps of other packages that are broken: one line each, and all else works."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from cliploom.engine.contract import catalog
from cliploom.engine.contract.catalog import steps_that_write
from cliploom.schemas import Clip

HEAD = """\
from dataclasses import dataclass
from typing import Annotated
from cliploom import Clip, Col, MultiOutput, Filter, Map, Step, Video

@dataclass(frozen=True)
class Good(Filter[Clip]):
    \"\"\"Keep all.\"\"\"

    def drop(self, row: Clip) -> None:
        return None
"""
BROKEN = {
    "without_col": (HEAD.replace("    def", "    limit: int = 3\n\n    def"), "Good.limit has no Col(...)"),
    "two_steps": (HEAD + "\nclass Other(Good):\n    pass\n", "broken_two_steps must define one public step, not 2"),
    "no_step": ("x = 1\n", "broken_no_step must define one public step, not 0"),
    "no_package": ("import nonexistent_package\n" + HEAD, "No module named 'nonexistent_package'"),
    "no_python": ("def (:\n", "SyntaxError: "),
    "fails": (HEAD + "\n1 / 0\n", "broken_fails.py:12)"),
    "exits": ("import sys\nsys.exit('not here')\n", "SystemExit: not here"),
    "no_type": (HEAD.replace("Filter[Clip]", "Filter['Nowhere']"), "TypeError: "),
    "no_dataclass": (HEAD.replace("@dataclass(frozen=True)\n", ""), "is not a dataclass"),
    "no_shape": (HEAD.replace("Filter[Clip]", "Step"), "Good does not say what it reads"),
    "no_parts": (HEAD.replace("Filter[Clip]", "MultiOutput[Video]"), "NotImplementedError"),
}  # fmt: skip


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with broken steps and a good one, installed."""
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    points = [f"other.{name} = broken_{name}" for name in BROKEN]
    points += ["other.good = broken_good", "other.function = os:getcwd", "other.nowhere = nonexistent_module"]
    (info / "entry_points.txt").write_text("[cliploom.steps]\n" + "\n".join(points) + "\n")
    for name, (text, _) in BROKEN.items():
        (tmp_path / f"broken_{name}.py").write_text(text)
    (tmp_path / "broken_good.py").write_text(HEAD)
    monkeypatch.syspath_prepend(tmp_path)
    caches: list[Any] = [catalog._plugins, catalog.step_names, catalog.step_class]
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith("broken_")]:
        del sys.modules[name]


@pytest.mark.usefixtures("broken")
def test_steps_lists_what_is_broken_and_why(cliploom: Run) -> None:
    listed = cliploom("steps")
    assert listed.code == 0
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    for name, (_, why) in BROKEN.items():
        assert lines[f"other.{name}"].split()[1] == "broken"
        assert why in lines[f"other.{name}"]
    assert "os:getcwd is no step" in lines["other.function"]
    assert "No module named 'nonexistent_module'" in lines["other.nowhere"]
    assert lines["other.good"].split()[1] == "filter"
    assert lines["filters.duration"].split()[1] == "filter"


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("name", [*BROKEN])
def test_a_recipe_with_a_broken_step_is_one_line(name: str, cliploom: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: x\nsteps:\n  - builders.folder: {{path: {tmp_path}}}\n  - other.{name}\n")
    for words in (("plan", recipe), ("steps", f"other.{name}")):
        said = cliploom(*words)
        assert said.code == 2
        assert f"the step other.{name} is broken: " in said.err.splitlines()[0]
        assert len(said.err.splitlines()) == 2
    assert f"error: {recipe}:4: " in cliploom("plan", recipe).err


@pytest.mark.usefixtures("broken")
def test_other_recipes_do_not_mind(cliploom: Run, few: Path) -> None:
    assert cliploom("plan", few).code == 0
    few.write_text(few.read_text() + "  - filters.duration\n  - other.good\n")
    assert "steps that do: " in cliploom("plan", few).err
    assert "builders.clips" in steps_that_write(Clip)
