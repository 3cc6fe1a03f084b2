"""What of a build may be told: no path of this machine, no password, no token."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ...engine.contract.catalog import step_class
from ...engine.contract.errors import UserError
from ...schemas import row_fields

_SECRET = re.compile(r"(^|[_-])(token|secret|password|passwd|api_?key|key|auth|cookies?|credentials?)$", re.IGNORECASE)
_SIGNED = re.compile(r"(token|secret|password|signature|sig|key|auth|policy|credential|expires)[^=&]*=", re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOCAL = re.compile(r"(/|~|\\\\|[A-Za-z]:[\\/])")


def public_uri(uri: str) -> str:
    """A URL without its user, password and signed query; of a path of this machine only the last part."""
    if uri.lower().startswith("file:") or _LOCAL.match(uri):
        return re.split(r"[\\/]", uri.rstrip("\\/"))[-1]
    if not _URL.match(uri):
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError:  # a broken address; what stands before its path may be a password
        return re.split(r"[\\/]", uri)[-1]
    query = "" if _SIGNED.search(parts.query) else parts.query
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def public_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A step's options for publishing: facts of this machine left out where the step can do without them."""
    local, inner = _local_options(kind), _inner_local(kind)
    return {
        name: _public(_without(value, inner.get(name, ())))
        for name, value in options.items()
        if not (name in local and local[name]) and not _SECRET.search(name)
    }


def public_recipe(lock: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved recipe of a lock, cleaned."""
    recipe = dict(lock.get("recipe") or {"name": lock["name"], "steps": _steps(lock)})
    recipe["steps"] = [{kind: public_options(kind, o or {}) for kind, o in step.items()} for step in recipe["steps"]]
    return recipe


def public_lock(lock: Mapping[str, Any]) -> dict[str, Any]:
    """A lock, cleaned: every option that is no fact of this machine, versions, revisions and fingerprints."""
    steps = [{**entry, "options": public_options(entry["step"], entry.get("options") or {})} for entry in lock["steps"]]
    return {**lock, "recipe": public_recipe(lock), "steps": steps}


def _steps(lock: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{step["step"]: step.get("options")} for step in lock.get("steps", ())]


def _local_options(kind: str) -> dict[str, bool]:
    """The options that are facts of this machine, and whether they have a default."""
    try:
        step = step_class(kind)
    except UserError:  # a plugin that is not installed here
        return {}
    return {f.name: hasattr(step, f.name) for f in row_fields(step) if f.col.local}


def _inner_local(kind: str) -> dict[str, set[str]]:
    """By option that is a mapping of options of its own, those of them that are facts of this machine."""
    try:
        fields = row_fields(step_class(kind))
    except UserError:
        return {}
    nested = [f for f in fields if is_dataclass(f.type)]
    return {f.name: {inner.name for inner in row_fields(f.type) if inner.col.local} for f in nested}


def _without(value: Any, names: Collection[str]) -> Any:
    return {k: v for k, v in value.items() if k not in names} if names and isinstance(value, Mapping) else value


def _public(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _public(item) for key, item in value.items() if not _SECRET.search(str(key))}
    if isinstance(value, (list, tuple)):
        return [_public(item) for item in value]
    return public_uri(value) if isinstance(value, str) else value
