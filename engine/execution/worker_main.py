"""What runs inside a worker process: one call after another, until the runner has no more."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from multiprocessing.forkserver import get_inherited_fds
from typing import Any

from ..contract.errors import UserError, Waiting
from ..contract.usage_relay import ask_runner_by
from .call_progress import own_progress, share_progress
from .failures import Attempt, WorkerLost, attempt, plain_text

_ISOLATED_BYTES = 8 << 30  # address space of a worker that decodes untrusted media, on top of its models
_OURS = (UserError, Waiting, WorkerLost)


@dataclass(frozen=True)
class Bootstrap:
    """What ``multiprocessing`` unpickles and starts in a new process."""

    environment: dict[str, str]  # as it is now; the server that workers are forked from has that of its start
    isolate: bool

    def _bootstrap(self, runner: int) -> int:
        """The process's exit code. ``runner`` is a descriptor that is readable once the runner is gone."""
        os.setpgid(0, 0)  # Ctrl-C is the runner's to handle; and what a step starts can be ended with it
        with suppress(OSError):
            os.dup2(2, 1)  # standard output belongs to the command's results
        sys.stdout = sys.stderr
        os.environ.clear()
        os.environ.update(self.environment)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if self.isolate:
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            limit = _ISOLATED_BYTES if soft == resource.RLIM_INFINITY else min(_ISOLATED_BYTES, soft)
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        threading.Thread(target=_follow, args=(runner,), daemon=True).start()
        inherited = get_inherited_fds()
        assert inherited is not None
        share_progress(inherited[1])
        with connection.Connection(inherited[0]) as calls:
            _serve(calls)
        return 0


def _follow(runner: int) -> None:
    connection.wait([runner])
    os.killpg(0, signal.SIGKILL)


def _serve(calls: connection.Connection) -> None:
    turn = threading.Lock()  # the runner is asked during a call only, by one at a time
    ask_runner_by(partial(_ask_runner, calls, turn))
    turn.acquire()
    while message := calls.recv_bytes():
        own_progress().end()  # it has come: from here on it may be to blame
        turn.release()
        done = pack(attempt(_perform, message))
        turn.acquire()
        calls.send_bytes(done)


def _ask_runner(calls: connection.Connection, turn: threading.Lock, method: str, *args: Any) -> Any:
    with turn:
        calls.send_bytes(pickle.dumps((method, args)))
        done: Attempt = pickle.loads(calls.recv_bytes())
    if done.error is not None:
        raise done.error
    return done.value


def _perform(message: bytes) -> Any:
    try:
        function, args = pickle.loads(message)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"a worker process cannot import a step: {error}", "install its module, or set PYTHONPATH"
        ) from None
    return function(*args)


def pack(done: Attempt) -> bytes:
    """An answer as bytes. An error that cannot travel is put into words; one that is not ours brings its traceback."""
    error = done.error
    if error is None:
        return pickle.dumps(done)
    if not isinstance(error, _OURS):
        error.add_note("in a worker:\n" + "".join(traceback.format_tb(error.__traceback__)))
        if not isinstance(error, Exception) or attempt(lambda: pickle.loads(pickle.dumps(error))).error is not None:
            error = RuntimeError(f"{type(error).__name__}: {plain_text(error)}")
    return pickle.dumps(Attempt(None, error))
