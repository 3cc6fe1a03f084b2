"""The model of a dry run. It says that it is fake, and says the same of the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .llm import Answer, Message, Model

_WHO = ("someone", "a dog", "a cat", "a car", "a bird", "a crowd", "a child", "a machine")
_DOES = ("waits", "moves", "turns", "stops", "appears", "rests", "shines", "leaves")
_WHERE = ("in a room", "on a road", "by the water", "under a tree", "at a table", "on a stage", "outside", "at night")


def fake_text(about: str) -> str:
    """A made-up sentence that depends on ``about`` alone and begins with ``[fake]``."""
    seed = hashlib.sha256(about.encode()).digest()
    who, does, where = (part[seed[i] % len(part)] for i, part in enumerate((_WHO, _DOES, _WHERE)))
    return f"[fake] {who.capitalize()} {does} {where}."


class FakeModel:
    """Answers every chat at once; under a schema, with its text in every field that wants one."""

    name = "fake"
    revision = "1"

    def chat(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None,
        max_tokens: int = 256, temperature: float = 0.0, seed: int = 0,
    ) -> Answer:  # fmt: skip
        """A made-up answer; ``max_tokens`` counts words here."""
        prompt = "\n".join(m["content"] for m in messages)
        text = fake_text(prompt if temperature == 0 else f"{seed} {prompt}")
        if schema is not None:
            fields = schema.get("properties", {})
            text = json.dumps({key: text for key, kind in fields.items() if kind.get("type") == "string"})
        words = text.split(" ")
        cut = len(words) > max_tokens
        spoken = " ".join(words[:max_tokens])
        return Answer(spoken, "length" if cut else "stop", len(prompt.split()), min(len(words), max_tokens))


@contextmanager
def open_fake() -> Iterator[Model]:
    """Nothing to load."""
    yield FakeModel()
