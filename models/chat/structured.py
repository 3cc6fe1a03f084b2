"""Answers of a known shape: asked for with a JSON schema, checked against it, mended once."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from .answer_schema import Misfit, Shape, shape_of
from .answers import cut_off, judged, spoken, unusable, used
from .model import Answer, ChatModel, Message, Model

T = TypeVar("T")

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_TRIES = 50  # opening brackets that are looked at in a text around the JSON
_SENT_BACK_CHARS = 4000


class Asked(NamedTuple, Generic[T]):
    """An answer that fits, and the model's own words."""

    value: T
    raw: str


class Said(NamedTuple):
    """A plain answer, and the model's own words."""

    text: str
    raw: str


async def asked(model: Model, options: ChatModel, messages: Sequence[Message], shape: type[T]) -> Asked[T]:
    """Ask for a frozen dataclass whose fields are ``Annotated[…, Col(…)]``.

    Types: ``str``, ``int``, ``float``, ``bool``, ``Literal``, lists, nested dataclasses, and ``| None``. Ranges and
    choices of a ``Col`` hold for a list's items too. A text is one line; it may be blank only where the field has a
    default, which also stands in for a field that is not there. An answer that does not fit is sent back once.

    Raises:
        RowError: the answer is ``malformed`` (no JSON object), ``invalid`` (of another shape), ``truncated``,
            ``refused``, ``empty`` or ``looping``. The message holds the answer.
    """
    wanted = shape_of(shape)
    answer = await model.ask(options.request(messages, wanted.schema))
    try:
        return Asked(_read(answer, wanted), answer.text)
    except Misfit as misfit:
        again = [*messages, *_complaint(answer, misfit)]
    answer = await model.ask(options.request(again, wanted.schema))
    try:
        return Asked(_read(answer, wanted), answer.text)
    except Misfit as misfit:
        raise unusable(misfit.kind, f"asked for twice, the answer is not as asked: {misfit}", answer.text) from None


async def said(model: Model, options: ChatModel, messages: Sequence[Message]) -> Said:
    """Ask for plain text.

    Raises:
        RowError: the answer is ``truncated``, ``refused``, ``empty`` or ``looping``. The message holds the answer.
    """
    answer = await model.ask(options.request(messages))
    return Said(used(answer), answer.text)


def _complaint(answer: Answer, misfit: Misfit) -> list[Message]:
    """The two turns that send an answer back."""
    asked = f"That answer cannot be used: {misfit}. Answer again, with the corrected JSON object and nothing else."
    return [
        Message(role="assistant", content=answer.text[:_SENT_BACK_CHARS]),
        Message(role="user", content=asked),
    ]


def _read(answer: Answer, shape: Shape[T]) -> T:
    """The answer's value. Raises ``Misfit`` for what may be mended, ``RowError`` for what may not."""
    text = spoken(answer)
    found = _json_object(text)
    try:
        if found is None:
            raise Misfit("it is not a JSON object", "malformed")
        return shape.read(found)
    except Misfit as misfit:
        if answer.finish_reason == "length":
            raise cut_off(answer) from None
        if misfit.kind == "malformed":
            judged(text)  # a refusal is no broken JSON
        elif misfit.kind != "invalid":
            raise unusable(misfit.kind, f"the answer cannot be used: {misfit}", text) from None
        raise


def _json_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or the longest one in it; None where there is none."""
    for candidate in (text, *_FENCE.findall(text)):
        if candidate.lstrip().startswith("{") and (whole := _parsed(candidate.strip())) is not None:
            return whole
    best, length, start = None, 0, text.find("{")
    for _ in range(_TRIES):
        if start < 0:
            break
        found, end = _parsed_at(text, start)
        if found is not None and end - start > length:
            best, length = found, end - start
        start = text.find("{", max(end, start + 1))
    return best


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _parsed(text: str) -> dict[str, Any] | None:
    found, end = _parsed_at(text, 0)
    return found if end == len(text) else None


def _parsed_at(text: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that begins at ``start``, and where it ends; ``(None, start)`` for what is none."""
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start
    return found, end
