"""Options given on the command line, as ``--set NAME=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.contract.errors import UserError
from ...engine.contract.yaml_text import YamlError, read_yaml


def read_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Options from words such as ``seed=7``; ``UserError`` for one without ``=``."""
    made: dict[str, Any] = {}
    for setting in settings:
        name, found, value = setting.partition("=")
        if not found:
            raise UserError(f"--set {setting}: write it as option=value")
        try:
            made[name.strip()] = read_yaml(value, f"--set {name}").value
        except YamlError:
            made[name.strip()] = value
    return made
