"""A step in words: what it is, what it reads and writes, and its options. For the screen and for the docs."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Sequence
from pathlib import PurePath
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from ...engine.contract.catalog import shape_name, step_class, step_faults
from ...engine.contract.options import plain_options
from ...engine.contract.step import Filter, Global, MultiOutput, Step, reads, writes
from ...schemas import Col, Field, row_fields

_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "nothing", Any: "any"}


class Option(NamedTuple):
    """One option of a step."""

    name: str
    type: str
    default: str  # as YAML; "" for one that must be given
    range: str  # unit, range, choices
    meaning: str


class StepHelp(NamedTuple):
    """A step, in words."""

    name: str
    shape: str
    doc: str
    reads: str
    writes: str
    options: list[Option]

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        return " ".join(self.doc.split("\n\n")[0].split())


def describe(name: str) -> StepHelp:
    """Describe a step; ``UserError`` with the nearest spelling where there is none, and for a broken one."""
    step = step_class(name)
    with step_faults(name):
        options = describe_options(step)
        return StepHelp(name, shape_name(step), inspect.getdoc(step) or "", _reads(step), _writes(step), options)


def describe_options(of: type) -> list[Option]:
    """The options of a step, or of another dataclass of options."""
    return [_option(f, of) for f in row_fields(of)]


def _reads(step: type[Step]) -> str:
    what = reads(step)
    if what.anchor is None:
        return "what is there"
    joins = [j.row.table if j.required else f"{j.row.table} (if there are any)" for j in what.joins]
    return ", ".join([what.anchor.table, *joins])


def _writes(step: type[Step]) -> str:
    if issubclass(step, MultiOutput):
        if any(not _default(field) for field in dataclasses.fields(step)):  # type: ignore[arg-type]
            return "several tables"
        made = step()
        return ", ".join(dict.fromkeys(part.out.table for part in made.parts()))
    out = writes(step)
    if out is None or issubclass(step, Filter):
        return "verdicts"
    stands_in = ", in place of those it reads" if step.replaces_inputs else ""
    verdicts = " and verdicts" if issubclass(step, Global) and reads(step).anchor is out else ""
    return f"{out.table}{verdicts}{stands_in}"


def _option(field: Field, step: type) -> Option:
    [found] = [f for f in dataclasses.fields(step) if f.name == field.name]
    return Option(field.name, type_words(field.type, field.optional), _default(found), _range(field.col), field.col.doc)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    elif field.default is not dataclasses.MISSING:
        value = field.default
    else:
        return ""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Step):
        return plain_options(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value


def _range(col: Col) -> str:
    if col.choices:
        return ", ".join(col.choices)
    low, high = col.low, col.high
    span = f"{low:g} to {high:g}" if low is not None and high is not None else ""
    span = span or (f"≥ {low:g}" if low is not None else f"≤ {high:g}" if high is not None else "")
    return ", ".join(part for part in (col.unit, span) if part)


def type_words(hint: Any, optional: bool = False) -> str:
    """A type as a recipe's writer calls it: ``list of text``, ``number or nothing``."""
    words = _type(hint)
    return f"{words} or nothing" if optional else words


def _type(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), [a for a in get_args(hint) if a is not Ellipsis]
    if origin in (list, tuple, set, frozenset, Sequence):
        return f"list of {_type(arguments[0])}"
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin is dict:
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    if arguments:
        return " or ".join(dict.fromkeys(_type(a) for a in arguments))
    if dataclasses.is_dataclass(hint):
        return "{" + ", ".join(f.name for f in dataclasses.fields(hint)) + "}"
    return str(getattr(hint, "__name__", hint)).lower()
