"""A recipe: a name and a list of steps, from YAML or from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .catalog import step_class, step_name
from .errors import UserError, nearest
from .options import make_step, plain_options
from .step import Step
from .usage import Budget

_KEYS = ("name", "steps", "shards", "max_bad", "budget")
SHARDS = 16  # folders per table; more for very large sets


@dataclass(frozen=True)
class Use:
    """One step of a recipe: under which name, and whose rows it reads."""

    step: Step
    name: str = ""  # "" becomes the step's own name
    reads_from: tuple[str, ...] = ()  # names of earlier steps; () reads what the rules say
    patience_s: float | None = None  # overrides the step's time limit
    where: str = ""  # "file:line", for messages


StepEntry = Step | Use | str | tuple[str, Mapping[str, Any]]
"""A step in a recipe: itself, its name, or its name and options as in a recipe file, ``as`` and ``from`` included."""


@dataclass(frozen=True)
class Recipe:
    """What is to be built: ``Recipe("mine", [("builders.folder", {"path": "videos/"}), "builders.scan", MyStep()])``.

    Raises:
        UserError: a step is unknown, or an option is unknown, missing, of the wrong type or out of its range.
    """

    name: str
    steps: Sequence[StepEntry]
    shards: int = SHARDS
    max_bad: float = 1.0  # share of a step's rows that may fail before the build stops
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        steps = tuple(_use_of_entry(number, entry) for number, entry in enumerate(self.steps, 1))
        object.__setattr__(self, "steps", steps)

    def uses(self) -> list[Use]:
        """The steps in order, each with its name; ``UserError`` for a name used twice."""
        found = [use for use in self.steps if isinstance(use, Use)]
        named = [replace(u, name=u.name or step_name(type(u.step))) for u in found]
        seen: dict[str, Use] = {}
        for use in named:
            if use.name in seen:
                raise UserError(
                    _at(use.where, f"{use.name} is used twice (first at {seen[use.name].where or 'its first step'})"),
                    "give the second one a name of its own with `as:`",
                )
            seen[use.name] = use
        return named


class Mark(NamedTuple):
    """A mapping key of the YAML file and its line."""

    key: str
    line: int


def load_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe file; ``settings`` are ``step.option=value`` words that override it.

    Raises:
        UserError: naming file, line and the nearest right spelling.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"there is no recipe {path}", "`cliploom recipes` lists those that ship with it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the recipe {path}: {error}") from None
    return read_recipe(text, str(path), settings)


def read_recipe(text: str, file: str, settings: Sequence[str] = ()) -> Recipe:
    """As ``load_recipe``, from text; ``file`` is the name for messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{file}:{line}: this is not YAML: {error.problem or error.context}") from None
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{file}:1: a recipe is a mapping with `name:` and `steps:`")
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    for key, line in lines.items():
        if key not in _KEYS:
            raise UserError(f"{file}:{line}: a recipe has no {key}{nearest(key, _KEYS)}")
    name, shards = data.get("name"), data.get("shards", SHARDS)
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{file}:{lines.get('name', 1)}: the recipe needs a name")
    if type(shards) is not int or not 1 <= shards <= 4096:
        raise UserError(f"{file}:{lines['shards']}: shards is {shards!r}: it must be a whole number, 1 to 4096")
    max_bad = data.get("max_bad", 1.0)
    if type(max_bad) not in (int, float) or not 0 <= max_bad <= 1:
        raise UserError(f"{file}:{lines['max_bad']}: max_bad is {max_bad!r}: it must be a number, 0 to 1")
    entries = list(_entries(node, data, file))
    overridden = _override(entries, settings)
    budget = _budget(data.get("budget"), f"{file}:{lines.get('budget', 1)}")
    return Recipe(name, [_use(e, f"{file}:") for e in overridden], shards, float(max_bad), budget)


def _budget(given: Any, where: str) -> Budget:
    if given is not None and not isinstance(given, dict):
        raise UserError(f"{where}: budget is {given!r}: it must be a mapping, such as {{max_cost: 5}}")
    try:
        return make_step("budget", Budget, given or {})
    except UserError as error:
        raise UserError(f"{where}: {error.message}", error.hint) from None


