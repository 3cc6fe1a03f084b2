"""Which steps there are. A step is its file: ``filters.duration`` is ``filters/duration.py``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType

from ...schemas import cached
from .errors import UserError, nearest
from .step import Fan, Filter, Map, Source, Split, Step, Whole

FOLDERS = ("builders", "captioners", "filters", "annotation", "cards")
PLUGINS = "cliploom.steps"  # entry points: name = "my.step", value = the module that holds it

_ROOT = __name__.rsplit(".", 3)[0]
_SHAPES = {Step, Split, Map, Source, Fan, Filter, Whole}


@cached
def step_names() -> tuple[str, ...]:
    """The names of all steps, ours first, then those of plugins."""
    return (*_our_names(), *sorted(point.name for point in entry_points(group=PLUGINS)))


def _our_names() -> Iterator[str]:
    for folder in FOLDERS:
        package = importlib.import_module(f"{_ROOT}.{folder}")
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            if not module.ispkg:
                yield f"{folder}.{module.name}"


@cached
def step_class(name: str) -> type[Step]:
    """The step of that name; ``UserError`` with the nearest spelling where there is none."""
    if name not in step_names():
        raise UserError(f"there is no step {name}{nearest(name, step_names())}")
    if name in _our_names():
        return the_step(importlib.import_module(f"{_ROOT}.{name}"))
    point = next(p for p in entry_points(group=PLUGINS) if p.name == name)
    loaded = point.load()
    return the_step(loaded) if isinstance(loaded, ModuleType) else loaded


def the_step(module: ModuleType) -> type[Step]:
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


def step_name(step: type[Step]) -> str:
    """The recipe's name of a step class; for one that is in no catalogue, its module and name."""
    module = step.__module__
    if module.startswith(f"{_ROOT}."):
        return module.removeprefix(f"{_ROOT}.")
    plugin = next((p.name for p in entry_points(group=PLUGINS) if p.module == module), None)
    return plugin or f"{module}.{step.__name__}"


def shape_name(step: type[Step]) -> str:
    """``source``, ``map``, ``split``, ``fan``, ``filter`` or ``whole``."""
    return next(base.__name__.lower() for base in step.__mro__ if base in _SHAPES)
