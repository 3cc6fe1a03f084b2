"""What is computed again, and what never is."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import toys

from cliploom.engine.build import Build, FunnelStage, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.runner import RunOptions

KILLS = 12
PROGRAM = (sys.executable, "-c", "import toys; toys.main()")


def build(root: Path, retry: bool = False, limit: int | None = None, **settings: Any) -> list[str]:
    """Build the toy recipe; the sorted list of what was computed."""
    log = root.parent / "log"
    log.unlink(missing_ok=True)
    run_build(toys.recipe(log=str(log), **settings), root, RunOptions(workers=2, retry_failed=retry, limit=limit))
    return sorted(log.read_text().splitlines()) if log.exists() else []


def tables(root: Path) -> dict[str, bytes]:
    """The final files of rows, by place; `cliploom clean` takes what a killed build had under way."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.glob("tables/**/rows-*.parquet"))}


def verdicts(root: Path) -> list[tuple[Any, ...]]:
    with Build.read(root).connect() as db:
        return db.execute("SELECT step, id, reason FROM verdicts ORDER BY ALL").fetchall()


def texts(root: Path, step: str = "toys.Join") -> dict[str, str]:
    with Build.read(root).connect() as db:
        return dict(db.execute("SELECT clip_id, text FROM captions WHERE _step = ?", [step]).fetchall())


def test_a_second_build_computes_nothing(tmp_path: Path) -> None:
    first = build(tmp_path / "b")
    assert Counter(line.split()[0] for line in first) == {
        "video": 10, "clips": 10, "look": 10, "say": 30, "join": 30, "even": 1,
    }  # fmt: skip
    before = tables(tmp_path / "b")
    assert build(tmp_path / "b") == []
    assert tables(tmp_path / "b") == before


@pytest.mark.slow
def test_killed_builds_end_in_the_same_bytes(tmp_path: Path) -> None:
    """SIGKILL at random moments, again and again; then compare with one clean run."""
    build(tmp_path / "clean", numbers__last=59)
    rng, killed, root = random.Random(7), 0, tmp_path / "killed"
    command = [*PROGRAM, str(root), json.dumps({"numbers__last": 59})]
    env = toys.environment()
    span = 3.0
    while killed < KILLS:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.wait(rng.uniform(0.3, span))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        _, said = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), said.decode()
        if process.returncode == 0:  # it got to the end: begin anew
            assert_same(root, tmp_path / "clean")
            subprocess.run(["rm", "-r", str(root)], check=True)
            span = max(0.6, span * 0.8)
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same(root, tmp_path / "clean")


def assert_same(one: Path, other: Path) -> None:
    left, right = tables(one), tables(other)
    assert left.keys() == right.keys()
    assert left == right


@pytest.mark.slow
def test_a_looser_filter_computes_only_what_it_lets_through(tmp_path: Path) -> None:
    root = tmp_path / "b"
    strict = build(root, longest__most_s=1.5)
    assert sum(line.startswith("say") for line in strict) == 10
    loose = build(root, longest__most_s=2.5)
    assert {line.split()[1][-1] for line in loose if line.startswith("say")} == {"1"}
    assert sum(line.startswith("say") for line in loose) == 10
    assert not any(line.startswith(("video", "clips", "look")) for line in loose)
    both = texts(root)
    assert len(both) == 20
    tight = build(root, longest__most_s=1.5)
    assert [line.split()[0] for line in tight] == ["even"], "tightening computes nothing but the barrier's own digest"
    assert len(texts(root)) == 10
    again = build(root, longest__most_s=2.5)
    assert [line.split()[0] for line in again] == ["even"], "what was parked comes back"
    assert texts(root) == both


@pytest.mark.slow
def test_an_option_re_makes_its_step_and_what_reads_it(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root)
    redone = build(root, say__word="goodbye")
    assert Counter(line.split()[0] for line in redone) == {"say": 30, "join": 30}
    assert all("goodbye" in text for text in texts(root).values())


@pytest.mark.slow
def test_a_part_of_the_scan_is_re_made_alone(tmp_path: Path) -> None:
    root = tmp_path / "b"
    assert "look v00000 scores+segments" in build(root)
    assert build(root, voices__loud=2) == [f"look v{i:05d} segments" for i in range(10)]
    assert build(root, voices__loud=2, voices__high=3) == [f"look v{i:05d} scores" for i in range(10)]


def test_a_new_video_computes_only_itself(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root)
    added = build(root, numbers__last=10)
    assert {line.split()[1][:6] for line in added if not line.startswith("even")} == {"v00010"}
    build(tmp_path / "clean", numbers__last=10)
    assert tables(root) == tables(tmp_path / "clean")


def test_a_removed_video_leaves_no_rows(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root)
    assert [line.split()[0] for line in build(root, numbers__first=1)] == ["even"]
    with Build.read(root).connect() as db:
        for view in ("videos", "clips", "captions", "segments", "scores"):
            assert db.execute(f"SELECT count(*) FROM {view} WHERE video_id = 'v00000'").fetchall() == [(0,)]
    build(tmp_path / "clean", numbers__first=1)
    assert tables(root) == tables(tmp_path / "clean")
    assert verdicts(root) == verdicts(tmp_path / "clean")


def numbers(root: Path) -> list[FunnelStage]:
    """The funnel without what depends on the machine."""
    return [stage._replace(seconds=0.0) for stage in Build.read(root).funnel()]


