"""Packages that only some users need: a missing one becomes the command that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import UserError


@contextmanager
def extra(name: str, install: str = "") -> Iterator[None]:
    """Import the packages of the extra ``name`` inside this block.

    Raises:
        UserError: one is missing. The hint is ``install``, or the command for the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("cliploom"):
            raise
        command = install or f'pip install "cliploom[{name}]"'
        raise UserError(f"the package {error.name} is not installed", f"install it with: {command}") from error
