"""A few published clips to look at: their captions, and strips of their stored frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .figures import FOLDER

if TYPE_CHECKING:
    import duckdb

EXAMPLES, _FRAMES = 6, 4
_HEIGHT_PX, _QUALITY, _GAP_PX = 150, 80, 4


class CardExample(NamedTuple):
    """One clip as the card shows it."""

    clip_id: str
    title: str
    start_s: float
    end_s: float
    caption: str
    teacher: str
    transcript: str
    strip: str  # path of the picture in the dataset folder; empty where there is none


_CHOSEN = """
SELECT clip_id, video_id, start_s, end_s, {columns} FROM published
QUALIFY row_number() OVER (PARTITION BY video_id ORDER BY hash(clip_id)) <= {limit}
ORDER BY row_number() OVER (PARTITION BY video_id ORDER BY hash(clip_id)), hash(clip_id) LIMIT {limit}
"""
_INSIDE = """
SELECT jpeg FROM (
    SELECT part, min(time_s) AS time_s, arg_min(frame_id, time_s) AS frame_id FROM (
        SELECT frame_id, ntile({frames}) OVER (ORDER BY time_s) AS part, time_s FROM frames
        WHERE video_id = $video AND time_s >= $start AND (time_s < $end OR time_s = $start)
    ) GROUP BY part
) JOIN frames USING (frame_id) ORDER BY part
"""
_COLUMNS = ("title", "caption", "teacher", "transcript", "license")


def read_examples(
    db: duckdb.DuckDBPyConnection, columns: Sequence[str], build: duckdb.DuckDBPyConnection | None, folder: Path,
    may_show: set[str],
) -> list[CardExample]:  # fmt: skip
    """Choose clips of the view ``published``, of as many videos as there are, and write their strips.

    ``build`` holds the frames. Pictures are shown of the videos ``may_show`` alone: they are bytes of their sources.
    """
    named = ", ".join(f"coalesce({c}, '')" if c in columns else "''" for c in _COLUMNS)
    rows = db.execute(_CHOSEN.format(columns=named, limit=EXAMPLES)).fetchall()
    made = []
    for number, (clip_id, video_id, start_s, end_s, title, caption, teacher, transcript, _) in enumerate(rows, 1):
        strip = ""
        if build is not None and video_id in may_show:
            inside = {"video": video_id, "start": start_s, "end": end_s}
            jpegs = build.execute(_INSIDE.format(frames=_FRAMES), inside).fetchall()
            strip = _write_strip(folder, f"{FOLDER}/example-{number}.jpg", [jpeg for (jpeg,) in jpegs])
        made.append(CardExample(clip_id, title, start_s, end_s, caption, teacher, transcript, strip))
    return made


def _write_strip(folder: Path, path: str, jpegs: Sequence[bytes]) -> str:
    """Frames side by side, in order of time, as one JPEG; returns its path, empty where no frame is a picture."""
    import cv2

    pictures = []
    for jpeg in jpegs:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if picture is not None:
            height, width = picture.shape[:2]
            size = max(round(width * _HEIGHT_PX / height), 1), _HEIGHT_PX
            pictures += [cv2.resize(picture, size, interpolation=cv2.INTER_AREA)]
            pictures += [np.full((_HEIGHT_PX, _GAP_PX, 3), 255, np.uint8)]
    if not pictures:
        return ""
    done, strip = cv2.imencode(".jpg", cv2.hconcat(pictures[:-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        return ""
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_bytes(strip.tobytes())
    return path
