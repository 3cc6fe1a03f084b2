"""The shape of an answer: a frozen dataclass, its JSON schema, and its reading."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin

from ...engine.contract.errors import RowError
from ...schemas import Col, memoize, row_fields
from .answers import clean_text, innermost

T = TypeVar("T")
_NUMBER = re.compile(r"\s*(-?\d{1,15}(?:\.\d{1,15})?)(?:\s*(?:/|out of)\s*(\d{1,9}))?\s*")  # also 7/10
_NO_LETTERS = re.compile(r"[\W_]+")
_TROUBLES = frozenset({"error", "message", "reason", "status", "detail", "note", "warning", "refusal", "thought"})
_ABSENT = object()

Reader = Callable[[Any, str], Any]
"""Takes a JSON value and its place, and gives the field's value, or raises ``SchemaMismatch``."""


class SchemaMismatch(Exception):
    """A value is not of the shape; ``kind`` is a ``RowError``'s."""

    def __init__(self, said: str, kind: str = "invalid") -> None:
        super().__init__(said)
        self.kind = kind


class _SchemaField(NamedTuple):
    """One field: how it is read, and what stands in for it."""

    name: str
    read: Reader
    default: Any  # _ABSENT: it must be there


class AnswerSchema(Generic[T]):
    """A dataclass as a JSON schema and as a reader of JSON objects."""

    def __init__(self, made: type[T]) -> None:
        self._made = made
        defaults = {f.name: _default(f) for f in dataclasses.fields(made)}  # type: ignore[arg-type]
        fields = row_fields(made)
        self._parts = [
            _SchemaField(f.name, _reader(f.type, f.col, f.optional, defaults[f.name] is not _ABSENT), defaults[f.name])
            for f in fields
        ]
        self.schema: dict[str, Any] = {
            "type": "object",
            "properties": {f.name: _describe(_schema(f.type, f.col, f.optional), f.col) for f in fields},
            "required": [f.name for f in fields],
            "additionalProperties": False,
        }

    def read(self, found: Mapping[str, Any], where: str = "") -> T:
        """The dataclass of a JSON object; fields that it does not have are ignored. Raises ``SchemaMismatch``.

        A field's name counts however it is written (``Sure``, ``is-sure``), and of a shape with one text only any name
        but that of an error.
        """
        values = {}
        for name, read, default in self._parts:
            value = found[name] if name in found else self._find_value(found, name)
            if value is _ABSENT:
                if default is _ABSENT:
                    raise SchemaMismatch(f"{where}{name} is missing")
                values[name] = default() if callable(default) else default
            else:
                values[name] = read(value, f"{where}{name}")
        return self._made(**values)

    def names_missing(self, found: Mapping[str, Any]) -> int:
        """How many fields that must be there an object has not, however their names are written."""
        plain = {_NO_LETTERS.sub("", key).casefold() for key in found}
        return sum(default is _ABSENT and _NO_LETTERS.sub("", name) not in plain for name, _, default in self._parts)

    def _find_value(self, found: Mapping[str, Any], name: str) -> Any:
        plain = {_NO_LETTERS.sub("", key).casefold(): value for key, value in found.items()}
        if (wanted := _NO_LETTERS.sub("", name)) in plain or len(self._parts) > 1:
            return plain.get(wanted, _ABSENT)
        ((key, value), *others) = plain.items() or [("error", None)]
        return value if isinstance(value, str) and not others and key not in _TROUBLES else _ABSENT


@memoize
def shape_of(made: type[T]) -> AnswerSchema[T]:
    """The shape of a dataclass; ``TypeError`` for fields that JSON cannot give."""
    return AnswerSchema(made)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    return _ABSENT if field.default is dataclasses.MISSING else field.default


def _describe(schema: dict[str, Any], col: Col) -> dict[str, Any]:
    unit = f" ({col.unit})" if col.unit else ""
    return {**schema, "description": f"{col.doc}{unit}"}


