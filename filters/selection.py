"""Clips that a list names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from ..engine.contract.errors import UserError
from ..engine.contract.step import Filter, Step
from ..engine.selections import read_ids
from ..schemas import Clip, Col


@dataclass(frozen=True)
class Selection(Filter[Clip]):
    """Keep the clips whose ids, or whose videos' ids, a text file names, one a line; or drop those.

    ``cliploom find --save`` writes such files, and any editor does. Reasons: ``not_listed``, or ``listed`` with
    ``drop_listed: true``.
    """

    path: Annotated[str, Col("the text file; relative to the folder where the build is started", local=True)]
    drop_listed: Annotated[bool, Col("drop what the file names, and keep the rest")] = False

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for a file that cannot be read, or names nothing."""
        if not self._ids:
            raise UserError(f"filters.selection: {self.path} names no clip", "one id a line")

    def revision(self) -> str:
        """A digest of the ids; nothing for a file that ``check`` refuses."""
        if not Path(self.path).expanduser().is_file():
            return ""
        return hashlib.blake2b("\n".join(sorted(self._ids)).encode(), digest_size=8).hexdigest()

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(read_ids(Path(self.path).expanduser()))

    def drop(self, row: Clip) -> str | None:
        """By the clip's id, or the video's."""
        listed = row.clip_id in self._ids or row.video_id in self._ids
        if self.drop_listed:
            return "listed" if listed else None
        return None if listed else "not_listed"
