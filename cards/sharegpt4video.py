"""The dataset as a jsonl file in ShareGPT4Video's format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.step import Cost, Drop, Global, Step, StepContext
from ..engine.storage.files import replace_file
from ..schemas import Caption, Clip, Col, Review, Video
from .formats.sharegpt import Sharegpt4videoLine, SpanCaption, write_lines
from .release.redaction import public_uri
from .release.table import caption_views

if TYPE_CHECKING:
    import duckdb

_FOLDER = "sharegpt4video"


class Sharegpt4videoExportInput(NamedTuple):
    """A clip, and what its line tells of it."""

    clip: Clip
    video: Video
    captions: list[Caption] = []
    reviews: list[Review] = []


@dataclass(frozen=True)
class Sharegpt4videoExport(Global[Sharegpt4videoExportInput, Drop]):
    """Write the clips that are left as ``sharegpt4video/<name>.jsonl`` in the build folder, in the released format.

    One line a clip: ``video_id``, ``video_path``, ``zip_folder``, ``timestamps``, ``captions``. The caption of `idx` -1
    is the one that ``cards.dataset`` would take; those before it are the differential captions of the same teacher, in
    order of time, or of the first teacher that has any. After ``captioners.select`` name both with ``from``. Times are
    seconds from the clip's start. ``video_path`` is the clip's own file, or where its video comes from. Lines that
    ``builders.sharegpt4video`` read keep their id, path and ``zip_folder``. Clips without a caption leave with the
    reason ``no_caption``.
    """

    name: Annotated[str, Col("name of the file, without .jsonl")] = "sharegpt4video"
    zip_folder: Annotated[str, Col("what zip_folder says of clips whose source says nothing")] = ""

    cost: ClassVar[Cost] = "io"
    reads_media: ClassVar[bool] = True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a name that is no file name."""
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise UserError(f"cards.sharegpt4video.name is {self.name!r}: it must be a plain file name")

    def external_digest(self, context: StepContext) -> str:
        """A file that someone removed is written again."""
        return str(self._edition(context))

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Write the file, then say which clips it is without.

        Raises:
            UserError: no clip is left to write.
        """
        db.execute(_WHOLE)
        db.execute(caption_views("_whole"))
        if not db.execute(_COUNT).fetchall()[0][0]:
            raise UserError("no clip with a caption is left to write", "`cliploom status` shows where they went")
        edition, target = self._edition(context), self._file(context)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(target) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
            write_lines(file, (self._line(row) for row in _fetch(db)))
        (context.folder() / "edition").write_text(str(edition), encoding="utf-8")
        for clip, video in db.execute(_BARE).fetchall():
            yield Drop(clip, video, "no_caption")

    def _line(self, row: tuple[Any, ...]) -> Sharegpt4videoLine:
        clip_id, alone, start_s, file, uri, metadata, text, moments = row
        listed = json.loads(metadata or "{}").get("sharegpt4video")
        listed = listed if isinstance(listed, dict) and alone else {}
        return Sharegpt4videoLine(
            str(listed.get("video_id") or clip_id),
            str(listed.get("video_path") or file or public_uri(str(uri or ""))),
            str(listed.get("zip_folder") or self.zip_folder),
            [_moment(told["end_s"], start_s, told["text"]) for told in moments or []],
            text,
        )

    def _file(self, context: StepContext) -> Path:
        return context.root / _FOLDER / f"{self.name}.jsonl"

    def _edition(self, context: StepContext) -> int:
        """How often the file had to be written again because it was gone."""
        try:
            edition = int((context.root / context.folders[""] / "edition").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0
        return edition if self._file(context).is_file() else edition + 1


def _moment(time_s: float | None, start_s: float, text: str) -> SpanCaption:
    return SpanCaption(None if time_s is None else max(0.0, time_s - start_s), text)


def _fetch(db: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    found = db.execute(_QUERY)
    while batch := found.fetchmany(1024):
        yield from batch


_WHOLE = "CREATE TEMP VIEW _whole AS SELECT * FROM captions WHERE kind <> 'differential' AND start_s IS NULL"
_COUNT = "SELECT count(*) FROM clips JOIN _chosen c USING (clip_id) WHERE trim(c.text) <> ''"
_BARE = """
SELECT clip_id, clips.video_id FROM clips LEFT JOIN _chosen c USING (clip_id)
WHERE coalesce(trim(c.text), '') = '' ORDER BY clip_id
"""
_QUERY = """
WITH told AS (
    SELECT clip_id, teacher,
        list({end_s: end_s, text: text} ORDER BY end_s NULLS LAST, start_s, caption_id) AS moments
    FROM captions WHERE kind = 'differential' GROUP BY ALL
), best AS (
    SELECT t.clip_id, moments FROM told t LEFT JOIN _chosen c USING (clip_id)
    QUALIFY row_number() OVER (
        PARTITION BY t.clip_id ORDER BY coalesce(t.teacher <> c.teacher, true), t.teacher) = 1
)
SELECT l.clip_id, count(*) OVER (PARTITION BY l.video_id) = 1 AS alone, l.start_s, l.file, v.uri, v.metadata,
    c.text, b.moments
FROM clips l JOIN _chosen c USING (clip_id) LEFT JOIN best b USING (clip_id)
LEFT JOIN (SELECT video_id, any_value(uri) AS uri, any_value(metadata) AS metadata FROM videos GROUP BY ALL) v
    ON v.video_id = l.video_id
WHERE trim(c.text) <> '' ORDER BY l.clip_id
"""
