"""The clips that people are shown: files of their own that every browser plays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import RowError
from ...engine.contract.options import digest
from ...engine.storage.files import read_json, write_json
from ...media.review_clip import write_review_clip
from ..tasks.task import ReviewTask

FOLDER = "clips"
_INDEX = "clips.json"
_FPS = 25.0


class PlayableClip(NamedTuple):
    """A clip for people: frame ``n``, from 0, is what the video shows ``n / fps`` seconds after the clip's start."""

    file: str  # relative to the review's folder; empty where it could not be made
    fps: float
    problem: str = ""


def make_clips(root: Path, folder: Path, tasks: Iterable[ReviewTask]) -> Iterator[PlayableClip]:
    """A clip for each task, in their order; those that are there are not made again, those of no task are removed."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    index = read_json(place / _INDEX) or {}
    used: dict[str, list[float | str]] = {}
    for task in tasks:
        name = _name(root, task)
        if name not in used:
            known = index.get(name)
            used[name] = known if known and (known[1] or (place / name).exists()) else _make(root, task, place / name)
        fps, problem = used[name]
        yield PlayableClip("" if problem else f"{FOLDER}/{name}", float(fps), str(problem))
    for path in place.glob("*.mp4"):
        if path.name not in used:
            path.unlink()
    if used != index:
        write_json(place / _INDEX, used)


def _source(root: Path, task: ReviewTask) -> Path:
    return root / task.file  # an absolute one stays as it is


def _name(root: Path, task: ReviewTask) -> str:
    try:
        found = _source(root, task).stat()
        state = [found.st_size, found.st_mtime_ns]
    except OSError:
        state = []
    return f"{digest(task.file, state, task.start_s - task.file_from_s, task.end_s - task.file_from_s)}.mp4"


def _make(root: Path, task: ReviewTask, path: Path) -> list[float | str]:
    start_s, end_s = task.start_s - task.file_from_s, task.end_s - task.file_from_s
    try:
        made = write_review_clip(str(_source(root, task)), start_s, end_s, path)
    except RowError as error:
        return [_FPS, error.message]
    return [float(made.fps), ""]
