"""A chat model, whatever runs it: what it is asked, what it answers, and whether the answer can be used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypedDict

from ...engine.errors import RowError, UserError, nearest


class Message(TypedDict):
    """One turn of a chat; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


class Answer(NamedTuple):
    """What a model said, and why it stopped: ``stop``, ``length``, or what its server calls it."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class Model(Protocol):
    """A loaded model. With temperature 0 the same messages give the same answer, in any order and batch."""

    @property
    def name(self) -> str:
        """What a caption's ``model`` says."""

    @property
    def revision(self) -> str:
        """Which weights, and what ran them."""

    def chat(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None,
        max_tokens: int = 256, temperature: float = 0.0, seed: int = 0,
    ) -> Answer:  # fmt: skip
        """Answer a chat; with a JSON schema the answer's text is JSON of that shape, unless it was cut short.

        Raises:
            RowError: the model does not take these messages (too long, say).
            TransientError: it may answer when asked again.
        """
        ...


def open_model(name: str) -> AbstractContextManager[Model]:
    """Load a model: ``embedded`` (a small one that runs in this process) or ``fake`` (a dry run).

    Raises:
        UserError: there is no such model, or its packages are not installed.
    """
    return _opener(name)()


def check_model(name: str) -> None:
    """Raise ``UserError`` for a model that there is not; loads nothing."""
    _opener(name)


def model_revision(name: str) -> str:
    """Which weights a name stands for; known without loading them."""
    from .embedded import REVISION

    return REVISION if name == "embedded" else ""


def _opener(name: str) -> Callable[[], AbstractContextManager[Model]]:
    from .embedded import open_embedded
    from .fake import open_fake

    known: dict[str, Callable[[], AbstractContextManager[Model]]] = {"embedded": open_embedded, "fake": open_fake}
    if name not in known:
        raise UserError(f"there is no model {name}{nearest(name, known)}", f"models: {', '.join(known)}")
    return known[name]


_SHOWN_CHARS = 200
_CANNOT = r"(?:cannot|can't|can’t|could not|couldn't|am unable|am not able|'m unable|'m not able|won't|will not)"
_REFUSES = re.compile(
    rf"\W*(?:i['’]?m (?:really |very |so )?sorry|(?:i )?apologi[sz]e|sorry,|as an ai\b|i {_CANNOT} "
    rf"(?:to )?(?:assist|help|provide|generate|create|write|fulfil|comply|see|view|access|describe|merge|rewrite))",
    re.IGNORECASE,
)


def used(answer: Answer) -> str:
    """The answer's text, if it is one.

    Raises:
        RowError: it is ``truncated``, ``empty``, ``refused`` or ``looping``; the message holds the answer.
    """
    text = answer.text.strip()
    if answer.finish_reason == "length":
        kind = "looping" if loops(text) else "truncated"
        raise _unusable(kind, f"the answer was cut off after {answer.completion_tokens} tokens; raise max_tokens", text)
    if not text:
        raise _unusable("empty", f"the model said nothing (it stopped for {answer.finish_reason or 'no reason'})", text)
    return said(text)


def field(answer: Answer, key: str) -> str:
    """The text of one field of a JSON answer, judged as ``used`` judges it.

    Raises:
        RowError: as ``used``, or ``malformed`` for what is not a JSON object with that text.
    """
    text = used(answer)
    try:
        value = json.loads(text)
    except ValueError:
        raise _unusable("malformed", "the answer is not JSON", text) from None
    inner = value.get(key) if isinstance(value, dict) else None
    if not isinstance(inner, str):
        raise _unusable("malformed", f"the answer has no text under {key!r}", text)
    if not inner.strip():
        raise _unusable("empty", f"the answer's {key} is empty", text)
    return said(" ".join(inner.split()))


def said(text: str) -> str:
    """``text``, unless it refuses or loops (``RowError``)."""
    if _REFUSES.match(text):
        raise _unusable("refused", "the model refused", text)
    if loops(text):
        raise _unusable("looping", "the answer repeats itself", text)
    return text


def loops(text: str) -> bool:
    """Whether some words come again and again: a phrase four times in a row, or a sentence three times."""
    words = re.findall(r"\w+", text.lower())
    if any(_repeats(words, size) for size in range(1, 13)):
        return True
    sentences = [s for part in re.split(r"[.!?\n]+", text.lower()) if len(s := part.strip().split()) > 3]
    return any(sentences.count(s) >= 3 for s in sentences)


def _repeats(words: Sequence[str], size: int) -> bool:
    """Whether ``size`` words follow themselves often enough: four times over, a single word six times."""
    need, run = size * (5 if size == 1 else 3), 0
    for before, word in zip(words, words[size:], strict=False):
        run = run + 1 if word == before else 0
        if run >= need:
            return True
    return False


def _unusable(kind: str, what: str, text: str) -> RowError:
    shown = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
    return RowError(f"{what}: {shown!r}" if text else what, kind)
