"""The command line, run in this process, and a small real build."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from commands import Run, Said, few_videos

from cliploom.cli.main import main
from cliploom.engine.build import run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions


@pytest.fixture
def cliploom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as a shell would."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["cliploom", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A recipe file over three videos, one of them empty."""
    path = tmp_path / "few.yaml"
    path.write_text(few_videos(tmp_path / "videos"))
    return path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of such a recipe, for reading."""
    here = tmp_path_factory.mktemp("built")
    run_build(read_recipe(few_videos(here / "videos"), "few.yaml"), here / "build", RunOptions(workers=1))
    return here / "build"
