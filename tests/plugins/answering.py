"""A chat model that gives set answers, for tests of the steps that ask one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, TypeVar

from cliploom.engine.contract.step import Split, StepContext
from cliploom.models.chat.model import ChatAnswer, ChatRequest
from cliploom.models.chat.step import ChatStep

In = TypeVar("In")
Out = TypeVar("Out")


class Scripted:
    """Gives its answers in turn (a mapping as JSON), and keeps what it was asked."""

    revision = "1"

    def __init__(self, *answers: Any, name: str = "scripted") -> None:
        self.name = name
        self.answers = [a if isinstance(a, str) else json.dumps(a, ensure_ascii=False) for a in answers]
        self.asked: list[ChatRequest] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        return ChatAnswer(self.answers.pop(0), "stop", 1, 1)

    def last(self) -> str:
        """The text of the last turn that it was sent."""
        content = self.asked[-1].messages[-1]["content"]
        return content if isinstance(content, str) else str(content[-1])

    def shown(self) -> list[Any]:
        """What was shown beside the text."""
        return [
            part for m in self.asked[-1].messages if not isinstance(m["content"], str) for part in m["content"][:-1]
        ]


def told(step: ChatStep[In, Out], row: In, model: Any) -> list[Out]:
    """What a step makes of one row with a model."""
    return list(asyncio.run(step.answer(row, model)))


def worked(step: Split[In, Out], *rows: In) -> list[Any]:
    """The answers of a step that is opened as the engine opens it."""
    with step.open(StepContext(Path("."), {})) as work:
        return list(work(list(rows)))
