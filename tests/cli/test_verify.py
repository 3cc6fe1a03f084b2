"""``cliploom verify``, as a shell runs it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from commands import Run


def test_a_build_is_as_its_lock_says(cliploom: Run, built: Path) -> None:
    said = cliploom("verify", built, "--videos", 3, "--workers", 1, "--quiet")
    assert said.code == 0 and re.search(r" videos?: as the lock says\n\Z", said.out)
    assert re.search(r"builders.transcripts +\d+", said.out)


def test_a_lock_that_names_other_packages_or_no_sources(cliploom: Run, built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "moved")
    lock = tmp_path / "moved" / "recipe.lock.yaml"
    lock.write_text(re.sub(r"(?m)^(\s+path: ).*$", rf"\1{tmp_path}/nowhere", lock.read_text()))
    said = cliploom("verify", tmp_path / "moved", "--quiet")
    assert said.code == 2 and "nothing could be built again" in said.err
    assert cliploom("verify", tmp_path / "nothing").code == 2
