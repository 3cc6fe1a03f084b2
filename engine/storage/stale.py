"""What a build folder holds of recipes that were: tables and files of options that are not the lock's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..build import Build
from ..execution.build_folder import ESTIMATE, is_build_folder
from ..execution.build_lock import build_lock


class Leftover(NamedTuple):
    """A folder that the build does not read."""

    path: Path
    size_bytes: int


def leftovers(build: Build) -> list[Leftover]:
    """Everything below ``tables/`` and ``media/`` that ``recipe.lock.yaml`` does not name, and old estimates."""
    return [Leftover(path, _size(path)) for path in sorted(_unnamed(build))]


def remove_leftovers(build: Build) -> list[Leftover]:
    """Delete them; ``UserError`` while a build works in the folder."""
    with build_lock(build.root):
        found = leftovers(build)
        for leftover in found:
            shutil.rmtree(leftover.path)
        for part in ("tables", "media"):
            for folder in (build.root / part).glob("*"):
                if not any(folder.iterdir()):
                    folder.rmdir()
    return found


def _unnamed(build: Build) -> Iterator[Path]:
    named = {(table.name, table.fingerprint) for _, table in build.tables()}
    for part in ("tables", "media"):
        for folder in (build.root / part).glob("*/*"):
            if folder.is_dir() and not folder.is_symlink() and (folder.parent.name, folder.name) not in named:
                yield folder
    if is_build_folder(build.root / ESTIMATE):
        yield build.root / ESTIMATE


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
