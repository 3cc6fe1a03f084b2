"""A worker: a process that does one call at a time, under a time limit, and may die without harm.

Workers are forked from a small server that has the imports done: quick, and safe with threads. They never import the
program that builds, so that a plain script, a notebook and standard input serve without a ``__main__`` guard.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.forkserver import ForkServer, read_signed
from queue import SimpleQueue
from typing import Any, NamedTuple

from ..contract.errors import UserError
from ..contract.usage import UsageCounter
from ..contract.usage_relay import UsageRelay
from .call_progress import CallProgress, open_memory
from .failures import Attempt, Timeout, WorkerLost, attempt, plain_text
from .worker_main import Bootstrap, pack

_server = ForkServer()
_server.set_forkserver_preload([f"{__package__}.preload"])
_LEAVE_S = 10.0  # for a worker to end after its last call
_LONGEST_S = 1e6  # that the system's wait can count in milliseconds


class _Call(NamedTuple):
    limit_s: float
    step_limit_s: float | None
    function: Any
    args: tuple[Any, ...]
    future: Future[Any]


class Worker:
    """One process. A thread of its own waits for it; once it is lost, every call raises ``WorkerLost``."""

    def __init__(
        self, isolate: bool = False, usage: UsageCounter | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._bootstrap = Bootstrap({**os.environ, **(environment or {})}, isolate)
        self._killed = False
        self._relay = UsageRelay(usage or UsageCounter())
        self._process: _Process | None = None
        self._trouble: BaseException | None = None  # that kept it from starting, or ended it
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._thread.start()

    def submit(self, limit_s: float, function: Any, *args: Any, step_limit_s: float | None = None) -> Future[Any]:
        """Call a module's function in the process; the future gives what it returns or raises, or ``WorkerLost``.

        ``limit_s`` is for the call, or for each part of it where the function tells its progress; ``step_limit_s``
        is for each call of a step that it makes.
        """
        future: Future[Any] = Future()
        self._calls.put(_Call(limit_s, step_limit_s, function, args, future))
        return future

    def close(self) -> None:
        """Let the process end after its last call; wait for it, but not for ever."""
        self._calls.put(None)
        self._thread.join(_LEAVE_S)
        self.kill()

    def kill(self) -> None:
        """End the process, and what it has started, now; one that is only being started ends when it has been."""
        self._killed = True
        self._calls.put(None)
        if self._process is not None:
            self._process.kill()
            self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        started = attempt(_Process, self._bootstrap)
        self._process = started.value
        self._trouble = started.error
        if self._process is not None and self._killed:
            self._process.kill()
        while (call := self._calls.get()) is not None:
            done = attempt(self._ask, call)
            if isinstance(done.error, WorkerLost) and self._process is not None:
                self._process.kill()  # it may be alive, and unable
                self._trouble = self._trouble or done.error
                self._relay.close()
            if done.error is None:
                call.future.set_result(done.value)
            else:
                call.future.set_exception(done.error)
        if self._process is not None:
            self._process.leave()
        self._relay.close()

    def _ask(self, call: _Call) -> Any:
        if self._process is None:
            raise WorkerLost("gone", f"no worker could be started: {self._trouble}")
        if self._trouble is not None:
            raise WorkerLost("gone", str(self._trouble))
        sent = attempt(pickle.dumps, (call.function, call.args))
        if sent.error is not None:
            raise UserError(f"this cannot be sent to a worker process: {plain_text(sent.error)}")
        answer = self._process.ask(sent.value, call.limit_s, call.step_limit_s or call.limit_s, self._relay)
        if isinstance(answer.error, WorkerLost):  # it says so itself: its GPU has failed
            first, count, _ = self._process.progress.state
            raise WorkerLost(answer.error.kind, answer.error.message, first, count)
        if answer.error is not None:
            raise answer.error
        return answer.value


class _Process:
    """The process itself and the pipes to it."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._connection, theirs = connection.Pipe()
        memory = open_memory()
        try:
            self.progress = CallProgress(memory)
            with theirs:
                self._sentinel, data = _server.connect_to_new_process([theirs.fileno(), memory])
        finally:
            os.close(memory)
        self._alive = os.dup(data)  # closed when this process ends, however it does: the worker follows it
        with open(data, "wb") as file:
            pickle.dump(_preparation(), file)
            pickle.dump(bootstrap, file)
        self._pid = int(read_signed(self._sentinel))
        self._lock = threading.Lock()  # no signal to a process that may be another one by now
        self._left = False

    def ask(self, call: bytes, limit_s: float, step_limit_s: float, relay: UsageRelay) -> Attempt:
        """Send a call and wait for its answer, on a clock that nobody sets; meanwhile count what it uses.

        Raises:
            WorkerLost: "gone" if the process had ended before; else "crashed", or ``Timeout``.
        """
        self.progress.end()
        sent = self.progress.state.since
        try:
            self._connection.send_bytes(call)
        except OSError:
            raise self._lost("gone") from None
        with suppress(EOFError, OSError):
            while self._has_message(limit_s, step_limit_s):
                message = pickle.loads(self._connection.recv_bytes())
                if isinstance(message, Attempt):
                    return message
                method, args = message
                self._connection.send_bytes(pack(attempt(relay.ask, method, *args)))
        raise self._lost("gone" if self.progress.state.since == sent else "crashed")

    def _has_message(self, limit_s: float, step_limit_s: float) -> bool:
        """Wait for the process to say something; False where it has ended."""
        ends: list[Any] = [self._connection, self._sentinel]
        while not connection.wait(ends, min(self._remaining_s(limit_s, step_limit_s), step_limit_s)):
            if self._remaining_s(limit_s, step_limit_s) <= 0.0:
                first, count, _ = self.progress.state
                self.kill()
                limit = step_limit_s if count else limit_s
                raise Timeout("timeout", f"took longer than {limit:g} s", first, count)
        return self._connection.poll()

    def _remaining_s(self, limit_s: float, step_limit_s: float) -> float:
        """How long what is under way may still take."""
        _, count, since = self.progress.state
        return max(0.0, min(since + (step_limit_s if count else limit_s) - time.monotonic(), _LONGEST_S))

    def _lost(self, kind: str) -> WorkerLost:
        self._has_ended(1.0)
        self.kill()
        first, count, _ = self.progress.state
        return WorkerLost(kind, f"its worker died: {self._cause()}", first, count)

    def _has_ended(self, wait_s: float) -> bool:
        return bool(connection.wait([self._sentinel], wait_s))

    def _cause(self) -> str:
        """Why the process ended, as far as its exit code says."""
        try:
            code = int(read_signed(self._sentinel))
        except EOFError:
            return "the server that workers are forked from is gone"
        if code == -signal.SIGKILL:
            return "killed, most likely for want of memory"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def leave(self) -> None:
        """No more calls: wait for its end, and close the pipes."""
        with suppress(OSError):
            self._connection.send_bytes(b"")
        if not self._has_ended(_LEAVE_S):
            self.kill()
        with self._lock:
            self._left = True
            self._connection.close()
            os.close(self._alive)
            os.close(self._sentinel)

    def kill(self) -> None:
        """SIGKILL to it and to the processes that it has started."""
        with self._lock:
            if not self._left and not self._has_ended(0.0):
                for end in (os.killpg, os.kill):  # it may not lead its group yet
                    with suppress(ProcessLookupError):
                        end(self._pid, signal.SIGKILL)


def _preparation() -> dict[str, Any]:
    """What ``multiprocessing`` sets up in a new process, without the program's main module."""
    folder = os.getcwd()
    return {"name": "cliploom worker", "sys_path": [path or folder for path in sys.path], "dir": folder}
