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
