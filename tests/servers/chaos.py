"""An OpenAI-compatible server on loopback that misbehaves as it is told, and counts what it did."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

KINDS = ("429", "500", "503", "cut off", "garbage", "truncated", "empty", "html", "slow")
"""``slow`` happens to a prompt's first call only, where it is allowed; nothing is answered then."""
SLOW_S = 20.0


def reply(text: str, finish_reason: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion."""
    said = {"role": "assistant", "content": text, **message}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split()), "total_tokens": 0}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": said, "finish_reason": finish_reason}],
            "usage": usage}  # fmt: skip


def prompt_of(body: dict[str, Any]) -> str:
    """The text of a question's last turn."""
    content = body["messages"][-1]["content"] if body["messages"] else ""
    return content if isinstance(content, str) else " ".join(p.get("text", "") for p in content)


@dataclass
class Chaos:
    """A server; ``answer`` gives a body, or a status and a body, for a question."""

    answer: Callable[[dict[str, Any]], Any] = lambda body: reply(f"Answer to {prompt_of(body)}")
    trouble: float = 0.0  # share of calls that go wrong; never more than two of one prompt
    slow: bool = False
    models: tuple[str, ...] | None = ("m",)  # None: it has no list of them
    key: str = ""
    entry: dict[str, Any] = field(default_factory=dict)  # what its list says of each model
    hold: asyncio.Event | None = None  # no answer before it is set
    twice: bool = False  # every answer is sent two times
    endless: bool = False  # an answer's body has no end
    called: Counter[str] = field(default_factory=Counter)  # by prompt
    answered: Counter[str] = field(default_factory=Counter)  # in full and well, by prompt
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    most: int = 0  # under way at once
    url: str = ""
    _under_way: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Chaos]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(h[15:]) for h in head.lower().split("\r\n") if h.startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                if not await self._handle(head, body, writer):
                    break
        writer.close()

    async def _handle(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        self.headers.append(head)
        path = head.split(" ", 2)[1]
        if self.key and f"authorization: bearer {self.key}".lower() not in head.lower():
            return await _send(writer, 401, {"error": {"message": "Incorrect API key provided"}})
        if path == "/v1/models" and self.models is not None:
            return await _send(writer, 200, {"data": [{"id": name, **self.entry} for name in self.models]})
        if path != "/v1/chat/completions":
            return await _send(writer, 404, {"detail": "Not Found"})
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            return await self._chat(json.loads(body), writer)
        finally:
            self._under_way -= 1

    async def _chat(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        prompt = prompt_of(body)
        self.bodies.append(body)
        count = self.called[prompt]
        self.called[prompt] += 1
        dice = random.Random(f"{prompt} {count}")  # the same in every run, whatever the order
        if count < 2 and dice.random() < self.trouble:
            return await _misbehave(dice.choice(KINDS if self.slow and count == 0 else KINDS[:-1]), writer)
        if self.hold is not None:
            await self.hold.wait()
        said = self.answer(body)
        status, said = said if isinstance(said, tuple) else (200, said)
        if status == 200:
            self.answered[prompt] += 1
        if self.endless:
            return await _send_without_end(writer)
        if self.twice:
            await _send(writer, status, said)
        return await _send(writer, status, said)


async def _send_without_end(writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def _misbehave(kind: str, writer: asyncio.StreamWriter) -> bool:
    if kind == "slow":
        await asyncio.sleep(SLOW_S)
        return False
    if kind == "cut off":
        return False
    if kind == "truncated":
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices": [')
        await writer.drain()
        return False
    if kind == "429":
        return await _send(writer, 429, {"error": {"message": "slow down"}}, "Retry-After: 0.02\r\n")
    bodies = {"garbage": b'{"choices": [{"mess', "empty": b"", "html": b"<html>Bad gateway</html>"}
    if kind in bodies:
        return await _send(writer, 200, bodies[kind])
    return await _send(writer, int(kind), {"error": {"message": "out of order"}})


async def _send(writer: asyncio.StreamWriter, status: int, body: Any, headers: str = "") -> bool:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(content)}\r\n"
    )
    writer.write(head.encode() + b"\r\n" + content)
    await writer.drain()
    return True
