"""``build``, and what there is to see of it: ``plan``, ``status``, ``errors``."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import hostile
import pytest
import toys
from commands import Run

from cliploom.cli.build import do_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.runner import RunOptions


def test_a_build_from_the_command_line(cliploom: Run, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(few.parent)
    said = cliploom("build", "few.yaml", "--workers", 1)
    assert said.code == 0, said.err
    assert "builders.folder: 1 of 3 failed" in said.out.splitlines()[0]  # a third failed: that comes first
    assert "1 x unreadable: made_zero_bytes.mp4: the file is empty (0 bytes)" in said.out
    assert f"report:   {Path('builds/few/report.html')}" in said.out
    assert "builders.folder: done, 3 rows in" in said.err
    assert "<html" in Path("builds/few/report.html").read_text()[:1000]

    planned = cliploom("plan", "few.yaml")
    assert "nothing to do" in planned.out

    [dealt_with] = [line for line in planned.out.splitlines() if line.startswith("builders.folder")]
    assert dealt_with.split() == ["builders.folder", "3", "1"]

    quiet = cliploom("build", "few.yaml", "--quiet", "--json", "--limit", 2)
    assert quiet.err == ""
    result = json.loads(quiet.out)
    assert result["recipe"] == "few"
    assert [step["came"] for step in result["steps"]] == [2, 1]


def test_plan_before_anything_was_built(cliploom: Run, few: Path) -> None:
    out = few.parent / "fresh"
    planned = json.loads(cliploom("plan", few, "--out", out, "--json").out)
    folder, transcripts = planned
    assert (folder["to_do"], folder["why"], folder["after"]) == (3, {"new": 3}, "")
    assert (transcripts["to_do"], transcripts["after"]) == (0, "builders.folder")
    assert not out.exists()
    assert folder["placement"]["workers"] >= 1 and folder["placement"]["resources"]["memory_mb"] == 300
    said = cliploom("plan", few, "--out", out, "--limit", 1).out
    assert re.search(r"^takes:\n  builders.folder: \d+ workers? (each )?of 1 CPU, 300 MB\n", said, re.M)
    assert "1 row to do, and what follows from builders.folder" in said


def test_a_wrong_recipe_is_refused(cliploom: Run, few: Path) -> None:
    said = cliploom("build", few, "--set", "builders.folder.pth=x")
    assert said.code == 2
    assert "has no option pth; did you mean path?" in said.err
    assert not (few.parent / "builds").exists()


def test_status_and_errors(cliploom: Run, built: Path) -> None:
    said = cliploom("status", built)
    assert "builders.transcripts" in said.out
    assert json.loads(cliploom("status", built, "--json").out)["waiting"] == {}

    listed = cliploom("errors", built).out
    assert "made_zero_bytes.mp4: the file is empty" in listed
    assert "1 failed" in listed
    [row] = json.loads(cliploom("errors", built, "--json").out)
    assert (row["step"], row["kind"], row["attempts"]) == ("builders.folder", "unreadable", 1)
    assert cliploom("errors", built, "--step", "builders.transcripts").out == "nothing failed\n"
    assert "did you mean builders.folder?" in cliploom("errors", built, "--step", "builders.folders").err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_build_soon(number: signal.Signals, tmp_path: Path, media: Path) -> None:
    path = tmp_path / "scan.yaml"
    options = json.dumps({"path": str(media), "pattern": "[bs]*.mp4"})
    path.write_text(f"name: scan\nsteps:\n  - builders.folder: {options}\n  - builders.scan\n")
    words = [sys.executable, "-m", "cliploom.cli.main", "build", str(path), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "out" / "events.jsonl"
    while not (log.exists() and '"step": "builders.scan"' in log.read_text().partition("\n")[2]):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate()
    assert time.monotonic() - began <= 20  # about one on a quiet machine
    assert process.returncode == 130
    assert f"stopped; go on with: cliploom build {path} --out {tmp_path / 'out'}\n" in err
    assert "KeyboardInterrupt" not in err


def test_what_hangs_is_cut_off(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from cliploom.cli.screen.interrupts import stoppable\n"
        "with stoppable('cliploom build x'):\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - began <= 20
    assert "go on with: cliploom build x" in err


@pytest.mark.parametrize("step", [hostile.InRunner("speak"), hostile.InWorker("speak"), hostile.InLanes("speak")])
def test_what_a_step_prints_is_no_result_of_the_command(
    tmp_path: Path, step: hostile.InWorker, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe("prints", (toys.Numbers(last=1), toys.Pieces(), step), shards=1)
    do_build(recipe, tmp_path / "b", RunOptions(workers=1), True, "again")
    assert capfd.readouterr().out == ""
