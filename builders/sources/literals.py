"""Lists as Python writes them, from cells of files of others: nothing is run, nothing can be nested deeply."""

from __future__ import annotations

import ast
import re
from typing import Any

DEEPEST = 4
_NUMBER = r"[-+]?(?:[0-9]{1,20}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?"
_STRINGS = "|".join(rf"{q}[^{q}\\\n]*+(?:\\.[^{q}\\\n]*+)*+{q}" for q in "'\"")  # as repr() makes them
_TOKEN = re.compile(
    rf"\s*(?:(?P<open>\[)|(?P<close>\])|(?P<comma>,)|(?P<none>None)|(?P<number>{_NUMBER})|(?P<text>{_STRINGS}))\s*"
)


def read_list(text: str) -> list[Any]:
    """A list of strings, numbers, None and lists, ``DEEPEST`` levels of them at most, from ``repr`` of it.

    Memory and time are in proportion to the text: ``ast.literal_eval`` sees single strings with escapes, no more.

    Raises:
        ValueError: it is something else; says where.
    """
    outermost: list[Any] = []
    open_lists, at, complete = [outermost], 0, False  # complete: a value stands before, so a comma or an end comes next
    while at < len(text):
        found = _TOKEN.match(text, at)
        kind = found.lastgroup if found else None
        if found is None or (kind in ("comma", "close") and len(open_lists) == 1) or not _may_follow(kind, complete):
            raise ValueError(f"not a list of strings and numbers, from {text[at : at + 30]!r} on")
        if kind == "open":
            open_lists.append([])
            if len(open_lists) > DEEPEST + 1:
                raise ValueError(f"lists in lists, more than {DEEPEST} deep")
        elif kind == "close":
            inner = open_lists.pop()
            open_lists[-1].append(inner)
        elif kind != "comma":
            open_lists[-1].append(_value(kind, found[str(kind)]))
        at, complete = found.end(), kind not in ("open", "comma")
    if len(open_lists) > 1:
        raise ValueError("not a list as Python writes it: a bracket is not closed")
    if len(outermost) != 1 or not isinstance(outermost[0], list):
        raise ValueError(f"not a list, but {text[:30]!r}")
    return outermost[0]


def _may_follow(kind: str | None, complete: bool) -> bool:
    return kind == "close" or complete == (kind == "comma")


def _value(kind: str | None, token: str) -> Any:
    if kind == "none":
        return None
    if kind == "text":
        return token[1:-1] if "\\" not in token else _unescape(token)
    return int(token) if token.lstrip("+-").isdecimal() else float(token)


def _unescape(token: str) -> Any:
    try:
        return ast.literal_eval(token)
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"not a list as Python writes it: {getattr(error, 'msg', None) or error}") from None
