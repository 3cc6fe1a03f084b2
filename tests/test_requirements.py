"""What steps say that they need is what they load."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cliploom.engine.contract.catalog import FOLDERS, step_class, step_names
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import Step
from cliploom.models.chat.model import ChatModelOptions
from cliploom.models.encoders.choice import TEXTS, EncoderOptions
from cliploom.schemas import row_fields

STEPS = [name for name in step_names() if name.split(".")[0] in FOLDERS]
SAMPLES: dict[Any, Any] = {str: "x", int: 1, float: 1.0, bool: True, Path: Path("x")}


def _modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name below it."""
    root = Path(__file__).parents[1]
    folders = (*FOLDERS, "models", "media", "engine", "schemas")
    files = [file for folder in folders for file in (root / folder).rglob("*.py")]
    return {
        ".".join(file.relative_to(root).with_suffix("").parts): ast.parse(file.read_text(encoding="utf-8"))
        for file in files
    }


MODULES = _modules()


class Symbol(NamedTuple):
    """A function, class or constant of a module."""

    module: str
    name: str


def _imports(module: str) -> dict[str, Symbol]:
    """What the names mean that a module imports from us, be it only in a function; a module's symbol is ""."""
    found = {}
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*module.split(".")[: -node.level], *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found[alias.asname or alias.name] = Symbol(inner, "") if inner in MODULES else Symbol(base, alias.name)
    return found


def _definitions(module: str) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in MODULES[module].body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


IMPORTS = {module: _imports(module) for module in MODULES}
DEFINITIONS = {module: _definitions(module) for module in MODULES}


def _used(symbol: Symbol) -> Iterator[Symbol]:
    """The symbols that one names."""
    imports, own = IMPORTS[symbol.module], DEFINITIONS[symbol.module]
    for node in ast.walk(own[symbol.name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = imports.get(node.value.id)
            if target is not None and not target.name:
                yield Symbol(target.module, node.attr)
        elif isinstance(node, ast.Name):
            yield imports.get(node.id, Symbol(symbol.module, node.id))


def _reached(module: str) -> set[str]:
    """The modules whose loading functions a step's file reaches."""
    ahead = [Symbol(module, name) for name in DEFINITIONS[module]]
    found = set[Symbol]()
    while ahead:
        symbol = ahead.pop()
        known = symbol.module in MODULES and symbol.name in DEFINITIONS[symbol.module]
        if known and symbol not in found and symbol.name != "requirements":
            found.add(symbol)
            ahead += _used(symbol)
    return {s.module for s in found if s.module in LOADERS and _loads(DEFINITIONS[s.module][s.name])}


def _loads(tree: ast.AST) -> bool:
    """Are packages of an extra imported here, or weights looked up?"""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Name) and call.id in ("extra", "find_weight", "joined") for call in calls)


LOADERS = sorted(
    name for name in MODULES if name.startswith(("models.", "builders.")) and _loads(MODULES[name])
    and name not in ("models.weights", "builders.subtitles.cues")  # where `joined` is, and another one of that name
)  # fmt: skip
SERVER, VLLM = {"name": "x", "url": ["http://h/v1"]}, {"name": "x", "run": "vllm"}
VARIANTS: dict[Any, list[Any]] = {
    bool: [True, False], ChatModelOptions: ["embedded", SERVER, VLLM],
    EncoderOptions: [{"encoder": encoder} for encoder in TEXTS],
}  # fmt: skip
TEACHERS = [
    {"chat": "x", "url": ["http://h/v1"], "as": "a"}, {"chat": "x", "run": "vllm", "as": "b"},
    {"chat": "embedded", "inputs": ["transcript"]},
]  # fmt: skip
CHAT = {"models.chat.embedded", "models.chat.remote", "models.chat.vllm_model"}
UNUSED = {
    "annotation.vocabulary": {"models.encoders.imagebind_huge"},  # no pictures
    "captioners.anonymous": CHAT,  # it makes ids, and to those it matters whether a step asks a model
    "captioners.select": CHAT,  # likewise
    "captioners.label_embeddings": {"models.detectors.imagenet"},  # ConSE without pictures
    "captioners.retrieve": {"models.encoders.imagebind_huge"},  # it knows no texts
    "captioners.text_embeddings": {"models.detectors.imagenet", "models.encoders.imagebind_huge"},  # and no pictures
}
"""What a file names and its step never loads."""


def _variants(name: str) -> Iterator[Step]:
    """The step with every combination of its options that choose."""
    step = step_class(name)
    missing = dataclasses.MISSING
    bare = {f.name for f in dataclasses.fields(step) if f.default is missing and f.default_factory is missing}  # type: ignore[arg-type]
    base = {f.name: SAMPLES[f.type] for f in row_fields(step) if f.name in bare}
    chosen = {f.name: [*(f.col.choices or VARIANTS.get(f.type, ()))] for f in row_fields(step)}
    chosen = {option: values for option, values in chosen.items() if values}
    for values in itertools.islice(itertools.product(*chosen.values()), 2000):
        yield make_step(name, step, {**base, **dict(zip(chosen, values, strict=True))})
    if name == "filters.text":
        yield make_step(name, step, {"spoken": "en"})
    if name == "captioners.teacher":
        yield from (one for _, one in make_step(name, step, {"teachers": TEACHERS}).expand())


def test_every_module_that_loads_something_says_what_it_takes() -> None:
    assert len(LOADERS) > 12
    for name in LOADERS:
        assert hasattr(importlib.import_module(f"cliploom.{name}"), "requirements"), name


@pytest.mark.parametrize("name", STEPS)
def test_it_says_what_it_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loading module that a step's file reaches is asked for what it takes, with some options or other."""
    asked = set[str]()
    for loader in LOADERS:
        module = importlib.import_module(f"cliploom.{loader}")

        def ask(*given: Any, loader: str = loader, real: Any = module.requirements) -> Any:
            asked.add(loader)
            return real(*given)

        monkeypatch.setattr(module, "requirements", ask)
    for step in _variants(name):
        assert all(one.name for one in step.requirements())
    assert asked == _reached(name) - UNUSED.get(name, set())