def _schema(hint: Any, col: Col, optional: bool = False) -> dict[str, Any]:
    if optional:
        return {"anyOf": [_schema(hint, col), {"type": "null"}]}
    if get_origin(hint) is list:
        return {"type": "array", "items": _schema(get_args(hint)[0], col)}
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return shape_of(hint).schema
    if hint is str:
        return {"type": "string", **({"enum": list(col.choices)} if col.choices else {})}
    if hint is bool:
        return {"type": "boolean"}
    if hint in (int, float):
        span = {"minimum": col.low, "maximum": col.high}
        return {"type": "integer" if hint is int else "number", **{k: v for k, v in span.items() if v is not None}}
    raise TypeError(f"{hint!r}: an answer's field is text, a number, true or false, a list, or a dataclass of these")


def _reader(hint: Any, col: Col, optional: bool, blank: bool) -> Reader:
    read = _plain_reader(hint, col, blank)
    if not optional:
        return read
    return lambda value, where: None if value is None else read(value, where)


def _plain_reader(hint: Any, col: Col, blank: bool) -> Reader:
    if get_origin(hint) is list:
        return _list_reader(_reader(get_args(hint)[0], col, False, False))
    if get_origin(hint) is Literal:
        return _choice_reader(get_args(hint))
    if dataclasses.is_dataclass(hint):
        return _object_reader(hint)
    if hint is str:
        return _choice_reader(col.choices) if col.choices else _text_reader(blank)
    if hint is bool:
        return _read_bool
    return _number_reader(hint is int, col)


def _list_reader(read: Reader) -> Reader:
    def items(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise SchemaMismatch(f"{where} is no list")
        return [read(item, f"{where}[{i}]") for i, item in enumerate(value)]

    return items


def _object_reader(made: Any) -> Reader:
    def object_(value: Any, where: str) -> Any:
        if not isinstance(value, dict):
            raise SchemaMismatch(f"{where} is no object")
        return shape_of(made).read(value, f"{where}.")

    return object_


def _choice_reader(choices: tuple[str, ...]) -> Reader:
    folded = {choice.casefold(): choice for choice in choices}

    def choice(value: Any, where: str) -> str:
        found = folded.get(value.strip().casefold()) if isinstance(value, str) else None
        if found is None:
            raise SchemaMismatch(f"{where} is {_format_value(value)}; it must be one of {', '.join(choices)}")
        return found

    return choice


def _text_reader(blank: bool) -> Reader:
    def text(value: Any, where: str) -> str:
        value = innermost(value)
        if not isinstance(value, str):
            raise SchemaMismatch(f"{where} is no text")
        try:
            return clean_text(value)
        except RowError as error:
            if blank:
                return ""
            if not value.strip():
                raise SchemaMismatch(f"{where} is empty", "empty") from None
            raise SchemaMismatch(f"{where}: {error.message.partition(':')[0]}", error.kind) from None

    return text


def _read_bool(value: Any, where: str) -> bool:
    known = {"true": True, "false": False, "yes": True, "no": False}
    found = value if isinstance(value, bool) else known.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise SchemaMismatch(f"{where} is {_format_value(value)}; it must be true or false")
    return found


def _number_reader(whole: bool, col: Col) -> Reader:
    low, high = col.low, col.high

    def number(value: Any, where: str) -> float:
        if isinstance(value, str) and (written := _NUMBER.fullmatch(value)) is not None:
            value = float(written[1]) if written[2] is None or float(written[2]) == high else value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise SchemaMismatch(f"{where} is {_format_value(value)}; it must be a number")
        if whole and value != int(value):
            raise SchemaMismatch(f"{where} is {value}; it must be a whole number")
        if (low is not None and value < low) or (high is not None and value > high):
            raise SchemaMismatch(f"{where} is {value}; it must be {_span(low, high)}")
        return int(value) if whole else float(value)

    return number


def _span(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


def _format_value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
