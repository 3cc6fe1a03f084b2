"""What a field means: one declaration that everything else is derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar, Union, cast, get_args, get_origin, get_type_hints

F = TypeVar("F", bound=Callable[..., Any])


def memoize(function: F) -> F:
    """``functools.cache`` that keeps the signature."""
    return cast(F, cache(function))


@dataclass(frozen=True, slots=True)
class Col:
    """The meaning of a row's column or of a step's option, its unit and its range.

    Attributes:
        doc: what it means, in a few words.
        unit: such as ``s`` or ``px``.
        low: the least value that it may have.
        high: the greatest.
        choices: the words that it may be.
        local: it is a fact of this machine, such as a path: it is neither hashed nor published.
    """

    doc: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    local: bool = False


class Row:
    """A row of one table: a frozen, slotted dataclass whose first field is its id.

    Every row has a ``video_id``: tables are sharded by it, so that joins stay inside a shard.

    Attributes:
        table: the name of its table.
        outlives: id columns of rows that it tells of and that may be dropped without it.
        video_id: the video that it belongs to.
    """

    __slots__ = ()
    table: ClassVar[str]
    outlives: ClassVar[tuple[str, ...]] = ()
    video_id: str

    @property
    def id(self) -> str:
        """The row's key inside its step's table."""
        return str(getattr(self, id_name(type(self))))


class Field(NamedTuple):
    """One field of a row or a step, resolved."""

    name: str
    type: Any  # the type without Annotated and without None
    optional: bool
    col: Col


def id_name(row: type) -> str:
    """The name of the first field, which holds the row's id."""
    return row_fields(row)[0].name


@memoize
def row_fields(row: type) -> tuple[Field, ...]:
    """The fields of a dataclass in order, with their ``Col``; ``TypeError`` for one that has none."""
    if not is_dataclass(row):
        raise TypeError(f"{row!r} is not a dataclass")
    return tuple(_fields(row))


def _fields(row: Any) -> Iterator[Field]:
    hints = get_type_hints(row, include_extras=True)
    for field in fields(row):
        hint, col = hints[field.name], None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            col = next((e for e in extras if isinstance(e, Col)), None)
        if col is None:
            raise TypeError(f"{row.__name__}.{field.name} has no Col(...) that says what it means")
        inner, optional = strip_none(hint)
        yield Field(field.name, inner, optional, col)


def strip_none(hint: Any) -> tuple[Any, bool]:
    """``X | None`` -> ``(X, True)``; anything else -> ``(hint, False)``."""
    if get_origin(hint) in (Union, UnionType):
        rest = [a for a in get_args(hint) if a is not NoneType]
        if len(rest) == 1 and len(get_args(hint)) == 2:
            return rest[0], True
    return hint, False
