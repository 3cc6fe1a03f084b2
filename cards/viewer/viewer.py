"""What the page for looking at a build asks for: clips, facets, pictures, marks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import UserError
from ...engine.marks import ClipMark, add_mark, read_marks
from ...engine.query import VideoRows, close_database
from ...engine.selections import read_selections
from .clip_media import film_picture, played_file
from .clip_page import ClipPages
from .selection import count_clips, facets, list_clips, read_selection
from .wall import make_wall

if TYPE_CHECKING:
    from ...engine.build import Build

_PICTURES = 4000  # that are kept in memory, some 15 kB each
_MOST_CLIPS = 500  # of one answer


class Viewer:
    """A build as it was when this was made, and the marks that are put on its clips."""

    def __init__(self, build: Build, named: Mapping[str, Sequence[str]] | None = None) -> None:
        """``named`` are lists of clip ids that can be shown by their name, beside the build's own selections."""
        self.build, self.named = build, {**read_selections(build.root), **(named or {})}
        self.db = build.connect()
        self.columns = make_wall(self.db, build)
        close_database(self.db, build)
        self.pages = ClipPages(self.db, VideoRows(build))
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()
        self._show_marks(read_marks(build.root))

    def about(self) -> dict[str, Any]:
        """What the page asks for first: the build's name, its columns and the number of clips."""
        [(clips,)] = self.db.cursor().execute("SELECT count(*) FROM wall").fetchall()
        columns = [column._asdict() for column in self.columns]
        named = {name: len(ids) for name, ids in self.named.items()}
        return {"name": self.build.name, "clips": clips, "columns": columns, "named": named, "lost": self._lost()}

    def _lost(self) -> list[dict[str, Any]]:
        """What never became a clip, or left: by step and reason, with examples."""
        query = """SELECT step, reason, count(*) AS n, list(id ORDER BY id)[:3] AS ids, 'dropped' AS state
                   FROM verdicts GROUP BY step, reason UNION ALL
                   SELECT step, kind, count(*), list(id ORDER BY id)[:3], 'failed' FROM errors GROUP BY step, kind
                   ORDER BY n DESC LIMIT 200"""
        names = ("step", "reason", "rows", "ids", "state")
        return [dict(zip(names, row, strict=True)) for row in self.db.cursor().execute(query).fetchall()]

    def clips(self, fields: Iterable[tuple[str, str]], offset: int, limit: int) -> dict[str, Any]:
        """A page of the selection that a query string describes, and the number of its clips."""
        chosen, db = read_selection(self.columns, fields, self.named), self.db.cursor()
        return {"total": count_clips(db, chosen), "clips": list_clips(db, chosen, offset, min(limit, _MOST_CLIPS))}

    def facets(self, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """How the values of each column are spread over a selection."""
        return facets(self.db.cursor(), self.columns, read_selection(self.columns, fields, self.named))

    def picture(self, clip_id: str, number: int | None = None) -> bytes:
        """A JPEG of a clip: its stored frame of this number, or the middle one; empty where there is none."""
        key = f"{clip_id} {number}"
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        data = self._read_picture(clip_id, number)
        with self._lock:
            self._pictures[key] = data
            while len(self._pictures) > _PICTURES:
                self._pictures.popitem(last=False)
        return data

    def _read_picture(self, clip_id: str, number: int | None) -> bytes:
        clip, db = self.clip(clip_id), self.db.cursor()
        if clip is None:
            return b""
        if times := self.pages.frames(db, clip):
            at = len(times) // 2 if number is None else min(max(number, 0), len(times) - 1)
            if data := self.pages.jpeg(db, clip["video_id"], times[at]["frame_id"]):
                return data
        played = played_file(self.build.root, clip)
        return film_picture(played) if played else b""

    def clip(self, clip_id: str) -> dict[str, Any] | None:
        """The wall's row of a clip."""
        names = ("clip_id", "video_id", "start_s", "end_s", "duration_s", "file", "path", "caption_id")
        query = f"SELECT {', '.join(names)} FROM wall WHERE clip_id = ?"
        found = self.db.cursor().execute(query, [clip_id]).fetchall()
        return dict(zip(names, found[0], strict=True)) if found else None

    def mark(self, said: ClipMark) -> None:
        """Keep a mark.

        Raises:
            UserError: there is no such clip.
        """
        clip = self.clip(said.clip_id)
        if clip is None:
            raise UserError(f"there is no clip {said.clip_id!r}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        mark = said.model_copy(update={"at": now, "caption_id": clip["caption_id"] or ""})
        with self._lock:
            add_mark(self.build.root, mark)
        self._show_marks([mark])

    def _show_marks(self, marks: Iterable[ClipMark]) -> None:
        for mark in marks:
            shown = mark.mark or ("caption" if mark.caption else "note" if mark.note else "")
            self.db.cursor().execute("UPDATE wall SET mark = ? WHERE clip_id = ?", [shown, mark.clip_id])

    def page(self, clip_id: str) -> dict[str, Any] | None:
        """All about one clip, with the mark on it and where it is played from."""
        made, clip = self.pages.read(clip_id), self.clip(clip_id)
        if made is None or clip is None:
            return None
        marks = [one for one in read_marks(self.build.root) if one.clip_id == clip_id]
        latest = max(marks, key=lambda one: one.at).model_dump(exclude={"person"}) if marks else None
        played = played_file(self.build.root, clip)
        span = {"start_s": played.start_s, "end_s": played.end_s} if played else None
        return made | {"mark": latest, "played": span}
