"""What was pulled from Label Studio, as it lies in the build folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..tasks.task import ReviewTask
from .answer_files import answer_lines
from .port import AnswerLine, digest_files

SERVER_ANSWERS = "label_studio.json"


@dataclass(frozen=True)
class ServerAnswers:
    """Answers from a server, without the server: builds and plans read these."""

    folder: Path

    def post(self, tasks: Sequence[ReviewTask]) -> None:
        """Nothing: `cliploom review push` takes tasks to the server."""

    def fetch(self) -> list[AnswerLine]:
        """The answers of the last pull."""
        return answer_lines(self._files())

    def digest(self) -> str:
        """A digest of them."""
        return digest_files(self._files())

    def _files(self) -> list[Path]:
        path = self.folder / SERVER_ANSWERS
        return [path] if path.is_file() else []
