"""After any history of builds over real videos, every table, the dataset and every number is that of a fresh build."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import histories
import pyarrow.parquet as pq
import pytest

from cliploom.builders.clips import Clips
from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.builders.shots import Shots
from cliploom.captioners.teacher import Teacher
from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.runner import RunOptions

CONTENTS = ("birds_cc0_1s.mp4", "tears_of_steel_2s.webm", "made_tiny_16x16.mp4", "made_zero_bytes.mp4")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    histories.all_inline(monkeypatch)
    for step in (Folder, Scan, Shots, Clips, Teacher):
        monkeypatch.setattr(step, "cost", "row")


def recipe(films: Path, options: dict[str, Any]) -> Recipe:
    return Recipe(
        "real",
        [
            ("builders.folder", {"path": str(films)}),
            ("builders.scan", {"frames_per_s": options["frames_per_s"]}),
            "builders.shots",
            ("builders.clips", {"min_s": 0.1}),
            ("filters.duration", {"min_s": options["min_s"]}),
            ("captioners.teacher", {"teachers": ["title"]}),
            ("cards.dataset", {"license": "cc0-1.0"}),
        ],
        shards=2,
    )


def build(films: Path, options: dict[str, Any], root: Path, limit: int | None = None) -> None:
    try:
        run_build(recipe(films, options), root, RunOptions(workers=1, limit=limit))
    except UserError as error:
        assert "no clip is left to publish" in error.message or "finds no" in error.message, error.message


def dataset(root: Path) -> list[dict[str, Any]]:
    rows = [row for path in (root / "dataset").glob("**/*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: str(row["clip_id"]))


def change(films: Path, options: dict[str, Any], rng: random.Random, media: Path) -> str:
    names = sorted(path.name for path in films.iterdir())
    what = rng.choice(["add", "remove", "rename", "replace", "touch", "min_s", "frames_per_s"])
    if what == "add" or len(names) < 3:
        content = rng.choice(CONTENTS)
        shutil.copy(media / content, films / f"v{rng.randrange(20):02d}{Path(content).suffix}")
        return "add"
    path = films / rng.choice(names)
    if what == "remove":
        path.unlink()
    elif what == "rename":
        path.rename(films / f"w{rng.randrange(20):02d}{path.suffix}")
    elif what == "replace":
        shutil.copy(media / rng.choice(CONTENTS), path)
    elif what == "touch":
        os.utime(path)
    elif what == "min_s":
        options["min_s"] = rng.choice([0.0, 1.5, 9.0])
    else:
        options["frames_per_s"] = rng.choice([1, 2])
    return what


@pytest.mark.parametrize("seed", range(3))
def test_any_history_of_real_videos_ends_as_a_fresh_build(seed: int, tmp_path: Path, media: Path) -> None:
    rng, films, options = random.Random(seed), tmp_path / "films", {"min_s": 0.0, "frames_per_s": 2}
    films.mkdir()
    said = [change(films, options, rng, media) for _ in range(4)]
    for _ in range(5):
        way = rng.random()
        said.append(change(films, options, rng, media))
        if way < 0.25:
            with histories.killed_after(rng.randrange(150)):
                build(films, options, tmp_path / "history")
        else:
            build(films, options, tmp_path / "history", limit=1 if way < 0.4 else None)
    options["min_s"] = 0.0
    shutil.copy(media / CONTENTS[0], films / "last.mp4")
    build(films, options, tmp_path / "history")
    build(films, options, tmp_path / "fresh")
    assert histories.contents(tmp_path / "history") == histories.contents(tmp_path / "fresh"), said
    assert dataset(tmp_path / "history") == dataset(tmp_path / "fresh") != []
