"""Exporting: check what a format needs, write, read back, compare, and only then give the folder its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.contract.options import make_step, plain_options
from ..release.files import replace_folder
from ..release.reading import DatasetFolder
from .catalog import format_class
from .clips import ExportClips
from .format import ExportFormat, checksum

NOTE = "export.yaml"


class ExportResult(NamedTuple):
    """What an export wrote."""

    folder: Path
    files: list[str]
    records: int  # captions that were read back, and are what they should be
    left_out: int  # clips that are no files, of a format that names files alone


def export_dataset(dataset: DatasetFolder, name: str, options: Mapping[str, Any], folder: Path) -> ExportResult:
    """Write a dataset in a format; an earlier export in the folder is replaced.

    Raises:
        UserError: there is no such format or option, the dataset lacks what the format needs, or the folder holds
            something else.
        RuntimeError: what was read back is not what was written.
    """
    chosen = make_step(name, format_class(name), options)
    _check_place(folder)
    clips = ExportClips(dataset, chosen.needs_files)
    _check_columns(chosen, clips)
    with replace_folder(folder) as part:
        chosen.write(clips, part)
        expected, found = checksum(chosen.expect(clips)), checksum(chosen.read(part))
        if expected != found:
            raise RuntimeError(
                f"{name}: {found.records} records were read back, other than the {expected.records} written"
            )
        files = sorted(file.relative_to(part).as_posix() for file in part.rglob("*") if file.is_file())
        (part / NOTE).write_text(_note(chosen, dataset, files, found.records), encoding="utf-8")
    return ExportResult(folder, files, found.records, clips.left_out)


def _check_place(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() and not (folder / NOTE).is_file():
        raise UserError(f"{folder} is there and is no export", "name another folder with --out")


def _check_columns(chosen: ExportFormat, clips: ExportClips) -> None:
    if chosen.needs_captions and "caption" not in clips.columns:
        raise UserError(f"the dataset {clips.dataset.name} has no captions, and {chosen.name} is made of them")
    if chosen.needs_files and "file_name" not in clips.columns:
        said = f"{chosen.name} names files and no times"
        raise UserError(
            f"{said}, and the clips of {clips.dataset.name} are times into their sources",
            "publish the clips' own files (cards.dataset with `media: files`), or choose a format with times",
        )


def _note(chosen: ExportFormat, dataset: DatasetFolder, files: list[str], records: int) -> str:
    told = {
        "format": chosen.name, "described_at": chosen.source, "options": plain_options(chosen), "dataset": dataset.name,
        "license": dataset.front.get("license"), "files": files, "captions": records,
        "paths": "start at the dataset folder",
    }  # fmt: skip
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
