"""What every metric is: options, a measure of two files, and the reader of their lines."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from ...engine.contract.errors import UserError

Line = TypeVar("Line", bound=BaseModel)


@dataclass(frozen=True)
class Metric(ABC):
    """How good predictions are. Its fields are its options; its docstring says what is measured, and how."""

    name: ClassVar[str]  # as `cliploom score --metric` takes it
    source: ClassVar[str]  # where its evaluator is published: an address
    predictions: ClassVar[str]  # what the file of predictions holds
    gold: ClassVar[str]  # what the file of right answers holds

    @abstractmethod
    def measure(self, predictions: Path, gold: Path) -> Mapping[str, float]:
        """The numbers by their published names, in the order that they are shown in.

        Raises:
            UserError: naming file and line, for what cannot be read or does not belong together.
        """


def read_lines(path: Path, line: type[Line]) -> list[Line]:
    """The objects of a file, one a line, each checked; empty lines are passed over.

    Raises:
        UserError: naming the line and the field.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    found = [_read(path, number, one, line) for number, one in enumerate(text.split("\n"), 1) if one.strip()]
    if not found:
        raise UserError(f"{path} is empty")
    return found


def _read(path: Path, number: int, text: str, line: type[Line]) -> Line:
    try:
        return line.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}:{number}: {place + ': ' if place else ''}{first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}:{number} is not JSON: {error}", "it holds one JSON object a line") from None
