"""What a build folder holds of recipes that were: tables and files of options that are not the lock's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..build import Build
from ..execution.build_folder import ESTIMATE, is_build_folder
from ..execution.lease import hold_build_folder
from .files import UNFINISHED

_PARTS = ("tables", "media")


class StaleFile(NamedTuple):
    """A file or folder that the build does not read."""

    path: Path
    size_bytes: int


def find_stale(build: Build) -> list[StaleFile]:
    """Everything below ``tables/`` and ``media/`` that ``recipe.lock.yaml`` does not name, old estimates, and what was
    under way when a build was killed."""
    return [StaleFile(path, _size(path)) for path in sorted({*_stale_folders(build), *_partial_files(build)})]


def remove_stale(build: Build) -> list[StaleFile]:
    """Delete them; ``UserError`` while a build works in the folder."""
    with hold_build_folder(build.root):
        found = find_stale(build)
        for leftover in found:
            if leftover.path.is_dir():
                shutil.rmtree(leftover.path)
            else:
                leftover.path.unlink()
        for part in _PARTS:
            for folder in (build.root / part).glob("*"):
                if not any(folder.iterdir()):
                    folder.rmdir()
    return found


def _stale_folders(build: Build) -> Iterator[Path]:
    named = {(table.name, table.fingerprint) for _, table in build.tables()}
    for part in _PARTS:
        for folder in (build.root / part).glob("*/*"):
            if folder.is_dir() and not folder.is_symlink() and (folder.parent.name, folder.name) not in named:
                yield folder
    if is_build_folder(build.root / ESTIMATE):
        yield build.root / ESTIMATE


def _partial_files(build: Build) -> Iterator[Path]:
    """In folders that are still named: no build works here now, so nobody goes on with these but a later one."""
    named = [build.root / part / table.name / table.fingerprint for _, table in build.tables() for part in _PARTS]
    for folder in named:
        if any((folder / UNFINISHED).glob("*")):
            yield folder / UNFINISHED
        yield from (file for file in folder.glob("**/*.part") if file.is_file() and UNFINISHED not in file.parts)
    yield from (file for file in build.root.glob("*.part") if file.is_file())


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
