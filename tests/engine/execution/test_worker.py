"""A worker process: what it gives back, what it raises, and how it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import calls
import hostile
import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.failures import WorkerLost
from cliploom.engine.execution.worker import Worker

PATIENCE_S = 30.0
PATHS = os.pathsep.join([str(Path(calls.__file__).parent), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.kill()


def output_of(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that ends well."""
    env = {**os.environ, "PYTHONPATH": PATHS}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)


def gone(pid: int, within_s: float = 10.0) -> bool:
    """Does the process end soon?"""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_calls_are_done_one_after_another_in_one_process(worker: Worker) -> None:
    assert worker.submit(PATIENCE_S, calls.add, 1, 2).result() == 3
    pids = {worker.submit(PATIENCE_S, os.getpid).result() for _ in range(3)}
    assert len(pids) == 1 and os.getpid() not in pids


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_whatever_a_call_raises_is_its_outcome_and_the_worker_lives(worker: Worker, deed: str) -> None:
    raised = worker.submit(PATIENCE_S, calls.misbehave, deed).exception()
    assert isinstance(raised, Exception), "an exception that would end the runner is put into words"
    assert not isinstance(raised, WorkerLost)
    assert worker.submit(PATIENCE_S, calls.add, 1, 2).result() == 3


def test_an_error_of_a_call_tells_where_it_was_raised(worker: Worker) -> None:
    raised = worker.submit(PATIENCE_S, calls.add, 1, "two").exception()
    assert isinstance(raised, TypeError)
    assert "calls.py" in raised.__notes__[0]


@pytest.mark.parametrize(
    ("deed", "cause"), [("os_exit", "exit code 0"), ("killed", "killed, most likely for want of memory")]
)
def test_a_worker_that_dies_is_noticed_at_once(worker: Worker, deed: str, cause: str) -> None:
    raised = worker.submit(3600.0, calls.misbehave, deed).exception(timeout=PATIENCE_S)
    assert isinstance(raised, WorkerLost)
    assert (raised.kind, raised.message) == ("crashed", f"its worker died: {cause}")


def test_a_worker_that_died_between_two_calls_has_not_begun_the_second(worker: Worker) -> None:
    assert gone(worker.submit(PATIENCE_S, calls.die_later, 0.05).result())
    raised = worker.submit(PATIENCE_S, calls.add, 1, 2).exception()
    assert isinstance(raised, WorkerLost)
    assert (raised.kind, raised.message) == ("gone", "its worker died: exit code 3")


def command_lines() -> Iterator[str]:
    """Of the processes that there are."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield file.read_text(errors="replace")


def test_a_call_that_takes_too_long_ends_with_all_that_it_started(worker: Worker) -> None:
    pid = worker.submit(PATIENCE_S, os.getpid).result()
    seconds = f"60.{os.getpid()}"  # of no other run of the tests
    raised = worker.submit(0.3, calls.begin_and_hang, seconds).exception()
    assert isinstance(raised, WorkerLost)
    assert (raised.kind, raised.message) == ("timeout", "took longer than 0.3 s")
    assert gone(pid)
    assert not any(seconds in words for words in command_lines())


def test_a_clock_that_is_set_forward_is_no_time_limit(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time()
    clock = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: start + 7200.0 * next(clock))
    assert worker.submit(PATIENCE_S, calls.sleep, 0.2).result() == "done"


def test_any_time_limit_can_be_waited_for(worker: Worker) -> None:
    assert worker.submit(1e12, calls.add, 1, 2).result() == 3


def test_what_a_worker_prints_is_no_result_of_the_command() -> None:
    program = (
        "import calls\nfrom cliploom.engine.execution.worker import Worker\n"
        "worker = Worker()\nworker.submit(30.0, calls.speak).result()\nworker.close()\nprint('results')"
    )
    done = output_of(program)
    assert done.stdout == "results\n"
    assert {"of Python", "of the system", "of a child"} <= {*done.stderr.splitlines()}


def test_a_worker_has_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPLOOM_TEST", "now")
    worker = Worker()
    assert worker.submit(PATIENCE_S, calls.variable, "CLIPLOOM_TEST").result() == "now"
    worker.close()


def test_a_worker_does_not_run_the_program(worker: Worker) -> None:
    assert worker.submit(PATIENCE_S, calls.main_module).result() != getattr(sys.modules["__main__"], "__file__", 0)


def test_an_isolated_worker_gets_no_more_room_than_the_program_has() -> None:
    program = (
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))\n"
        "from cliploom.engine.execution.worker import Worker\n"
        "worker = Worker(isolate=True)\n"
        "print(worker.submit(30.0, resource.getrlimit, resource.RLIMIT_AS).result()[0])\nworker.close()"
    )
    done = output_of(program)
    assert done.stdout == f"{4 << 30}\n"


def test_a_worker_ends_with_its_program_however_that_ends() -> None:
    program = [sys.executable, "-c", "import calls; calls.program_with_worker()"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": PATHS})
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert gone(pid)


def test_an_error_that_the_user_can_mend_travels_whole(worker: Worker) -> None:
    raised = worker.submit(PATIENCE_S, calls.refuse).exception()
    assert isinstance(raised, UserError)
    assert (raised.message, raised.hint) == ("no package", "install it")


def test_what_cannot_be_sent_is_said(worker: Worker) -> None:
    raised = worker.submit(PATIENCE_S, calls.add, 1, lambda: 2).exception()
    assert isinstance(raised, UserError) and "cannot be sent to a worker process: " in raised.message


def test_a_worker_that_is_only_being_started_does_not_hold_up_the_end() -> None:
    worker = Worker()
    began = time.monotonic()
    worker.kill()
    assert time.monotonic() - began < 1
