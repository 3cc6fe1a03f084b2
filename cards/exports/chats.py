"""What formats of conversations share: one question about a clip, answered with its caption."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from ...engine.contract.errors import UserError
from ...schemas import Col
from .clips import ExportClip

QUESTIONS = (
    "Describe this video.",
    "What happens in this video?",
    "Tell me what you see in the video.",
    "Give a caption for this video.",
    "What does the video show?",
    "Put the content of this video into words.",
)
Questions = Annotated[list[str], Col("what is asked; of several one is drawn for each clip. Empty: six of our own")]
Seed = Annotated[int, Col("seed of the draws")]


class ChatTurns(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


def turns(clip: ExportClip, questions: Sequence[str], seed: int) -> ChatTurns:
    """The question that is drawn for a clip, by a hash of the seed and the clip's id, and its caption."""
    return ChatTurns(draw(questions or QUESTIONS, clip.clip_id, seed), clip.caption)


def draw(choices: Sequence[str], key: str, seed: int) -> str:
    """One of the choices, the same for the same key and seed."""
    raw = hashlib.blake2b(f"{seed}\n{key}".encode(), digest_size=8).digest()
    return choices[int.from_bytes(raw) % len(choices)]


def without_token(text: str, token: str) -> str:
    """A question without the token of the video before it; ``UserError`` where it is not there."""
    if not text.startswith(token):
        raise UserError(f"a question does not begin with {token}: {text[:60]!r}")
    return text.removeprefix(token).lstrip("\n")
