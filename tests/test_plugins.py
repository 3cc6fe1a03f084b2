"""A package of its own adds steps and a table, as the docs say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cliploom.engine.contract import catalog
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.planning.plan import make_plan

PAGE = (Path(__file__).parents[1] / "docs" / "writing-a-step.md").read_text(encoding="utf-8")
STEPS: list[Any] = [
    ("builders.folder", {"path": "videos"}),
    "builders.scan",
    "builders.shots",
    "builders.clips",
    "mine.moods",
]
PROGRAM = f"""
import cliploom as cl

build = cl.build(cl.Recipe("plugin", {STEPS}, shards=2), on_event=lambda event: None)
print(build.sql("SELECT DISTINCT mood FROM moods ORDER BY mood").column("mood").to_pylist())
print(build.table("moods").num_rows - build.sql("FROM clips JOIN moods USING (clip_id)").num_rows)
"""


def install(folder: Path, points: str) -> None:
    """Put the package of the docs where Python finds it, with these entry points."""
    (folder / "my_package").mkdir()
    for name, code in re.findall(r"^```python\n# (my_package/\w+\.py)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        (folder / name).write_text(code, encoding="utf-8")
    info = folder / "my_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text(points)


def test_a_build_has_the_table_of_a_package(media: Path, tmp_path: Path) -> None:
    [toml] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    install(tmp_path, toml.replace("project.entry-points.", "").replace('"', ""))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mkv").symlink_to(media / "sintel_trailer_chapters_subs.mkv")
    (tmp_path / "program.py").write_text(PROGRAM)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "['calm', 'lively']\n0\n"), done.stderr


@pytest.mark.parametrize(
    ("point", "problem"),
    [
        ("moods = my_package.moods:Nothing", "the table moods is broken: AttributeError: "),
        ("moods = my_package.moods:Moods", "my_package.moods:Moods is no row type"),
        ("feelings = my_package.moods:Mood", "its table is moods, so its entry point must be called moods too"),
        ("", "mine.moods writes Mood, which is the row type of no table"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_one_line(
    point: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, f"[cliploom.steps]\nmine.moods = my_package.moods\n[cliploom.rows]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    caches: list[Any] = [catalog._plugins, catalog.step_names, catalog.step_class, catalog.row_types]
    try:
        for cache in caches:
            cache.cache_clear()
        with pytest.raises(UserError, match=re.escape(problem)):
            make_plan(Recipe("x", STEPS))
    finally:
        for cache in caches:
            cache.cache_clear()
        for name in [name for name in sys.modules if name.startswith("my_package")]:
            del sys.modules[name]
