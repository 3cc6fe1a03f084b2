"""Worker processes: one per seat, so that a crash or a hang is one seat's, and models stay loaded."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from concurrent.futures import Future
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ..contract.step import Site
from ..planning.plan import Node
from ..storage.join import Batch
from .row_loop import Job, Outcome

_job: Job | None = None
_QUIET = "ignore:resource_tracker:UserWarning"
_LOAD_PATIENCE_S = 900.0
_ISOLATED_BYTES = 8 << 30  # address space of a worker that decodes untrusted media, on top of its models


def context() -> Any:
    """Fork from a small server that has the imports done: quick, and safe with threads."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # workers share the cores: more threads only wait
    if _QUIET not in sys.warnoptions:  # inherited by the tracker of semaphores, which complains of killed workers
        sys.warnoptions.append(_QUIET)
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([f"{__package__}.preload"])
    return made


def start(runner: int, isolate: bool) -> None:
    """Set a worker up: the runner handles Ctrl-C; when the runner is gone, so is the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if isolate:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = _ISOLATED_BYTES if hard == resource.RLIM_INFINITY else min(_ISOLATED_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    threading.Thread(target=_follow, args=(runner,), daemon=True).start()


def _follow(runner: int) -> None:
    while True:
        try:
            os.kill(runner, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(1.0)


def open_step(node: Node, site: Site) -> None:
    """Load the step in this worker."""
    global _job
    _job = Job(node, site)
    _job.open()
    Finalize(None, _job.close, exitpriority=10)


class LostStep(Exception):
    """The worker was replaced behind our back and has no step open."""


def do_batch(batch: Batch) -> dict[str, Outcome]:
    """One batch, in the worker."""
    if _job is None:
        raise LostStep
    return _job.do(batch)


class Seat:
    """One worker process that has one step open."""

    def __init__(self, node: Node, site: Site) -> None:
        self.node, self.site = node, site
        self.busy = False
        self._open()

    def _open(self) -> None:
        self.pool = ProcessPool(
            max_workers=1, initializer=start, initargs=[os.getpid(), self.node.step.isolate], context=context()
        )
        self.opening: Future[Any] = self.pool.schedule(open_step, args=[self.node, self.site], timeout=_LOAD_PATIENCE_S)

    @property
    def ready(self) -> bool:
        """Does it take a batch?"""
        return not self.busy

    def landed(self, batch: Batch) -> None:
        """The batch is done, or lost."""
        self.busy = False

    def submit(self, batch: Batch) -> Future[dict[str, Outcome]]:
        """Start a batch; the future raises ``TimeoutError`` or pebble's ``ProcessExpired`` for a lost worker."""
        self.busy = True
        made: Future[dict[str, Outcome]] = self.pool.schedule(do_batch, args=[batch], timeout=self.node.patience_s)
        return made

    def renew(self) -> None:
        """A fresh process in place of one that died or was given up."""
        self.kill()
        self._open()

    def close(self) -> None:
        """Let the worker finish and go."""
        self.pool.close()
        self.pool.join()

    def kill(self) -> None:
        """End the worker now."""
        self.pool.stop()
        self.pool.join()


def whole_pool() -> ProcessPool:
    """A pool of one process for a step that reads everything at once."""
    return ProcessPool(max_workers=1, initializer=start, initargs=[os.getpid(), False], context=context())


def cause_of_death(error: ProcessExpired) -> str:
    """Why a worker process ended, as far as its exit code says."""
    code = int(error.exitcode or 0)
    if code == -signal.SIGKILL:
        return "killed, most likely for want of memory"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def available_mb() -> int:
    """The memory that is free for use, in MB; a very large number where the system does not say."""
    try:
        with Path("/proc/meminfo").open() as file:
            line = next(line for line in file if line.startswith("MemAvailable"))
        return int(line.split()[1]) // 1024
    except (OSError, StopIteration):
        return 1 << 20