class Entry(NamedTuple):
    """One item of ``steps:`` as it was written."""

    step: str
    options: dict[str, Any]
    line: int
    lines: dict[str, int]  # of each option

    @property
    def name(self) -> str:
        """What the recipe calls it."""
        return str(self.options.get("as", self.step))


def _entries(node: yaml.MappingNode, data: Mapping[str, Any], file: str) -> Iterator[Entry]:
    found = next((value for key, value in node.value if key.value == "steps"), None)
    if not isinstance(found, yaml.SequenceNode) or not found.value:
        raise UserError(f"{file}:1: the recipe needs a list of steps under `steps:`")
    for item, value in zip(found.value, data["steps"], strict=True):
        line = item.start_mark.line + 1
        if isinstance(value, str):
            yield Entry(value, {}, line, {})
        elif isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), (dict, type(None))):
            [(step, options)] = value.items()
            inner = item.value[0][1]
            pairs = inner.value if isinstance(inner, yaml.MappingNode) else []
            yield Entry(str(step), dict(options or {}), line, {k.value: k.start_mark.line + 1 for k, _ in pairs})
        else:
            raise UserError(f"{file}:{line}: write a step as `- folder.step: {{option: value}}`")


def _override(entries: list[Entry], settings: Sequence[str]) -> list[Entry]:
    made = list(entries)
    for setting in settings:
        target, found, value = setting.partition("=")
        step, _, option = target.strip().rpartition(".")
        if not found or not step:
            raise UserError(f"--set {setting}: write it as step.option=value")
        names = {name: i for i, e in reversed([*enumerate(made)]) for name in (e.step, e.name)}
        outer, _, inner = step.rpartition(".")  # an option of an option: captioners.rewrite.model.url
        path = [option] if step in names or outer not in names else [inner, option]
        at = names.get(step, names.get(outer))
        if at is None:
            raise UserError(f"--set {setting}: the recipe has no step {step}{nearest(step, [e.name for e in made])}")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
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


def _use_of_entry(number: int, entry: StepEntry) -> Use:
    if isinstance(entry, Use):
        return entry
    if isinstance(entry, Step):
        return Use(entry)
    if isinstance(entry, str):
        entry = (entry, {})
    match entry:
        case (str(name), Mapping() as options):
            return _use(Entry(name, dict(options), number, {}), "step ")
    hint = 'write it as "folder.step", as ("folder.step", {"option": value}), or give a step'
    raise UserError(f"step {number} is {entry!r}", hint)


def _use(entry: Entry, place: str) -> Use:
    where = f"{place}{entry.line}"
    options = dict(entry.options)
    name, source, patience = options.pop("as", ""), options.pop("from", ()), options.pop("patience_s", None)
    if not isinstance(name, str):
        raise UserError(f"{where}: `as:` is {name!r}: it must be a word")
    sources = [source] if isinstance(source, str) else source
    if not isinstance(sources, (list, tuple)) or not all(isinstance(s, str) for s in sources):
        raise UserError(f"{where}: `from:` is {source!r}: it must be the name of a step, or a list of names")
    if patience is not None and (type(patience) not in (int, float) or patience <= 0):
        raise UserError(f"{where}: `patience_s:` is {patience!r}: it must be a number of seconds")
    try:
        made = make_step(entry.step, step_class(entry.step), options)
    except UserError as error:
        option = next((o for o in entry.lines if f".{o} " in error.message or f"option {o}" in error.message), None)
        line = entry.lines.get(option or "", entry.line)
        raise UserError(f"{place}{line}: {error.message}", error.hint) from None
    return Use(made, name, tuple(sources), patience, where)


def dump_recipe(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe as plain values: every option of every step."""
    steps = []
    for use in recipe.uses():
        kind = step_name(type(use.step))
        entry: dict[str, Any] = dict(plain_options(use.step))
        entry |= {"as": use.name} if use.name != kind else {}
        entry |= {"from": list(use.reads_from)} if use.reads_from else {}
        entry |= {"patience_s": use.patience_s} if use.patience_s else {}
        steps.append({kind: entry})
    head = {"name": recipe.name, "shards": recipe.shards, "max_bad": recipe.max_bad}
    return {**head, "budget": plain_options(recipe.budget), "steps": steps}


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message
