"""Where a release is made ready for the Hub: a folder beside the dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

DONE = "release.json"


def staging_folder(dataset: Path) -> Path:
    """Where it is made ready. It has links to the dataset's clip files."""
    return dataset.with_name(f"{dataset.name}.publish")


def remove_staging(dataset: Path) -> None:
    """Delete what was made ready. First what says that it is whole: a kill leaves nothing that looks so."""
    folder = staging_folder(dataset)
    (folder / DONE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
