"""All ledgers of a build: what counts, and what is left behind."""

from __future__ import annotations

from pathlib import Path

import histories
import pytest
from histories import World

from cliploom.engine.build import Build, FunnelStage, run_build
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.ledgers import Ledgers


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    histories.all_inline(monkeypatch)


@pytest.fixture
def world() -> World:
    return World({f"v{i:02d}": [i, 0] for i in range(12)})


@pytest.fixture
def root(tmp_path: Path, world: World) -> Path:
    run_build(world.recipe(), tmp_path / "b", RunOptions(workers=1))
    return tmp_path / "b"


def by_name(root: Path) -> dict[str, FunnelStage]:
    return {stage.name.removeprefix("histories."): stage for stage in Build.read(root).funnel()}


def test_numbers_verdicts_and_errors_agree(root: Path) -> None:
    with Build.read(root).connect() as db:
        for stage in Build.read(root).funnel():
            assert stage.finished
            assert stage.came == stage.done + stage.dropped + stage.failed
            query = "SELECT count(*) FROM {} WHERE step = ?"
            verdicts, errors = (
                db.execute(query.format(view), [stage.name]).fetchall()[0][0] for view in ("verdicts", "errors")
            )
            assert (verdicts, errors) == (stage.dropped + stage.parts, stage.failed)
            assert (sum(stage.reasons.values()), sum(stage.causes.values())) == (verdicts, errors)
            if stage.table:
                rows = db.execute(f"SELECT count(*) FROM {stage.table} WHERE _step = ?", [stage.name]).fetchall()
                assert rows == [(stage.rows,)]


def test_a_step_whose_inputs_have_changed_is_unfinished_and_counts_row_by_row(root: Path, world: World) -> None:
    del world.films["v00"]
    before = by_name(root)
    with histories.killed_after(60):
        run_build(world.recipe(), root, RunOptions(workers=1))
    stages = by_name(root)
    assert stages["Films"].came <= before["Films"].came
    assert not stages["Rate"].finished and not stages["Book"].finished
    assert stages["Rate"].came == before["Rate"].came, "not yet looked at"
    assert (stages["Half"].came, stages["Book"].came, stages["Book"].rows) == (0, 0, 0), "they are all or nothing"
    run_build(world.recipe(), root, RunOptions(workers=1))
    assert all(stage.finished for stage in by_name(root).values())


def test_a_lock_of_an_earlier_version_is_read(root: Path) -> None:
    build = Build.read(root)
    tables = [
        ({key: value for key, value in step.items() if key not in ("anchors", "filters")}, table)
        for step, table in build.tables()
    ]
    ledgers = Ledgers(build.store, tables)
    assert ledgers.finished["histories.Films"]
    assert [ledgers.counts(table).failed for _, table in tables][:4] == [s.failed for s in build.funnel()][:4]
