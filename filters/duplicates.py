"""Near-duplicate clips, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.step import Drop, Global, StepContext
from ..media.borders import inner_hash
from ..schemas import Clip, Col, Frame, Video
from ..schemas.ids import SAME_TIME_S
from .hashes.duplicate_groups import Rule, gather, groups

if TYPE_CHECKING:
    import duckdb


class DuplicatesInput(NamedTuple):
    """A clip, its sampled frames, and its video."""

    clip: Clip
    frames: list[Frame]
    video: Video


@dataclass(frozen=True)
class Duplicates(Global[DuplicatesInput, Drop]):
    """Of clips that show the same pictures, one stays: the cleanest, then the longest, the largest, the first by id.

    The same seconds of files with the same bytes (SHA-256) are the same, whatever is in them.
    Two clips are alike if ``share`` of the frames of the one with fewer have a frame in the other whose 64-bit
    perceptual hash differs in at most ``max_bits`` bits; order does not count. A clip that is like one of a
    group belongs to it. Frames that are nearly one colour have no say. Clips of one
    video are compared only on request: all those of one person before one wall are alike. Reason: ``duplicate``.
    """

    max_bits: Annotated[int, Col("bits in which the hashes of two like frames differ at most", low=0, high=16)] = 8
    share: Annotated[float, Col("share of the frames that must be alike", low=0.05, high=1)] = 0.8
    length_ratio: Annotated[float, Col("shortest length of one clip, as a share of the other's", low=0, high=1)] = 0.5
    min_frames: Annotated[int, Col("frames that a clip needs to be compared at all", low=1)] = 2
    min_sharpness: Annotated[float, Col("frames with less detail (the Laplacian's variance) do not count", low=0)] = 5.0
    min_brightness: Annotated[float, Col("darker frames do not count", low=0, high=255)] = 5.0
    max_brightness: Annotated[float, Col("brighter frames do not count", low=0, high=255)] = 250.0
    within_video: Annotated[bool, Col("compare the clips of one video with each other too")] = False
    mirrored: Annotated[bool, Col("a clip is like one that shows it the other way round")] = False
    trim: Annotated[bool, Col("hash what is inside plain borders (letterboxes); stored frames are read again")] = False

    version = 3  # the same bytes are the same
    memory_mb = 2000

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """A verdict for every clip but one of each group, in order of their ids."""
        clips = _Clips(*_columns(db, _CLIPS))
        limits = [self.min_sharpness, self.min_brightness, self.max_brightness]
        clip, hashes = _inner_hashes(db, limits) if self.trim else _columns(db, _FRAMES.format(_HASH), limits)
        _, video = np.unique(clips.video_id.astype(str), return_inverse=True)
        rule = Rule(self.max_bits, self.share, self.length_ratio, self.min_frames, self.within_video, self.mirrored)
        group = groups(gather(hashes, clip, clips.seconds, video), rule, clips.same)
        # The best of a group comes first: clips are in order of their ids, and lexsort keeps ties in order.
        best_first = np.lexsort((-clips.pixels, -clips.seconds, clips.damaged, group))
        keeper = dict[int, str]()
        for at in best_first.tolist():
            keeper.setdefault(int(group[at]), clips.clip_id[at])
        for at, clip_id in enumerate(clips.clip_id.tolist()):
            if keeper[int(group[at])] != clip_id:
                yield Drop(clip_id, clips.video_id[at], "duplicate", f"of {keeper[int(group[at])]}")


class _Clips(NamedTuple):
    """Columns of all clips, in order of their ids."""

    clip_id: Any  # str
    video_id: Any  # str
    seconds: Any  # float64
    pixels: Any  # int64, width x height of the video
    damaged: Any  # float64, share of damaged frames; 0 where unknown
    same: Any  # int64, equal for the same seconds of files with the same bytes


_CLIPS = """
SELECT clip_id, video_id, round(end_s - start_s, 3) AS seconds, coalesce(width_px * height_px, 0)::BIGINT AS pixels,
    coalesce(damaged, 0) AS damaged,
    dense_rank() OVER (
        ORDER BY CASE WHEN coalesce(sha256, '') = '' THEN clip_id ELSE concat_ws(' ', sha256, start_s, end_s) END
    ) AS same
FROM clips LEFT JOIN (
    SELECT video_id, max(width_px) AS width_px, max(height_px) AS height_px, max(sha256) AS sha256
    FROM videos GROUP BY ALL
) USING (video_id) ORDER BY clip_id
"""
_FRAMES = f"""
WITH numbered AS (SELECT row_number() OVER (ORDER BY clip_id) - 1 AS clip, video_id, start_s, end_s FROM clips)
SELECT clip, {{}} FROM numbered JOIN frames USING (video_id)
WHERE time_s >= start_s - {SAME_TIME_S} AND (time_s < end_s - {SAME_TIME_S} OR time_s = start_s)
AND sharpness >= ? AND brightness BETWEEN ? AND ?
"""


_HASH = "('0x' || phash)::UBIGINT AS hash"


def _inner_hashes(db: duckdb.DuckDBPyConnection, limits: list[float]) -> tuple[Any, Any]:
    """The clip of each frame, and the hash of what is inside its borders."""
    clips, hashes = list[int](), list[int]()
    found = db.execute(_FRAMES.format("jpeg"), limits)
    while rows := found.fetchmany(256):
        clips += [int(clip) for clip, _ in rows]
        hashes += [inner_hash(jpeg) for _, jpeg in rows]
    return np.array(clips, np.int64), np.array(hashes, np.uint64)


def _columns(db: duckdb.DuckDBPyConnection, query: str, values: list[float] | None = None) -> list[Any]:
    return list(db.execute(query, values or []).fetchnumpy().values())
