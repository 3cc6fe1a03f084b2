"""One build at a time in a folder."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import UserError


@contextmanager
def build_lock(root: Path) -> Iterator[None]:
    """Hold the build folder; the kernel lets go of it however the process ends.

    Raises:
        UserError: another build holds it; says which.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "build.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(f"{root} is being built by {holder}", "wait for it to end, or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%H:%M:%S')}: {_command()}")
        file.flush()
        yield
        file.truncate(0)


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
