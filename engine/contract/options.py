"""A step's options: from a recipe's words to a checked step, and back to plain values for the hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from ...schemas import Field, memoize, row_fields
from .errors import UserError, nearest, shown_name

S = TypeVar("S")

_SHOWN = 80  # characters of a value in a message
_NEW_NAMES = {"patience_s": "max_wait_s", "private": "allow_private"}  # where no option has the old one


def make_step(name: str, step: type[S], options: Mapping[str, Any]) -> S:
    """Build a step, or another dataclass of options, from plain values; ``name`` is for messages.

    An option that is itself such a dataclass takes a mapping, or a plain value that stands for its first field.

    Raises:
        UserError: an option is unknown, missing, of the wrong type or out of its range.
    """
    known = {f.name: f for f in row_fields(step)}
    options = rename_options(name, options, known)
    defaults = {f.name: _default(f) for f in dataclasses.fields(step)}  # type: ignore[arg-type]
    for option in options:
        if option not in known:
            raise UserError(f"{name} has no option {shown_name(option)}{nearest(option, known)}")
    missing = [f.name for f in dataclasses.fields(step) if f.name not in options and _is_required(f)]  # type: ignore[arg-type]
    if missing:
        raise UserError(f"{name} needs the option {missing[0]}: {known[missing[0]].col.doc}")
    return step(**{key: _check(name, known[key], value, defaults.get(key)) for key, value in options.items()})


def rename_options(
    name: str, options: Mapping[str, Any], known: Iterable[str], new_names: Mapping[str, str] = _NEW_NAMES
) -> dict[str, Any]:
    """The options, those with a name of earlier versions under their new one, of which a warning tells."""
    made = {}
    for option, value in options.items():
        new = new_names.get(option, "")
        if option not in known and new in known and new not in options:
            warnings.warn(f"{name}: the option {option} is now called {new}", FutureWarning, stacklevel=2)
            option = new
        made[option] = value
    return made


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


def _check(name: str, field: Field, value: Any, default: Any) -> Any:
    if value is None and field.optional:
        return None
    if (inner := _inner(field.type)) is not None:
        return _nested(f"{name}.{field.name}", field.type, inner, value, default)
    if get_origin(field.type) is list and isinstance(value, str):
        value = [value]  # a list of one may be written without its brackets
    if field.type is float and isinstance(value, bool):  # a number as `1e3`, which YAML takes for a word, is one
        raise UserError(f"{name}.{field.name} is {format_value(value)}: it must be a number")
    try:
        made = _adapter(field.type).validate_python(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise UserError(f"{name}.{field.name} is {format_value(value)}: {said[0].lower()}{said[1:]}") from None
    check_numbers(f"{name}.{field.name}", made)
    col = field.col
    if isinstance(made, (int, float)) and not isinstance(made, bool):
        low, high = col.low, col.high
        if (low is not None and made < low) or (high is not None and made > high):
            span = (
                f"at least {low:g}" if high is None else f"at most {high:g}" if low is None else f"{low:g} to {high:g}"
            )
            raise UserError(f"{name}.{field.name} is {made:g}: it must be {span}")
    if col.choices and isinstance(made, str) and made not in col.choices:
        hint = nearest(made, col.choices) or f": one of {', '.join(col.choices)}"
        raise UserError(f"{name}.{field.name} is {format_value(made)}{hint}")
    return made


def check_numbers(name: str, value: Any) -> None:
    """Raise ``UserError`` for a number in a value, a step or options that is not finite, or has more than 64 bits."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key, item in value.items():
            check_numbers(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            check_numbers(name, item)
    elif isinstance(value, float) and not math.isfinite(value) or isinstance(value, int) and abs(value) >= 2**63:
        raise UserError(f"{name} is {format_value(value)}: it must be finite, and of at most 64 bits")


def format_value(value: Any) -> str:
    """A value as messages show it: in one line, and not all of a long one."""
    return repr(value) if len(repr(value)) <= _SHOWN else f"{repr(value)[:_SHOWN]}…"


def _inner(hint: Any) -> Any:
    """The dataclass of options that a type is, or is a mapping to."""
    values = get_args(hint)[1] if get_origin(hint) is dict else hint
    return values if dataclasses.is_dataclass(values) else None


def _nested(name: str, hint: Any, inner: Any, value: Any, default: Any = None) -> Any:
    if isinstance(value, inner):
        return value
    if hint is inner:
        given = value if isinstance(value, Mapping) else {row_fields(inner)[0].name: value}
        own = {f.name: getattr(default, f.name) for f in dataclasses.fields(default)} if default is not None else {}
        given = rename_options(name, given, {f.name for f in row_fields(inner)})
        return make_step(name, inner, {**own, **given})  # what is not said is as this step would have it
    if not isinstance(value, Mapping):
        raise UserError(f"{name} is {format_value(value)}: it must be a mapping")
    return {str(key): _nested(f"{name}.{key}", inner, inner, item) for key, item in value.items()}


@memoize
def _adapter(hint: Any) -> TypeAdapter[Any]:
    # Numbers may be written as 2 for 2.0; words are never taken for numbers.
    return TypeAdapter(hint, config=None if dataclasses.is_dataclass(hint) else {"strict": hint in (int, bool, str)})


def plain_options(step: object, hashed: bool = False) -> dict[str, Any]:
    """A step's options as JSON values; with ``hashed`` only those that its rows depend on."""
    return _fields(step, hashed)


def _fields(value: Any, hashed: bool) -> dict[str, Any]:
    fields = [f for f in row_fields(type(value)) if not (hashed and f.col.local)]
    return {f.name: _plain(getattr(value, f.name), hashed) for f in fields}


def _plain(value: Any, hashed: bool) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value, hashed)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, hashed) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, hashed) for item in value]
    return str(value) if isinstance(value, PurePath) else value


def digest(*parts: Any) -> str:
    """A 16-digit hexadecimal hash of JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