def test_a_video_that_leaves_and_comes_back_changes_nothing(tmp_path: Path) -> None:
    root, settings = (
        tmp_path / "b",
        dict[str, Any]({"longest__most_s": 1.5, "say__mode": "raise", "say__victim": "v00003_0"}),
    )
    build(root, **settings)
    before = (tables(root), verdicts(root), numbers(root))
    build(root, numbers__first=4, **settings)
    assert [stage.came for stage in numbers(root)[:2]] == [6, 6], "what is gone is not counted"
    with Build.read(root).connect() as db:
        assert db.execute("SELECT * FROM errors").fetchall() == []
    build(root, **settings)
    assert (tables(root), verdicts(root), numbers(root)) == before
    with Build.read(root).connect() as db:
        [(id_, message)] = db.execute("SELECT id, message FROM errors").fetchall()
    assert id_ == "v00003_0" and message.startswith("no word for it (toys.py:")
    assert [line for line in build(root, retry=True, **settings) if line.startswith("say")] == ["say v00003_0 hello"]


def test_a_changed_video_is_done_again(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root)
    redone = build(root, numbers__changed=4)
    assert {line.split()[1][:6] for line in redone if not line.startswith("even")} == {"v00004"}
    assert texts(root)["v00004_0"] == "hello v00004_0 of new"


@pytest.mark.slow
def test_limit_takes_the_first_videos(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root, limit=2)
    assert {name[:6] for name in texts(root)} == {"v00000", "v00001"}
    rest = build(root)
    assert not any("v00000" in line or "v00001" in line for line in rest)
    assert len(texts(root)) == 30


@pytest.mark.parametrize(
    ("mode", "kind"), [("raise", "ValueError"), ("segfault", "crashed"), ("killed", "crashed"), ("hang", "timeout")]
)
def test_a_bad_row_costs_one_row(tmp_path: Path, mode: str, kind: str) -> None:
    root = tmp_path / "b"
    build(root, say__mode=mode)
    with Build.read(root).connect() as db:
        assert db.execute("SELECT id, kind, attempts FROM errors").fetchall() == [("v00003_1", kind, 1)]
        assert db.execute("SELECT count(*) FROM captions WHERE _step = 'toys.Say'").fetchall() == [(29,)]
    assert build(root, say__mode=mode) == [], "a failure is not tried again unasked"
    mended = build(root, retry=True)
    assert mended == ["join v00003_1", "say v00003_1 hello"]
    with Build.read(root).connect() as db:
        assert db.execute("SELECT count(*) FROM errors").fetchall() == [(0,)]
    build(tmp_path / "clean")
    assert tables(root) == tables(tmp_path / "clean")


def test_retrying_counts_the_attempts(tmp_path: Path) -> None:
    root = tmp_path / "b"
    build(root, say__mode="raise")
    build(root, say__mode="raise", retry=True)
    with Build.read(root).connect() as db:
        [(attempts, message)] = db.execute("SELECT attempts, message FROM errors").fetchall()
        assert attempts == 2 and message.startswith("no word for it (toys.py:")


def test_too_many_failures_stop_the_build(tmp_path: Path) -> None:
    root = tmp_path / "b"
    with pytest.raises(UserError, match="more than max_bad"):
        build(root, numbers__last=29, say__mode="raise", say__victim="v00003_1", max_bad=0.001)
    with Build.read(root).connect() as db:
        assert db.execute("SELECT kind FROM errors").fetchall() == [("ValueError",)]


def test_a_step_that_waits_ends_the_build_cleanly(tmp_path: Path) -> None:
    root, answer = tmp_path / "b", tmp_path / "answer"
    outcome = run_build(toys.recipe(even__wait_for=str(answer)), root, RunOptions(workers=2))
    assert outcome.waiting == {"toys.Even": f"put a file at {answer}"}
    assert Build.read(root).waiting() == outcome.waiting
    answer.touch()
    assert run_build(toys.recipe(even__wait_for=str(answer)), root, RunOptions(workers=2)).waiting == {}
    assert Build.read(root).waiting() == {}
    assert len(verdicts(root)) == 15


def test_a_second_build_at_once_says_who_holds_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "b"
    settings = json.dumps({"say__mode": "hang"})
    env = toys.environment()
    process = subprocess.Popen([*PROGRAM, str(root), settings], env=env)
    try:
        deadline = time.monotonic() + 20
        while not (root / "events.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(UserError, match=rf"is being built by process {process.pid} on "):
            build(root)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_ctrl_c_stops_at_once_and_keeps_what_was_done(tmp_path: Path) -> None:
    root = tmp_path / "b"
    env = toys.environment()
    settings = json.dumps({"say__mode": "hang", "say__victim": "v00009_2"})
    process = subprocess.Popen([*PROGRAM, str(root), settings], env=env, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while '"step": "toys.Say"' not in _events(root) and time.monotonic() < deadline:
        time.sleep(0.02)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert time.monotonic() - started < 20
    assert '"event": "stopped"' in _events(root)
    with Build.read(root).connect() as db:
        kept = {row[0] for row in db.execute("SELECT video_id FROM clips").fetchall()}
    assert kept
    assert not kept & {line.split()[1] for line in build(root) if line.startswith("clips")}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_videos(tmp_path: Path) -> None:
    program = (
        "import json, resource, sys, toys; toys.main();"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )  # fmt: skip
    env = toys.environment()
    peaks = []
    for videos in (100, 2000):
        settings = json.dumps({"numbers__last": videos - 1, "longest__most_s": 1.5})
        command = [sys.executable, "-c", program, str(tmp_path / str(videos)), settings]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < 1.25 * peaks[0], peaks


def _events(root: Path) -> str:
    file = root / "events.jsonl"
    return file.read_text() if file.exists() else ""
