"""What steps need beside the tables that they read, and whether this machine has it; nothing is imported for that."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from typing import NamedTuple

_PACKAGE = __name__.partition(".")[0]


class Requirement(NamedTuple):
    """A package, weights or a program, without which a step cannot work, or, if ``optional``, works worse.

    Attributes:
        name: what it is called.
        is_there: whether it is installed.
        install: what pip installs, each with its version or extra.
        bare: pip installs it with ``--no-deps``, as its package asks for much that is not used.
        hint: how to get what pip does not have, or what is worse without it.
        optional: the step works without it.
    """

    name: str
    is_there: bool
    install: tuple[str, ...] = ()
    bare: bool = False
    hint: str = ""
    optional: bool = False


def package_requirement(module: str, install: str = "", name: str = "") -> Requirement:
    """A package by the name that it is imported by.

    ``install`` is what pip installs, such as ``cliploom[speech]``; otherwise the package ``name`` (the module's, with
    hyphens) in the version that one of our extras asks for.
    """
    known = name or module.replace("_", "-")
    return Requirement(known, _is_importable(module), (install or _with_version(known),))


def extra_packages(extra: str, *modules: str) -> list[Requirement]:
    """The packages of one of our extras, by the names that they are imported by."""
    return [package_requirement(module, f"{_PACKAGE}[{extra}]") for module in modules]


def install_command(missing: Iterable[Requirement]) -> str:
    """One command line that installs all of these; "" where pip has none of them."""
    words = [(word, found.bare) for found in missing for word in found.install]
    extras = sorted({name for word, _ in words for name in _extras(word)})
    plain = [f"{_PACKAGE}[{','.join(extras)}]"] if extras else []
    plain += dict.fromkeys(word for word, bare in words if not bare and not _extras(word))
    alone = [word for word in dict.fromkeys(word for word, bare in words if bare) if word not in plain]
    commands = [("pip install", plain), ("pip install --no-deps", alone)]
    return " && ".join(f"{command} {shlex.join(some)}" for command, some in commands if some)


def lacks(step: str, missing: Iterable[Requirement]) -> str:
    """What a step lacks, in words."""
    return f"{step} lacks {', '.join(needed.name for needed in missing)}"


def how_to_get(missing: Iterable[Requirement]) -> str:
    """One command for all that pip has, and a hint for each of the others; "" for nothing."""
    needed = list(missing)
    command = install_command(needed)
    others = dict.fromkeys(f"{one.name}: {one.hint}" for one in needed if one.hint)
    return "; ".join([*([f"install it all with: {command}"] if command else []), *others])


def _extras(word: str) -> list[str]:
    found = re.fullmatch(rf"{_PACKAGE}\[(.+)\]", word)
    return found[1].split(",") if found else []


def _is_importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it stands in sys.modules as one that is not there
        return False


def _with_version(name: str) -> str:
    try:
        lines = requires(_PACKAGE) or []
    except PackageNotFoundError:
        return name
    wanted = (line.partition(";")[0].strip() for line in lines)
    return next((line for line in wanted if re.split(r"[^\w.-]", line, maxsplit=1)[0] == name), name)
