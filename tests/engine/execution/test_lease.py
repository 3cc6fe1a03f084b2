"""One build at a time in a folder, and what becomes of a lease whose holder is gone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution import lease as module
from cliploom.engine.execution.lease import NAME, BuildLease, hold_build_folder
from cliploom.engine.storage.filesystem import LocalFolder
from cliploom.engine.storage.table_folder import LeaseLost

HOLD = """
import sys, time
from pathlib import Path
from cliploom.engine.execution.lease import hold_build_folder
with hold_build_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def held_by_another(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True, env=toys.environment()
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def record(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / NAME).read_bytes())
    return found


def change(root: Path, **facts: Any) -> None:
    files = LocalFolder(root)
    data, version = files.read(NAME)
    files.replace_if_unchanged(NAME, json.dumps(json.loads(data) | facts).encode(), version)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEW_S", 0.05), ("WATCH_S", 0.3), ("_LOOK_S", 0.05)):
        monkeypatch.setattr(module, name, seconds)


def test_one_holds_it_and_each_holder_has_a_higher_epoch(tmp_path: Path) -> None:
    with hold_build_folder(tmp_path) as first, pytest.raises(UserError, match="is being built by process"):
        assert first.epoch == 1
        first.check()
        BuildLease(LocalFolder(tmp_path)).take()
    with hold_build_folder(tmp_path) as second:
        assert second.epoch == 2
    assert record(tmp_path)["id"] == ""


def test_that_of_a_process_that_was_killed_is_free_at_once(tmp_path: Path) -> None:
    process = held_by_another(tmp_path)
    with pytest.raises(UserError, match=f"is being built by process {process.pid} on "), hold_build_folder(tmp_path):
        pass
    process.kill()
    process.wait()
    started = time.monotonic()
    with hold_build_folder(tmp_path) as lease:
        assert lease.epoch == 2
    assert time.monotonic() - started < 10


def test_a_process_that_has_the_number_of_the_holder_is_not_the_holder(tmp_path: Path) -> None:
    process = held_by_another(tmp_path)
    try:
        change(tmp_path, began="1")
        with hold_build_folder(tmp_path):
            pass
    finally:
        process.kill()
        process.wait()


def test_a_holder_on_another_machine_is_believed_while_it_renews(tmp_path: Path, quick: None) -> None:
    with hold_build_folder(tmp_path):
        pass
    change(tmp_path, id="x", pid=1, machine="elsewhere", renewed=time.time(), said="process 1 on elsewhere")
    with pytest.raises(UserError, match="is being built by process 1 on elsewhere"), hold_build_folder(tmp_path):
        pass
    change(tmp_path, renewed=time.time() - 3600)
    started = time.monotonic()
    with hold_build_folder(tmp_path) as lease:
        assert lease.epoch == 2
    assert time.monotonic() - started > 0.25, "no clock but the own is trusted"


def test_one_whose_clock_is_behind_is_no_dead_holder(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_build_folder(tmp_path) as lease:
        monkeypatch.setattr(module, "_machine", lambda: "here")
        change_clock = time.time() - 3600
        monkeypatch.setattr(time, "time", lambda: change_clock)
        time.sleep(0.2)
        monkeypatch.undo()
        for name, seconds in (("WATCH_S", 0.5), ("_LOOK_S", 0.05)):
            monkeypatch.setattr(module, name, seconds)
        monkeypatch.setattr(module, "_machine", lambda: "elsewhere")
        with pytest.raises(UserError, match="is being built by"), hold_build_folder(tmp_path):
            pass
        lease.check()


def test_a_holder_that_was_taken_for_dead_is_told(tmp_path: Path, quick: None) -> None:
    with hold_build_folder(tmp_path) as lease:
        change(tmp_path, id="another", epoch=7)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                lease.check()
            except LeaseLost as error:
                assert "was taken over by another build" in error.message
                break
            time.sleep(0.02)
        else:
            pytest.fail("it never noticed")
    assert record(tmp_path)["id"] == "another", "what is another's is not given back"


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other(path: Path) -> None:
    path.write_bytes(b'{"epoch": "x"}')


@pytest.mark.parametrize("damage", [_empty, _other, Path.unlink])
def test_one_that_says_nothing_is_nobodys(damage: Callable[[Path], None], tmp_path: Path) -> None:
    with hold_build_folder(tmp_path):
        pass
    damage(tmp_path / NAME)
    with hold_build_folder(tmp_path) as lease:
        assert lease.epoch == 1
