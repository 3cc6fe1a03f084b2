"""What people marked while they looked at a build."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..engine.contract.step import Drop, Global, Step, StepContext
from ..engine.marks import MARKS, ClipMark, read_marks
from ..schemas import Caption, Clip, Review, ReviewMark
from .edits import Edits

if TYPE_CHECKING:
    import duckdb


class MarksInput(NamedTuple):
    """A clip and its captions."""

    clip: Clip
    captions: list[Caption]


@dataclass(frozen=True)
class Marks(Global[MarksInput, Review]):
    """Do what people marked in ``cliploom view``: drop clips, and put better captions in the place of others.

    It reads ``marks.jsonl`` in the build folder and waits for nothing: without marks all clips stay. A clip that more
    people drop than keep leaves (``marked``). A better caption replaces the one that it was written for, as long as
    that is there; ``annotation.edits`` says how. Each mark is a row of ``reviews``; notes are its text.
    """

    cost = "io"

    def expand(self) -> Sequence[tuple[str, Step]]:
        """Itself, and what puts the better captions in their places."""
        return [("", self), ("edits", Edits())]

    def drops(self) -> bool:
        """It does, though it writes rows."""
        return True

    def external_digest(self, context: StepContext) -> str:
        """A digest of the marks."""
        path = context.root / MARKS
        return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest() if path.exists() else ""

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Review | Drop]:
        """The marks on clips that are there, by clip and person; then the clips that leave."""
        marks = read_marks(context.root)
        videos = _ask(db, "clips", "clip_id, video_id", "clip_id", [mark.clip_id for mark in marks])
        captions = _ask(db, "captions", "caption_id, clip_id", "caption_id", [mark.caption_id for mark in marks])
        votes: Counter[str] = Counter()
        for mark in marks:
            if mark.clip_id in videos:
                votes[mark.clip_id] += {"drop": 1, "keep": -1, "": 0}[mark.mark]
                of = mark.caption_id if captions.get(mark.caption_id) == mark.clip_id else None
                if mark.mark or mark.caption or mark.note:
                    yield _review(mark, videos[mark.clip_id], of)
        for clip_id in sorted(clip for clip, n in votes.items() if n > 0):
            yield Drop(clip_id, videos[clip_id], "marked")


def _ask(db: duckdb.DuckDBPyConnection, table: str, columns: str, key: str, ids: Sequence[str]) -> dict[str, str]:
    query = f"SELECT DISTINCT {columns} FROM {table} WHERE list_contains($ids, {key})"
    return dict(db.execute(query, {"ids": list(ids)}).fetchall()) if ids else {}


def _review(mark: ClipMark, video_id: str, caption_id: str | None) -> Review:
    """A mark as an answer. Whether a clip leaves is decided by the step, not by its captions."""
    edits = bool(mark.caption) and mark.mark != "drop" and caption_id is not None
    verdict = "edit" if edits else {"keep": "accept", "drop": "reject", "": "mark"}[mark.mark]
    marks = [ReviewMark("note", mark.note)] if mark.note and edits else []
    return Review(
        f"{mark.clip_id}_mark_{mark.person}", video_id, mark.clip_id, caption_id, mark.person, verdict,
        mark.caption if edits else mark.note, marks=marks,
    )  # fmt: skip
