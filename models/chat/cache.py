"""Answers that models have given, kept for whoever asks the same again, in one file for all builds."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from json.encoder import encode_basestring_ascii
from typing import Any

from ...engine.contract.errors import RowError, TransientError, UserError, Waiting
from ...engine.contract.usage import UsageCounter
from .cache_file import AnswerFile, answers_path
from .model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest, Message, Part, VideoPart

_quoted = encode_basestring_ascii  # the whole encoder takes ten times as long to start
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class CachingModel:
    """A model that is asked nothing twice, not even by two that ask at once.

    What was cut short is kept too: asked again the model would say the same. Nothing, or what the server's own
    filter took back, is not: `--retry-failed` asks again.
    """

    def __init__(
        self, model: ChatModel, options: ChatModelOptions, file: AnswerFile, usage: UsageCounter | None = None
    ) -> None:
        self._model, self._file, self._spend = model, file, usage or UsageCounter()
        self.name, self.revision = model.name, model.revision
        self._made_by = _encode([model.name, model.revision, options.film, options.extra, options.settings])
        self._schemas: dict[int, tuple[Mapping[str, Any], str]] = {}  # kept with the schema, so that its id stays its
        self._flights: dict[bytes, asyncio.Future[ChatAnswer]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, model: ChatModel, options: ChatModelOptions, usage: UsageCounter
    ) -> AsyncIterator[CachingModel]:
        """Open the file; what it saves is noted in ``spend``. Raises ``UserError`` where it cannot be written."""
        with AnswerFile.open(answers_path()) as file:
            yield cls(model, options, file, usage)

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``ChatModel.ask``."""
        key = self.key(request)
        while True:
            if (known := self._file.get(key)) is not None:
                self._spend.save(self.name, known.prompt_tokens, known.completion_tokens)
                return known
            if (flight := self._flights.get(key)) is None:
                return await self._fly(key, request)
            try:
                return await asyncio.shield(flight)
            except asyncio.CancelledError:
                if not flight.cancelled():
                    raise  # it is we who are cancelled, and not the one who asked

    async def _fly(self, key: bytes, request: ChatRequest) -> ChatAnswer:
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._model.ask(request)
        except (RowError, UserError, TransientError, Waiting) as error:
            flight.set_exception(error)
            flight.exception()  # nobody need be waiting for it
            raise
        else:
            if answer.text.strip() and answer.finish_reason != "content_filter":
                self._file.put(key, self.name, answer)
            flight.set_result(answer)
            return answer
        finally:
            flight.cancel()  # unless it is done
            del self._flights[key]

    def key(self, request: ChatRequest) -> bytes:
        """SHA-256 of everything that an answer depends on, as JSON; pictures count by their own."""
        turns = ",".join([_turn(message) for message in request.messages])
        sampling = f"[{request.max_tokens},{float(request.temperature)},{float(request.top_p)},{request.seed}]"
        whole = f"{self._made_by}\n{self._schema(request.schema)}\n{sampling}\n[{turns}]"
        return hashlib.sha256(whole.encode()).digest()

    def _schema(self, schema: Mapping[str, Any] | None) -> str:
        if schema is None:
            return ""
        known = self._schemas.get(id(schema))
        if known is None:
            known = self._schemas[id(schema)] = (schema, _encode(schema))
        return known[1]


def _turn(message: Message) -> str:
    content = message["content"]
    if isinstance(content, str):
        return f"[{_quoted(message['role'])},{_quoted(content)}]"
    return _encode([message["role"], [_part(part) for part in content]])


def _part(part: Part) -> Any:
    if isinstance(part, str):
        return part
    if isinstance(part, VideoPart):
        return {"film": [_part(frame) for frame in part.frames], "times_s": part.times_s}
    return {"jpeg": hashlib.sha256(part.jpeg).hexdigest()}
