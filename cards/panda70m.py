"""The dataset as a csv file in Panda-70M's format."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from ..engine.contract.errors import UserError, nearest
from ..engine.contract.step import Cost, Drop, Global, Step, StepContext
from ..schemas import Caption, Clip, Col, Review, Score, Shot, Video
from ..schemas.ids import SAME_TIME_S
from .formats.panda70m import LABELS, ClipCell, Panda70mLine, write_lines
from .release.redaction import public_uri
from .release.table import caption_views

if TYPE_CHECKING:
    import duckdb

_FOLDER = "panda70m"
_LABEL = "undesirable"


class Panda70mExportInput(NamedTuple):
    """A clip, and what its row tells of it."""

    clip: Clip
    video: Video
    captions: list[Caption] = []
    scores: list[Score] = []
    reviews: list[Review] = []
    shots: list[Shot] = []


@dataclass(frozen=True)
class Panda70mExport(Global[Panda70mExportInput, Drop]):
    """Write the clips that are left as ``panda70m/<name>.csv`` in the build folder, in the released format.

    One row a source video, ``videoID,url,timestamp,caption,matching_score,desirable_filtering,
    shot_boundary_detection``; the lists in its cells have one entry a clip, in order of time, times are cut off at the
    millisecond. The caption is the one that ``cards.dataset`` would take, the label is the score ``undesirable`` of
    ``annotation.desirable`` (empty without it), a score that a clip lacks is ``None``. ``videoID`` is the id that the
    source's metadata tell, such as YouTube's, otherwise ours. A clip's shots are those that ``shots`` names, counted
    from its start. Clips without a caption leave with the reason ``no_caption``.
    """

    name: Annotated[str, Col("name of the file, without .csv")] = "clips"
    score: Annotated[str, Col("the score that is published as matching_score")] = "matching_score"
    shots: Annotated[
        str,
        Col(
            "clip: the shots that were known when the clip was made; table: all shots that overlap it, of the step that"
            " `from` names (builders.shots, where builders.stitch joined them)",
            choices=("clip", "table"),
        ),
    ] = "clip"

    cost: ClassVar[Cost] = "io"
    reads_media: ClassVar[bool] = True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a name that is no file name, or a score that no earlier step makes."""
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise UserError(f"cards.panda70m.name is {self.name!r}: it must be a plain file name")
        measured = sorted({name for step in earlier for name in step.measures})
        if self.score not in measured:
            said = f"cards.panda70m publishes the score {self.score}, which no step before it makes"
            hint = f"scores that there are: {', '.join(measured) or 'none'}{nearest(self.score, measured)}"
            raise UserError(said, hint)

    def external_digest(self, context: StepContext) -> str:
        """A file that someone removed is written again."""
        return str(self._edition(context))

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Write the file, then say which clips it is without.

        Raises:
            UserError: no clip is left to write.
        """
        db.execute(caption_views())
        if not db.execute(_COUNT).fetchall()[0][0]:
            raise UserError("no clip with a caption is left to write", "`cliploom status` shows where they went")
        edition, target = self._edition(context), self._file(context)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        with open(part, "w", encoding="utf-8", newline="") as file:
            shots = "coalesce(o.shots, [])" if self.shots == "table" else "l.shots"
            write_lines(file, _lines(db, _QUERY.format(shots=shots, same_s=SAME_TIME_S), self.score))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
        (context.folder() / "edition").write_text(str(edition), encoding="utf-8")
        for clip, video in db.execute(_BARE).fetchall():
            yield Drop(clip, video, "no_caption")

    def _file(self, context: StepContext) -> Path:
        return context.root / _FOLDER / f"{self.name}.csv"

    def _edition(self, context: StepContext) -> int:
        """How often the file had to be written again because it was gone."""
        try:
            edition = int((context.root / context.folders[""] / "edition").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0
        return edition if self._file(context).is_file() else edition + 1


_WITH = "clips l JOIN _chosen c USING (clip_id)"
_COUNT = f"SELECT count(*) FROM {_WITH} WHERE trim(c.text) <> ''"
_BARE = """
SELECT clip_id, clips.video_id FROM clips LEFT JOIN _chosen c USING (clip_id)
WHERE coalesce(trim(c.text), '') = '' ORDER BY clip_id
"""
_QUERY = """
WITH measured AS (
    SELECT clip_id, arg_min(value, (coalesce(list_position(family, s.caption_id), 0), score_id))
        FILTER (s.name = $score) AS score,
        arg_min(value, score_id) FILTER (s.name = $label AND s.caption_id IS NULL) AS label
    FROM scores s JOIN (SELECT clip_id, family FROM _chosen) c USING (clip_id)
    WHERE s.caption_id IS NULL OR list_contains(family, s.caption_id) GROUP BY clip_id
), overlapping AS (
    SELECT clip_id, list({{start_s: greatest(s.start_s, l.start_s), end_s: least(s.end_s, l.end_s)}}
        ORDER BY s.start_s, s.end_s) AS shots
    FROM clips l JOIN shots s USING (video_id)
    WHERE s.start_s < l.end_s - {same_s} AND s.end_s > l.start_s + {same_s} GROUP BY clip_id
)
SELECT l.video_id, v.uri, v.metadata, l.start_s, l.end_s, c.text, m.score, m.label, {shots} AS shots
FROM clips l JOIN _chosen c USING (clip_id) LEFT JOIN measured m USING (clip_id)
LEFT JOIN overlapping o USING (clip_id)
LEFT JOIN (SELECT video_id, any_value(uri) AS uri, any_value(metadata) AS metadata FROM videos GROUP BY ALL) v
    ON v.video_id = l.video_id
WHERE trim(c.text) <> '' ORDER BY l.video_id, l.start_s, l.end_s, clip_id
"""


def _lines(db: duckdb.DuckDBPyConnection, query: str, score: str) -> Iterator[Panda70mLine]:
    for video_id, rows in groupby(_fetch(db, query, score), key=lambda row: str(row[0])):
        held = list(rows)
        uri, metadata = str(held[0][1] or ""), str(held[0][2] or "{}")
        url = public_uri(uri) if uri.lower().startswith(("http://", "https://")) else ""
        yield Panda70mLine(_source_id(metadata) or video_id, url, [_clip(row) for row in held])


def _fetch(db: duckdb.DuckDBPyConnection, query: str, score: str) -> Iterator[tuple[Any, ...]]:
    found = db.execute(query, {"score": score, "label": _LABEL})
    while batch := found.fetchmany(4096):
        yield from batch


def _clip(row: tuple[Any, ...]) -> ClipCell:
    start_s, end_s, caption, score, label, shots = row[3:9]
    name = LABELS[int(label)] if label is not None and 0 <= label < len(LABELS) else ""
    spans = [(max(0.0, shot["start_s"] - start_s), shot["end_s"] - start_s) for shot in shots]
    return ClipCell(start_s, end_s, caption, score, name, spans or [(0.0, end_s - start_s)])


def _source_id(metadata: str) -> str:
    """The id that the source goes by where it comes from."""
    found = json.loads(metadata).get("id")
    return found if isinstance(found, str) else ""
