"""A recipe: a name and a list of steps, from YAML or from Python."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .catalog import step_class, step_name
from .errors import UserError, nearest, shown_name
from .options import check_numbers, format_value, make_step, plain_options, rename_options
from .step import Step
from .usage import Budget
from .yaml_text import MOST_CHARS, YamlError, read_yaml

_KEYS = ("name", "steps", "shards", "max_bad", "budget")
SHARDS = 16  # folders per table; more for very large sets
_LONGEST_NAME = 100  # bytes: file systems take 255, and names grow endings
_STEP_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class StepUse:
    """One step of a recipe: under which name, and whose rows it reads.

    Attributes:
        step: the step.
        name: what ``as:`` says in a recipe file; empty for the step's own name.
        reads_from: what ``from:`` says: names of earlier steps; empty for all whose rows it reads by the rules.
        timeout_s: another time limit than the step's own, in seconds.
        where: file and line, for messages.
        batch: how many rows each call of the step has, in place of its own number.
        workers: how many processes may run it at once; otherwise the build's, or one of a large model.
    """

    step: Step
    name: str = ""
    reads_from: tuple[str, ...] = ()
    timeout_s: float | None = None
    where: str = ""
    batch: int | None = None
    workers: int | None = None


StepEntry = Step | StepUse | str | tuple[str, Mapping[str, Any]]
"""A step in a recipe: itself, its name, or its name and options as in a recipe file, ``as`` and ``from`` included."""


@dataclass(frozen=True)
class Recipe:
    """What is to be built: ``Recipe("mine", [("builders.folder", {"path": "videos/"}), "builders.scan", MyStep()])``.

    Raises:
        UserError: a step is unknown, an option is unknown, missing, of the wrong type or out of its range, or the
            name, ``shards`` or ``max_bad`` is what no build can have.
    """

    name: str
    steps: Sequence[StepEntry]
    shards: int = SHARDS
    max_bad: float = 1.0  # share of a step's rows that may fail before the build stops
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        steps = tuple(_use_of_entry(number, entry) for number, entry in enumerate(self.steps, 1))
        object.__setattr__(self, "steps", steps)
        _check_head(self)

    def uses(self) -> list[StepUse]:
        """The steps in order, each with its name; ``UserError`` for one used twice, or that is no file name."""
        found = [use for use in self.steps if isinstance(use, StepUse)]
        named = [replace(u, name=u.name or step_name(type(u.step))) for u in found]
        seen: dict[str, StepUse] = {}
        for use in named:
            _check_use(use)
            key = use.name.casefold()  # some file systems take both cases for one
            if key in seen:
                raise UserError(
                    _at(use.where, f"{use.name} is used twice (first at {seen[key].where or 'its first step'})"),
                    "give the second one a name of its own with `as:`",
                )
            seen[key] = use
        return named


def _check_head(recipe: Recipe) -> None:
    """Raise ``UserError``, whose first word is the field."""
    name, shards, max_bad = recipe.name, recipe.shards, recipe.max_bad
    if not isinstance(name, str) or not name.strip():
        raise UserError("name is missing: the recipe needs a name")
    if not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
        raise UserError(f"name is {format_value(name)}: it must be one line of at most {_LONGEST_NAME} bytes")
    if type(shards) is not int or not 1 <= shards <= 4096:
        raise UserError(f"shards is {format_value(shards)}: it must be a whole number, 1 to 4096")
    if type(max_bad) not in (int, float) or not 0 <= max_bad <= 1:
        raise UserError(f"max_bad is {format_value(max_bad)}: it must be a number, 0 to 1")
    check_numbers("budget", recipe.budget)


def _check_use(use: StepUse) -> None:
    """Raise ``UserError`` for a name that is no plain file name, or a number that is none."""
    if not _STEP_NAME.fullmatch(use.name) or len(use.name.encode()) > _LONGEST_NAME:
        hint = f"letters, digits, _, - and ., at most {_LONGEST_NAME} bytes: it becomes the name of a folder"
        raise UserError(_at(use.where, f"a step cannot be called {format_value(use.name)}"), hint)
    check_numbers(use.name, use.step)
    limit = use.timeout_s
    if limit is not None and (type(limit) not in (int, float) or not 0 < limit < math.inf):
        raise UserError(_at(use.where, f"`timeout_s:` is {format_value(limit)}: it must be a number of seconds"))
    for key, number in (("batch", use.batch), ("workers", use.workers)):
        if number is not None and (type(number) is not int or not 0 < number < 1 << 31):
            raise UserError(_at(use.where, f"`{key}:` is {format_value(number)}: it must be a whole number above 0"))


class Mark(NamedTuple):
    """A mapping key of the YAML file and its line."""

    key: str
    line: int


def load_recipe(path: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe file; ``settings`` are ``step.option=value`` words that override it.

    Raises:
        UserError: naming file, line and the nearest right spelling.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(4 * MOST_CHARS)  # a device has no end
    except FileNotFoundError:
        raise UserError(f"there is no recipe {path}", "`cliploom recipes` lists those that ship with it") from None
    except OSError as error:
        raise UserError(f"cannot read the recipe {path}: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: it is not UTF-8", "save it as UTF-8") from None
    return read_recipe(text, str(path), settings)


def read_recipe(text: str, file: str, settings: Sequence[str] = ()) -> Recipe:
    """As ``load_recipe``, from text; ``file`` is the name for messages."""
    node, data = read_yaml(text, file)
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{file}:1: a recipe is a mapping with `name:` and `steps:`")
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    for key, line in lines.items():
        if key not in _KEYS:
            raise UserError(f"{file}:{line}: a recipe has no {shown_name(key)}{nearest(key, _KEYS)}")
    overridden = _override(list(_entries(node, data, file)), settings)
    budget = _budget(data.get("budget"), f"{file}:{lines.get('budget', 1)}")
    uses = [_use(entry, f"{file}:") for entry in overridden]
    shards, max_bad = data.get("shards", SHARDS), data.get("max_bad", 1.0)
    try:
        return Recipe(data.get("name", ""), uses, shards, max_bad, budget)
    except UserError as error:
        line = lines.get(error.message.partition(" ")[0], 1)
        raise UserError(f"{file}:{line}: {error.message}", error.hint) from None


def _budget(given: Any, where: str) -> Budget:
    if given is not None and not isinstance(given, dict):
        raise UserError(f"{where}: budget is {format_value(given)}: it must be a mapping, such as {{max_cost: 5}}")
    try:
        return make_step("budget", Budget, given or {})
    except UserError as error:
        raise UserError(f"{where}: {error.message}", error.hint) from None


class RecipeEntry(NamedTuple):
    """One item of ``steps:`` as it was written."""

    step: str
    options: dict[str, Any]
    line: int
    lines: dict[str, int]  # of each option

    @property
    def name(self) -> str:
        """What the recipe calls it."""
        return str(self.options.get("as", self.step))


def _entries(node: yaml.MappingNode, data: Mapping[str, Any], file: str) -> Iterator[RecipeEntry]:
    found = next((value for key, value in node.value if key.value == "steps"), None)
    if not isinstance(found, yaml.SequenceNode) or not found.value:
        raise UserError(f"{file}:1: the recipe needs a list of steps under `steps:`")
    for item, value in zip(found.value, data["steps"], strict=True):
        line = item.start_mark.line + 1
        if isinstance(value, str):
            yield RecipeEntry(value, {}, line, {})
        elif isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), (dict, type(None))):
            [(step, options)] = value.items()
            inner = item.value[0][1]
            pairs = inner.value if isinstance(inner, yaml.MappingNode) else []
            yield RecipeEntry(str(step), dict(options or {}), line, {k.value: k.start_mark.line + 1 for k, _ in pairs})
        else:
            raise UserError(f"{file}:{line}: write a step as `- folder.step: {{option: value}}`")


def _override(entries: list[RecipeEntry], settings: Sequence[str]) -> list[RecipeEntry]:
    made = list(entries)
    for setting in settings:
        target, found, value = setting.partition("=")
        step, _, option = target.strip().rpartition(".")
        if not found or not step:
            raise UserError(f"--set {shown_name(setting)}: write it as step.option=value")
        names = {name: i for i, e in reversed([*enumerate(made)]) for name in (e.step, e.name)}
        outer, _, inner = step.rpartition(".")  # an option of an option: captioners.rewrite.model.url
        path = [option] if step in names or outer not in names else [inner, option]
        at = names.get(step, names.get(outer))
        if at is None:
            said = f"the recipe has no step {shown_name(step)}{nearest(step, [e.name for e in made])}"
            raise UserError(f"--set {shown_name(setting)}: {said}")
        try:
            read = read_yaml(value, f"--set {target}").value
        except YamlError:
            read = value
        made[at] = made[at]._replace(options=_with(made[at].options, path, read))
    return made


def _with(options: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of the options with one of them set; a plain word in the way stands for its ``name``."""
    first, *rest = path
    if rest:
        held = options.get(first, {})
        value = _with(held if isinstance(held, dict) else {"name": held}, rest, value)
    return {**options, first: value}


