"""Making room in a build folder."""

from __future__ import annotations

from pathlib import Path

import toys
from commands import Run

from cliploom.engine.build import Build, run_build
from cliploom.engine.execution.runner import RunOptions


def test_what_earlier_options_left_can_go(tmp_path: Path, cliploom: Run) -> None:
    root = tmp_path / "b"
    run_build(toys.recipe(say__word="before"), root, RunOptions(workers=2))
    old = {p for p in root.glob("tables/*/*")}
    run_build(toys.recipe(), root, RunOptions(workers=2))
    kept = {root / "tables" / table.name / table.fingerprint for _, table in Build.read(root).tables()}
    assert old - kept
    assert "would be deleted" in cliploom("clean", str(root), "--dry-run").out
    assert {p for p in root.glob("tables/*/*")} >= old
    said = cliploom("clean", str(root)).out
    assert "toys.Say" in said and "were deleted" in said
    assert {p for p in root.glob("tables/*/*")} == kept & set(root.glob("tables/*/*"))
    assert cliploom("clean", str(root)).out == "nothing to delete\n"
    with Build.read(root).connect() as db:
        assert db.execute("SELECT count(*) FROM captions WHERE _step = 'toys.Join'").fetchall() == [(30,)]


def test_what_a_killed_build_left_under_way_can_go(tmp_path: Path, cliploom: Run) -> None:
    root = tmp_path / "b"
    run_build(toys.recipe(), root, RunOptions(workers=2))
    table = next(table for _, table in Build.read(root).tables())
    media = root / "media" / table.name / table.fingerprint
    parts = (
        media / "unfinished" / "v.mp4.part", media / "unfinished" / "v.f137.mp4", media / "a.mp4.17.part",
        root / "tables" / table.name / table.fingerprint / "rows.parquet.17.part", root / "recipe.lock.yaml.17.part",
    )  # fmt: skip
    for part in (*parts, media / "kept.mp4"):
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"x" * 100_000)
    assert "0.5 MB  would be deleted" in cliploom("clean", str(root), "--dry-run").out
    assert "0.5 MB  were deleted" in cliploom("clean", str(root)).out
    assert not any(part.exists() for part in parts) and (media / "kept.mp4").exists()
    assert cliploom("clean", str(root)).out == "nothing to delete\n"
