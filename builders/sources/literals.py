"""Lists as Python writes them, from cells of files of others: nothing is run, nothing can be nested deeply."""

from __future__ import annotations

import ast
import re
from typing import Any

DEEPEST = 4
_NUMBER = r"[-+]?(?:[0-9]{1,20}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][-+]?[0-9]{1,3})?"
_VALUE = rf"""None|{_NUMBER}|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""  # strings as repr() makes them
_TOKEN = re.compile(rf"\s*(?:(?P<open>\[)|(?P<close>\])|,|(?:{_VALUE})(?=\s*[,\]]))\s*")


def read_list(text: str) -> list[Any]:
    """A list of strings, numbers, None and lists, ``DEEPEST`` levels of them at most, from ``repr`` of it.

    Only then ``ast.literal_eval`` sees it: by itself that accepts sums, and deep nests make it crash the interpreter.

    Raises:
        ValueError: it is something else; says where.
    """
    depth = at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not a list of strings and numbers, from {text[at : at + 30]!r} on")
        depth += (found["open"] is not None) - (found["close"] is not None)
        if depth > DEEPEST:
            raise ValueError(f"lists in lists, more than {DEEPEST} deep")
        at = found.end()
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"not a list as Python writes it: {getattr(error, 'msg', None) or error}") from None
    if not isinstance(value, list):
        raise ValueError(f"not a list, but {text[:30]!r}")
    return value
