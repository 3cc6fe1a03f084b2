"""What a build folder holds of recipes that were: tables and files of options that are not the lock's."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from ..build import Build
from ..execution.build_folder import ESTIMATE, is_build_folder
from ..execution.lease import hold_build_folder
from .files import UNFINISHED
from .filesystem import StoredObject

_PARTS = ("tables", "media")


class StaleFile(NamedTuple):
    """A file or folder that the build does not read, by its name from the build folder on."""

    name: str
    size_bytes: int


def find_stale(build: Build) -> list[StaleFile]:
    """Everything below ``tables/`` and ``media/`` that ``recipe.lock.yaml`` does not name, old estimates, and what was
    under way when a build was killed."""
    return [StaleFile(name, sum(one.size_bytes for one in some)) for name, some in _stale_objects(build).items()]


def remove_stale(build: Build) -> list[StaleFile]:
    """Delete them; ``UserError`` while a build works in the folder."""
    with hold_build_folder(build.root):
        found = find_stale(build)
        for objects in _stale_objects(build).values():
            for one in objects:
                build.store.files.delete(one.name)
    return found


def _stale_objects(build: Build) -> dict[str, list[StoredObject]]:
    """The objects that are not needed, by the file or folder that they are in."""
    named = {(table.name, table.fingerprint) for _, table in build.tables()}
    has_estimate = is_build_folder(build.root / ESTIMATE)
    found: dict[str, list[StoredObject]] = defaultdict(list)
    for one in build.store.files.list("", unfinished=True):
        parts = one.name.split("/")
        if parts[0] in _PARTS and len(parts) > 3:
            if (parts[1], parts[2]) not in named:
                found["/".join(parts[:3])].append(one)
            elif parts[3] == UNFINISHED:  # no build works here now, so nobody goes on with these but a later one
                found["/".join(parts[:4])].append(one)
            elif one.name.endswith(".part"):
                found[one.name].append(one)
        elif parts[0] == ESTIMATE and has_estimate:
            found[ESTIMATE].append(one)
        elif len(parts) == 1 and one.name.endswith(".part"):
            found[one.name].append(one)
    return dict(sorted(found.items()))
