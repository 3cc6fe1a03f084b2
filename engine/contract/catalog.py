"""Which steps and tables there are. A step is its file: ``filters.duration`` is ``filters/duration.py``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ...schemas import ROWS, Row, memoize, row_fields
from .errors import UserError, nearest, shown_name
from .step import Filter, Global, Map, MultiOutput, Source, Split, Step, reads, writes

FOLDERS = ("builders", "captioners", "filters", "annotation", "cards")
PLUGINS = "cliploom.steps"  # entry points: name = "my.step", value = the module that holds it
ROW_PLUGINS = "cliploom.rows"  # entry points: name = the table, value = "module:RowType"

_ROOT = __name__.rsplit(".", 3)[0]
_SHAPES = {Step, Split, Map, Source, MultiOutput, Filter, Global}

_NEW_NAMES = {"filters.clip_score": "captioners.clip_score", "filters.desirable": "annotation.desirable"}
_FAULTS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError,
    SyntaxError, SystemExit, TypeError, ValueError,
)  # fmt: skip
"""What comes of running a file that somebody else wrote."""


@memoize
def step_names() -> tuple[str, ...]:
    """The names of all steps, ours first, then those of plugins; a plugin's may be broken."""
    ours = list(_our_names())
    return tuple(dict.fromkeys([*ours, *sorted(point.name for point in _plugins())]))


@memoize
def _plugins() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=PLUGINS))  # looks through every package that is installed


def _our_names() -> Iterator[str]:
    for folder in FOLDERS:
        package = importlib.import_module(f"{_ROOT}.{folder}")
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            if not module.ispkg:
                yield f"{folder}.{module.name}"


@memoize
def step_class(name: str) -> type[Step]:
    """The step of that name.

    Raises:
        UserError: there is none, with the nearest spelling; or its file cannot be run, or is no step's.
    """
    if name not in step_names():
        now = _NEW_NAMES.get(name)
        raise UserError(
            f"there is no step {shown_name(name)}{f'; it is now called {now}' if now else nearest(name, step_names())}"
        )
    with step_faults(name):
        return _load(_source(name))


@memoize
def row_types() -> tuple[type[Row], ...]:
    """The row types of all tables, ours first, then those of plugins in order of their tables' names.

    Raises:
        UserError: one of a plugin cannot be loaded, is no row type, or has the name of another table.
    """
    points = sorted(entry_points(group=ROW_PLUGINS), key=lambda point: point.name)
    return (*ROWS, *(_row_type(point) for point in points))


def _row_type(point: EntryPoint) -> type[Row]:
    try:
        row = point.load()
        if not (inspect.isclass(row) and issubclass(row, Row)):
            raise TypeError(f"{point.value} is no row type")
        if row.table != point.name:
            raise TypeError(f"its table is {row.table}, so its entry point must be called {row.table} too")
        if row.table in {ours.table for ours in ROWS}:
            raise TypeError(f"there is a table {row.table} already: choose another name")
        if "video_id" not in {field.name for field in row_fields(row)}:
            raise TypeError("it has no video_id")
    except _FAULTS as error:
        raise UserError(
            f"the table {point.name} is broken: {_fault(error)}", f"its entry point is {point.value}"
        ) from error
    return row


@contextmanager
def step_faults(name: str) -> Iterator[None]:
    """Inside, the file of a step is run; what it raises becomes one line.

    Raises:
        UserError: says that the step is broken, why, and where.
    """
    try:
        yield
    except _FAULTS as error:
        raise UserError(f"the step {name} is broken: {_fault(error)}", f"it comes from {_source(name)}") from error


def _source(name: str) -> str:
    """The module of a step, or ``module:name`` of one that a package adds."""
    if name in _our_names():
        return f"{_ROOT}.{name}"
    return next((point.value for point in _plugins() if point.name == name), name)


def _load(source: str) -> type[Step]:
    """The step of a module, or of ``module:name``, looked through as far as the planner does."""
    loaded = EntryPoint(source, source, PLUGINS).load()
    step = find_step(loaded) if isinstance(loaded, ModuleType) else loaded
    if not (inspect.isclass(step) and issubclass(step, Step)):
        raise TypeError(f"{source} is no step")
    row_fields(step)
    if reads(step).anchor is not None:
        writes(step)
    return step


def _fault(error: BaseException) -> str:
    """An exception in one line, with the place in the file where it came from."""
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, SyntaxError):  # names the file itself
        return f"{type(error).__name__}: {said}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_a_steps(f.filename)]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {said}{place}"


def _is_a_steps(file: str) -> bool:
    """Is a file neither Python's, nor of what looks a step through?"""
    ours = (str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "schemas"), "<")
    library = file.startswith(sysconfig.get_path("stdlib")) and "site-packages" not in file
    return not library and not file.startswith(ours)


def steps_that_write(row: type[Row]) -> list[str]:
    """The names of the steps that make rows of a type."""
    return [name for name in step_names() if row in _output_rows(name)]


def _output_rows(name: str) -> list[type[Row] | None]:
    try:
        with step_faults(name):
            step = step_class(name)
            return [part.out for part in step().parts()] if issubclass(step, MultiOutput) else [writes(step)]
    except UserError:
        return []  # of a broken one nothing is known


def find_step(module: ModuleType) -> type[Step]:
    """The one public step that a module defines; ``TypeError`` for none or several."""
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Step) and value not in _SHAPES
        and value.__module__ == module.__name__ and not value.__name__.startswith("_")
    ]  # fmt: skip
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one public step, not {len(found)}")
    return found[0]


def is_ours(step: type[Step]) -> bool:
    """Does a step ship with this package?"""
    return step.__module__.startswith(f"{_ROOT}.")


def step_name(step: type[Step]) -> str:
    """The recipe's name of a step class; for one that is in no catalogue, its module and name."""
    module = step.__module__
    if is_ours(step):
        return module.removeprefix(f"{_ROOT}.")
    plugin = next((p.name for p in _plugins() if p.value.partition(":")[0].strip() == module), None)
    return plugin or f"{module}.{step.__name__}"


def shape_name(step: type[Step]) -> str:
    """``source``, ``map``, ``split``, ``multioutput``, ``filter`` or ``global``."""
    return next(base.__name__.lower() for base in step.__mro__ if base in _SHAPES)
