"""How much memory a process may ask for: too little ends libraries in the middle of their work, or crashes them."""

from __future__ import annotations

import resource

from ..contract.errors import UserError

_LEAST_BYTES = 3_000_000_000  # below it pyarrow, DuckDB and decoders have failed, each in its own way


def check_address_space() -> None:
    """Raise ``UserError`` where this process has too little for any build."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < _LEAST_BYTES:
        said = (
            f"this shell allows a process {allowed / 1e9:.2f} GB of address space; a build needs {_LEAST_BYTES / 1e9:g}"
        )
        raise UserError(said, "raise the limit: ulimit -v unlimited")
