"""Whether a folder is, or can become, a recipe's build folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...schemas import DatasetEntry
from ..contract.errors import UserError
from ..contract.recipe import Recipe
from ..contract.step import Source
from ..planning.plan import Node
from ..storage.addresses import is_scratch
from ..storage.manifest import check_format

LOCK = "recipe.lock.yaml"
OWN_FILES = (LOCK, "build.lock")  # one of them is there from the first moment
OWN_FOLDERS = ("tables", "media", "dataset", "usage")
ESTIMATE = "estimate"  # the folder, itself a build folder, in which a few videos are tried
_LONGEST_PATH = 3000  # bytes; systems take 4096, and what is in the folder has long names too
_CHOOSE = "choose another folder with --out"


def check_build_folder(root: Path, nodes: Sequence[Node]) -> None:
    """Raise ``UserError`` for a folder that no build can be made in, that holds other things, or that is a source's."""
    _check_path(root)
    if root.is_dir() and not is_build_folder(root) and not is_scratch(root):
        foreign = next((name for name in OWN_FOLDERS if os.path.lexists(root / name)), None)
        if foreign is not None:
            raise UserError(f"{root} holds `{foreign}` and is no build folder", _CHOOSE)
    for node in nodes:
        if isinstance(node.step, Source):
            _check_source(root, node.name, node.step.folders())


def dataset_folder(root: Path, lock: Mapping[str, Any]) -> Path | None:
    """Where the last step that writes a dataset has its folder, by the lock of a build; None where no step does."""
    tables = [(step, table) for step in lock.get("steps", ()) for table in step.get("tables", ())]
    written = [step for step, table in tables if table.get("table") == DatasetEntry.table]
    return root / str((written[-1].get("options") or {}).get("out") or "dataset") if written else None


def is_build_folder(folder: Path) -> bool:
    """Has a build begun in it?"""
    return any((folder / name).exists() for name in OWN_FILES)


def _check_path(root: Path) -> None:
    text = str(root)
    if re.match(r"[A-Za-z][\w+.-]+:/", text):
        raise UserError(f"{text} is an address of a kind that builds are not made at", "s3://, gs:// and az:// are")
    if not text.isprintable():  # nor is what stands for bytes that are no UTF-8
        raise UserError(f"{text!r} has characters that a build folder's path cannot have", _CHOOSE)
    if len(os.fsencode(root.absolute())) > _LONGEST_PATH:
        raise UserError(f"{text[:80]}… is too long a path", _CHOOSE)
    if os.path.lexists(root) and not os.path.isdir(root):
        raise UserError(f"{root} is there and is no folder", _CHOOSE)
    try:
        root.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"{root} cannot be a build folder: {error.strerror}", _CHOOSE) from None


def _check_source(root: Path, name: str, folders: Iterable[str]) -> None:
    place = os.path.realpath(root)
    for folder in folders:
        source = os.path.realpath(os.path.expanduser(folder))
        if source == place:
            raise UserError(f"{root} is the folder that {name} takes videos from", _CHOOSE)
        inside = os.path.relpath(source, place).split(os.sep)[0]
        if inside in (*OWN_FOLDERS, ESTIMATE):
            raise UserError(f"{name} takes videos from {folder}, which is a part of the build folder {root}", _CHOOSE)


def check_recipe(root: Path, recipe: Recipe) -> dict[str, Any] | None:
    """What the last build in a folder wrote of itself; ``UserError`` for one of another recipe."""
    old = read_lock(root)
    if old and old["name"] != recipe.name:
        raise UserError(f"{root} holds the build of {old['name']}", _CHOOSE)
    if old and old["shards"] != recipe.shards:
        raise UserError(f"{root} was begun with {old['shards']} shards, the recipe says {recipe.shards}")
    return old


def read_lock(root: Path) -> dict[str, Any] | None:
    """What a build wrote of itself; None where there is none, ``UserError`` for a file that is another."""
    path = root / LOCK
    try:
        found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        tables = [table for step in found["steps"] for table in step["tables"]]
        whole = {"name", "table", "fingerprint"}.issubset
        if all(map(whole, tables)) and found["shards"] >= 1 and found["name"]:
            check_format(found.get("format", 1), root)
            return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError, yaml.YAMLError):
        pass
    raise UserError(f"{path} is damaged", "delete it and build again: all else is kept")
