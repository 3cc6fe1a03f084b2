"""Answers of a known shape: asked for with a JSON schema, mended where it is nearly JSON, checked, sent back once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ...engine.contract.errors import RowError
from .answer_schema import AnswerSchema, SchemaMismatch, shape_of
from .answers import clean_answer, cut_off, fault_of, final_text, unusable
from .cleaning.near_json import ends_too_soon, json_objects
from .cleaning.reasoning import final_answer
from .model import ChatAnswer, ChatModel, ChatModelOptions, Message

T = TypeVar("T")

_SENT_BACK_CHARS = 4000
_DEPTH = 3  # objects around the one that was asked for


class StructuredAnswer(NamedTuple, Generic[T]):
    """An answer that fits, and the model's own words."""

    value: T
    raw: str


class TextAnswer(NamedTuple):
    """A plain answer, and the model's own words."""

    text: str
    raw: str


async def ask_structured(
    model: ChatModel, options: ChatModelOptions, messages: Sequence[Message], shape: type[T]
) -> StructuredAnswer[T]:
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
        return StructuredAnswer(_read(answer, wanted), answer.text)
    except SchemaMismatch as misfit:
        again = [*messages, *_complaint(answer, misfit)]
    answer = await model.ask(options.request(again, wanted.schema))
    try:
        return StructuredAnswer(_read(answer, wanted), answer.text)
    except SchemaMismatch as misfit:
        raise unusable(misfit.kind, f"asked for twice, the answer is not as asked: {misfit}", answer.text) from None


async def ask_text(model: ChatModel, options: ChatModelOptions, messages: Sequence[Message]) -> TextAnswer:
    """Ask for plain text.

    Raises:
        RowError: the answer is ``truncated``, ``refused``, ``empty`` or ``looping``. The message holds the answer.
    """
    answer = await model.ask(options.request(messages))
    return TextAnswer(clean_answer(answer), answer.text)


async def ask_lines(model: ChatModel, options: ChatModelOptions, messages: Sequence[Message]) -> str:
    """Ask for lines of text: the final answer with its line breaks, otherwise as it came.

    Raises:
        RowError: the answer is ``truncated``, ``refused``, ``empty`` or ``looping``. The message holds the answer.
    """
    answer = await model.ask(options.request(messages))
    text = final_text(answer)
    if answer.finish_reason == "length":
        raise cut_off(answer)
    if (fault := fault_of(text)) is not None:
        raise unusable(*fault, text)
    return text


def _complaint(answer: ChatAnswer, misfit: SchemaMismatch) -> list[Message]:
    """The two turns that send an answer back."""
    ask_structured = (
        f"That answer cannot be used: {misfit}. Answer again, with the corrected JSON object and nothing else."
    )
    return [
        Message(role="assistant", content=answer.text[:_SENT_BACK_CHARS]),
        Message(role="user", content=ask_structured),
    ]


def _read(answer: ChatAnswer, shape: AnswerSchema[T]) -> T:
    """The answer's value. ``SchemaMismatch`` for what a second question may mend, ``RowError`` for what it may not.

    Where several objects fit those with the names that were asked for count, and of these the last one: those before
    it are drafts and examples.
    """
    objects = _objects(answer)
    misfit = SchemaMismatch("it is not a JSON object", "malformed")
    if answer.finish_reason == "length" and ends_too_soon(answer.text):
        raise cut_off(answer)
    inside = [inner for outer in reversed(objects) for inner in _inner_objects(outer)]
    for found in sorted(inside, key=shape.names_missing):
        try:
            return shape.read(found)
        except SchemaMismatch as error:
            misfit = error if misfit.kind == "malformed" else misfit
    raise _final_error(answer, misfit) or misfit


def _inner_objects(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """An object and those in it: a model may wrap the one that was asked for, in a list, or as the JSON of a call."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, str) and depth:
        value = json_objects(value) if value.lstrip().startswith("{") else ()
    if depth < _DEPTH and isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _inner_objects(inner, depth + 1)


def _objects(answer: ChatAnswer) -> list[dict[str, Any]]:
    """The objects in an answer: in all of it where it is one, else in what is not reasoning or another turn."""
    text = answer.text.strip()
    if text.startswith("{") and text.endswith("}") and len(objects := json_objects(text)) == 1:
        return objects
    return json_objects(final_text(answer)) or json_objects(final_answer(text) or "")  # a special token inside a string


def _final_error(answer: ChatAnswer, misfit: SchemaMismatch) -> RowError | None:
    """Why asking again is no use; None where it may be."""
    text = answer.text.strip()
    if answer.finish_reason == "length":
        return cut_off(answer)
    if misfit.kind not in ("malformed", "invalid"):
        return unusable(misfit.kind, f"the answer cannot be used: {misfit}", text)
    if misfit.kind == "invalid":
        return None
    if (fault := fault_of(text)) is not None:  # a refusal is no broken JSON
        return unusable(*fault, text)
    return unusable("truncated", "the answer ends before its JSON does", text) if ends_too_soon(text) else None
