"""The program itself: help, errors, speed."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Run

from cliploom.cli import main as program
from cliploom.cli.main import COMMANDS


def test_help_is_there_at_once() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "cliploom", "--help"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert all(f"\n  {command.__name__} " in done.stdout for command in COMMANDS)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 0.5


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, cliploom.cli.main; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert "typer" in loaded
    assert not loaded & {"av", "cv2", "duckdb", "jinja2", "numpy", "pyarrow", "pydantic", "rich", "yaml"}


def test_every_command_has_help(cliploom: Run) -> None:
    for command in COMMANDS:
        said = cliploom(command.__name__, "--help")
        assert said.code == 0
        assert f"cliploom {command.__name__}" in said.out


def test_version(cliploom: Run) -> None:
    assert cliploom("--version").out.startswith("cliploom 0.")


def test_what_the_user_can_mend_is_one_line_and_exit_2(cliploom: Run) -> None:
    said = cliploom("status", "nowhere")
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: nowhere holds no build\n  `cliploom build RECIPE` makes one\n"


def test_a_place_that_cannot_be_written_is_no_traceback(cliploom: Run, few: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = cliploom("build", few, "--out", tmp_path / "file" / "out", "--quiet")
    assert said.code == 2
    assert said.err.startswith(f"error: {tmp_path / 'file' / 'out'} cannot be a build folder: Not a directory\n")


def test_an_unknown_option_is_exit_2(cliploom: Run) -> None:
    assert cliploom("status", "nowhere", "--jsn").code == 2


def test_a_bug_is_not_hidden(cliploom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(program, "app", broken)
    with pytest.raises(ZeroDivisionError):
        cliploom("--help")
