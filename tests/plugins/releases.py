"""Datasets to publish: the real step over rows that are told, with a build that knows the rest."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import told

from cliploom.cards.dataset import Dataset
from cliploom.cards.publishing.source import DatasetSource, make_source
from cliploom.cards.release.reading import open_dataset
from cliploom.engine.contract.options import plain_options
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import DatasetEntry, Pair, Review, Row, Tags

STEP = Path("media/cards.dataset/0123456789abcdef")
SPLITS = {"train": 0.6, "test": 0.4}
PEOPLE = ("Ada Lovelace", "Grace Hopper")


class Clips(NamedTuple):
    """How much there is, and of which clips the caption is another one than before."""

    videos: int = 4
    per_video: int = 2
    changed: Sequence[int] = ()  # by number
    unlicensed: int = 0  # so many of the videos may not be passed on
    filling: int = 0  # bytes of each clip's file beyond a film of one frame


def source(root: Path, media: str = "files", clips: Clips | None = None, **options: Any) -> DatasetSource:
    """A dataset folder in ``root`` and the build that it is of, with something in every table."""
    clips = clips or Clips()
    rows = _rows(root, media == "files", clips)
    step = Dataset(media=media, **{"splits": SPLITS, "license": "cc-by-4.0", **options})
    entries = list(step.rows(told.database(rows), StepContext(root, {"": STEP})))
    rows += [entry for entry in entries if isinstance(entry, DatasetEntry)]
    tables = [{"name": "cards.dataset", "table": "entries", "fingerprint": "0"}]
    steps: list[dict[str, Any]] = [{"name": "cards.dataset", "step": "cards.dataset", "tables": tables}]
    steps[0]["options"] = plain_options(step)
    dropped = [("filters.keep", f"{_clip_id(0, 0)}/bad/teacher", "v0", "below_conse")]
    build = told.FakeBuild(root, {"name": "films", "shards": 1, "steps": steps}, rows, (), dropped)
    return make_source(open_dataset(root / "dataset"), build)


def _clip_id(video: int, number: int) -> str:
    return told.clip(f"v{video}", 2.0 * number, 2.0 * number + 2).clip_id


def _rows(root: Path, with_files: bool, clips: Clips) -> list[Row]:
    rows: list[Row] = []
    (root / "media" / "clips").mkdir(parents=True, exist_ok=True)
    for v in range(clips.videos):
        rows += [
            told.video(f"v{v}", license="cc-by-3.0" if v >= clips.unlicensed else "", sha256=f"{v:064x}"),
            told.segment(f"v{v}", 0.2, 1.7, f"Said in v{v}."),
        ]
        for k in range(clips.per_video):
            rows += _clip_rows(root, with_files, clips, v, k)
    return rows


def _clip_rows(root: Path, with_files: bool, clips: Clips, v: int, k: int) -> list[Row]:
    number = v * clips.per_video + k
    more: dict[str, Any] = {}
    if with_files:
        more = {"file": f"media/clips/{_clip_id(v, k)}.mp4", "cut": "smart"}
        film = shutil.copy(told.MEDIA / "made_one_frame.mp4", root / more["file"])
        with open(film, "ab") as file:  # a box that players pass over
            size = max(16, clips.filling)
            file.write(size.to_bytes(4) + b"free" + number.to_bytes(8) * ((size - 8) // 8))
    clip = told.clip(f"v{v}", 2.0 * k, 2.0 * k + 2, **more)
    text = f"A caption, number {number}." if number not in clips.changed else f"Another caption, number {number}."
    said = [told.caption(clip, "chat", text), told.caption(clip, "title", f"Title {v}")]
    said += [told.caption(clip, "bad", "not this one")] if not number else []
    choice = told.caption(clip, "chat", text, "choice", [said[0].caption_id])
    about = (choice.caption_id, clip.video_id, clip.clip_id, choice.caption_id)
    reviews = [
        Review(
            f"{choice.caption_id}_{who}",
            f"v{v}",
            clip.clip_id,
            said[0].caption_id,
            who,
            "accept",
            "fine",
            3.5,
            task_id=choice.caption_id,
        )
        for who in PEOPLE[: 1 + k % 2]
    ]
    return [
        clip, *said, choice, told.score(clip, "motion", 1.5), told.score(clip, "conse", 0.25, said[0]), *reviews,
        told.score(clip, "conse", 0.25, choice), Tags(*about, ["dog"], ["red"], [Pair("red", "dog")], "parser 1"),
    ]  # fmt: skip
