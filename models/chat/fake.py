"""The model of a dry run. It says that it is fake, and says the same of the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from .model import ChatAnswer, ChatModel, ChatRequest, ImagePart, Message, Part, VideoPart

_WHO = ("someone", "a dog", "a cat", "a car", "a bird", "a crowd", "a child", "a machine")
_DOES = ("waits", "moves", "turns", "stops", "appears", "rests", "shines", "leaves")
_WHERE = ("in a room", "on a road", "by the water", "under a tree", "at a table", "on a stage", "outside", "at night")


def fake_text(about: str) -> str:
    """A made-up sentence that depends on ``about`` alone and begins with ``[fake]``."""
    return _sentence(hashlib.sha256(about.encode()).digest())


def _sentence(seed: bytes) -> str:
    who, does, where = (part[seed[i] % len(part)] for i, part in enumerate((_WHO, _DOES, _WHERE)))
    return f"[fake] {who.capitalize()} {does} {where}."


class FakeModel:
    """Answers every question at once; under a schema, with something made up in every field."""

    name = "fake"
    revision = "1"

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """A made-up answer to what is asked and shown; ``max_tokens`` counts words here."""
        prompt = "\n".join(_words(message) for message in request.messages)
        seed = hashlib.sha256((prompt if request.temperature == 0 else f"{request.seed} {prompt}").encode()).digest()
        text = _sentence(seed)
        if request.schema is not None:
            text = json.dumps(_invent(request.schema, seed), ensure_ascii=False)
        words = text.split(" ")
        cut = len(words) > request.max_tokens
        said = " ".join(words[: request.max_tokens]) if cut else text
        return ChatAnswer(said, "length" if cut else "stop", len(prompt.split()), min(len(words), request.max_tokens))


def _words(message: Message) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(_part(part) for part in content)


def _part(part: Part) -> str:
    if isinstance(part, str):
        return part
    shown = part.frames if isinstance(part, VideoPart) else (part,)
    return " ".join(_digest(picture) for picture in shown)


def _digest(picture: ImagePart) -> str:
    return hashlib.sha256(picture.jpeg).hexdigest()


def _invent(schema: Mapping[str, Any], seed: bytes) -> Any:
    """A value of a JSON schema's shape; parts differ from each other."""
    if "enum" in schema:
        return schema["enum"][seed[3] % len(schema["enum"])]
    if "anyOf" in schema:
        return _invent(schema["anyOf"][0], seed)
    kind = schema.get("type")
    if kind == "object":
        return {key: _invent(inner, _next(seed, key)) for key, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_invent(schema.get("items", {}), _next(seed, str(i))) for i in range(1 + seed[3] % 2)]
    if kind in ("integer", "number"):
        return _number(schema, seed)
    return seed[3] % 2 == 0 if kind == "boolean" else _sentence(seed)


def _number(schema: Mapping[str, Any], seed: bytes) -> float:
    low = schema.get("minimum", min(0, schema.get("maximum", 0)))
    high = schema.get("maximum", low + 10)
    if schema["type"] == "integer":
        return int(low + seed[3] % (int(high - low) + 1))
    return float(round(low + (high - low) * seed[3] / 255, 3))


def _next(seed: bytes, part: str) -> bytes:
    return hashlib.sha256(seed + part.encode()).digest()


@asynccontextmanager
async def open_fake() -> AsyncIterator[ChatModel]:
    """Nothing to load."""
    yield FakeModel()
