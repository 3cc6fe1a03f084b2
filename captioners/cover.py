"""Of many teachers, keep the captions of the few that together cover most clips."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..engine.contract.errors import UserError
from ..engine.contract.step import Drop, Global, StepContext
from ..engine.storage.files import write_json
from ..engine.storage.sheets import read_form
from ..schemas import Caption, Col
from .ranking.cover import cover

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "cover.json"


@dataclass(frozen=True)
class Cover(Global[Caption, Drop]):
    """Choose teachers from people's marks of good captions, and drop the captions of all others.

    Panda-70M chose 8 of 31 captioning models so (Chen et al. 2024): the one with most good captions, then always
    the one that is good for most clips that none is good for yet. ``cover.json`` in the step's folder says what
    each adds. Reason: ``not_chosen``.
    """

    good: Annotated[Path, Col("csv with the column `caption_id`: every caption that people found good", local=True)]
    most: Annotated[int, Col("teachers that are kept", low=1)] = 8

    def external_digest(self, context: StepContext) -> str:
        """The marks' content."""
        try:
            return hashlib.sha256(self.good.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"cannot read the marks {self.good}: {error.strerror}") from None

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Choose, report, and drop the rest."""
        marked = _read_marks(self.good)
        captions = db.execute("SELECT caption_id, video_id, clip_id, teacher FROM captions ORDER BY 1").fetchall()
        found: dict[str, set[str]] = {}
        for caption, _, clip, teacher in captions:
            if caption in marked:
                found.setdefault(clip, set()).add(teacher)
        if not found:
            raise UserError(
                f"{self.good} marks none of this build's {len(captions)} captions", "their ids must be equal"
            )
        chosen = cover({clip: frozenset(teachers) for clip, teachers in found.items()}, self.most)
        report = {"marked": len(marked), "clips": len(found), "chosen": [one._asdict() for one in chosen]}
        write_json(context.folder() / REPORT_FILE, report)
        kept = {one.teacher for one in chosen}
        yield from (Drop(caption, video, "not_chosen", t) for caption, video, _, t in captions if t not in kept)


def _read_marks(path: Path) -> set[str]:
    return {row.cells["caption_id"].strip() for row in read_form(path, ["caption_id"])} - {""}