def _use_of_entry(number: int, entry: StepEntry) -> StepUse:
    if isinstance(entry, StepUse):
        return entry
    if isinstance(entry, Step):
        return StepUse(entry)
    if isinstance(entry, str):
        entry = (entry, {})
    match entry:
        case (str(name), Mapping() as options):
            return _use(RecipeEntry(name, dict(options), number, {}), "step ")
    hint = 'write it as "folder.step", as ("folder.step", {"option": value}), or give a step'
    raise UserError(f"step {number} is {format_value(entry)}", hint)


def _use(entry: RecipeEntry, place: str) -> StepUse:
    where = f"{place}{entry.line}"
    options = rename_options(entry.step, entry.options, ("timeout_s",), {"patience_s": "timeout_s"})
    name, source, timeout_s = options.pop("as", ""), options.pop("from", ()), options.pop("timeout_s", None)
    batch, workers = options.pop("batch", None), options.pop("workers", None)
    if not isinstance(name, str):
        raise UserError(f"{where}: `as:` is {format_value(name)}: it must be a word")
    sources = [source] if isinstance(source, str) else source
    if not isinstance(sources, (list, tuple)) or not all(isinstance(s, str) for s in sources):
        raise UserError(
            f"{where}: `from:` is {format_value(source)}: it must be the name of a step, or a list of names"
        )
    try:
        made = make_step(entry.step, step_class(entry.step), options)
    except UserError as error:
        option = next((o for o in entry.lines if f".{o} " in error.message or f"option {o}" in error.message), None)
        line = entry.lines.get(option or "", entry.line)
        raise UserError(f"{place}{line}: {error.message}", error.hint) from None
    return StepUse(made, name, tuple(sources), timeout_s, where, batch, workers)


def dump_recipe(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe as plain values: every option of every step."""
    steps = []
    for use in recipe.uses():
        kind = step_name(type(use.step))
        entry: dict[str, Any] = dict(plain_options(use.step))
        entry |= {"as": use.name} if use.name != kind else {}
        entry |= {"from": list(use.reads_from)} if use.reads_from else {}
        numbers = {"timeout_s": use.timeout_s, "batch": use.batch, "workers": use.workers}
        entry |= {key: number for key, number in numbers.items() if number}
        steps.append({kind: entry})
    head = {"name": recipe.name, "shards": recipe.shards, "max_bad": recipe.max_bad}
    return {**head, "budget": plain_options(recipe.budget), "steps": steps}


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message
