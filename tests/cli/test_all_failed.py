"""How a build ends in which nothing worked, and one that leaves an earlier dataset behind."""

from __future__ import annotations

import json
from pathlib import Path

import histories
import pytest
import told
from commands import Run
from histories import World

from cliploom.cli.screen.funnel import failures
from cliploom.cli.screen.outcome import find_outputs
from cliploom.engine.build import Build, FunnelStage, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.runner import RunOptions

CAUSE = "builders.folder: 2 of 2 failed, 2 x unreadable: a.mp4: the file is empty (0 bytes)"


def recipe(folder: Path, *more: str) -> Path:
    """A recipe over two empty files."""
    videos = folder / "videos"
    videos.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (videos / name).touch()
    path = folder / "empty.yaml"
    path.write_text(f"name: empty\nsteps:\n  - builders.folder: {{path: {videos}}}\n" + "".join(more))
    return path


def test_a_step_that_fails_on_all_rows_ends_the_build_with_3_and_its_cause_first(cliploom: Run, tmp_path: Path) -> None:
    path = recipe(tmp_path, "  - builders.transcripts\n")
    said = cliploom("build", path, "--out", tmp_path / "out", "--quiet")
    assert said.code == 3
    assert said.out.splitlines()[0] == CAUSE
    assert (tmp_path / "out" / "report.html").exists()
    assert cliploom("status", tmp_path / "out").code == 0

    again = cliploom("build", path, "--out", tmp_path / "out", "--quiet", "--json")
    assert (again.code, again.err.splitlines()[0]) == (3, f"error: {CAUSE}")
    assert json.loads(again.out)["steps"][0]["failed"] == 2


def test_what_comes_of_it_does_not_hide_the_cause(cliploom: Run, tmp_path: Path) -> None:
    steps = ["builders.scan", "builders.shots", "builders.clips", "cards.dataset"]
    path = recipe(tmp_path, *(f"  - {step}\n" for step in steps))
    said = cliploom("build", path, "--out", tmp_path / "out", "--quiet")
    assert said.code == 3
    assert said.err.splitlines()[:2] == [f"error: {CAUSE}", "  no clip is left to publish"]
    assert not (tmp_path / "out" / "report.html").exists(), "there is none of this build"


def test_one_good_row_is_enough_to_go_on(cliploom: Run, tmp_path: Path, media: Path) -> None:
    path = recipe(tmp_path)
    (tmp_path / "videos" / "c.mp4").write_bytes((media / "made_tiny_16x16.mp4").read_bytes())
    said = cliploom("build", path, "--out", tmp_path / "out", "--quiet")
    assert (said.code, said.out.splitlines()[0]) == (0, CAUSE.replace("2 of 2", "2 of 3"))


def test_the_most_frequent_cause_comes_first_and_its_step_before_those_that_fared_better(tmp_path: Path) -> None:
    stages = [
        FunnelStage("good", "map", "clips", 60, 59, 0, 1, 0, 59, {}, {"rare": 1}, 0.0),
        FunnelStage("bad", "map", "captions", 60, 13, 0, 47, 0, 13, {}, {"KeyError": 2, "TypeError": 45}, 0.0),
    ]
    errors = [("bad", "r1", "v", "TypeError", "no such argument", 1), ("bad", "r2", "v", "KeyError", "'x'", 1)]
    lines = failures(told.FakeBuild(tmp_path, {}, stages=stages, errors=errors), stages)
    assert lines == [
        "bad: 47 of 60 failed, 45 x TypeError: no such argument",
        "  2 x KeyError: 'x'",
        "good: 1 of 60 failed, 1 x rare: ",
    ]
    assert not any(stage.all_failed for stage in stages)


def test_a_dataset_of_an_earlier_build_is_not_shown_as_this_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories.all_inline(monkeypatch)
    world, root = World({f"v{i:02d}": [i, 0] for i in range(4)}), tmp_path / "b"
    run_build(world.recipe(), root, RunOptions(workers=1))
    (root / "dataset").mkdir()
    assert find_outputs(Build.read(root), Build.read(root).funnel()) == {"dataset": root / "dataset"}

    world.most_s = 0.5
    with pytest.raises(UserError, match="no clip is left to publish"):
        run_build(world.recipe(), root, RunOptions(workers=1))
    stages = Build.read(root).funnel()
    assert find_outputs(Build.read(root), stages) == {"outdated_dataset": root / "dataset"}
    assert [(s.name, s.came, s.rows) for s in stages if not s.finished] == [("histories.Book", 0, 0)]
    with Build.read(root).connect() as db:
        assert db.execute("SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM dataset)").fetchall() == [
            (0, 0)
        ]

    world.most_s = 9.0
    run_build(world.recipe(), root, RunOptions(workers=1))
    assert "dataset" in find_outputs(Build.read(root), Build.read(root).funnel())
