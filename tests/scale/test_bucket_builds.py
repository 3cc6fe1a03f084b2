"""Builds whose folder is in a bucket: the same tables as in a folder, whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bucket_server import BucketServer

from cliploom.engine.storage.addresses import bring, build_root, make_room, open_files, scratch_folder
from cliploom.engine.storage.filesystem import FileSystem

RECIPE = """
name: films
shards: 4
steps:
  - builders.folder: {path: %s}
  - builders.scan: {frames_per_s: 1}
  - builders.shots: {}
  - builders.clips: {min_s: 0.5, max_s: 30, cut: smart}
  - filters.duration: {min_s: 0.5, max_s: 60}
  - cards.dataset: {license: cc-by-4.0, media: files, rights: {unknown: bytes}, splits: {train: 1.0}}
"""
FILMS = (
    "birds_cc0_1s.mp4",
    "made_video_only.mp4",
    "made_fragmented.mp4",
    "made_zero_bytes.mp4",
    "tears_of_steel_2s.webm",
)


def _cliploom(*words: object) -> list[str]:
    return [sys.executable, "-m", "cliploom", *map(str, words)]


def _run(*words: object, code: int = 0) -> str:
    done = subprocess.run(_cliploom(*words), capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def _tables(files: FileSystem) -> dict[str, Any]:
    """All that counts of a build: rows, and what manifests say of them. How long things took is left out."""
    found: dict[str, Any] = {}
    for one in files.list("tables"):
        name, data = one.name, files.read(f"tables/{one.name}").data
        if "/manifests/" in name:
            plain = json.loads(data)
            del plain["epoch"], plain["ledger"], plain["counts"]["seconds"]
            found[name] = plain
        elif "/rows-" in name:
            found[name] = data
    assert len(found) > 20
    return found


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "films").mkdir()
    for name in FILMS:
        shutil.copy(Path(__file__).parents[1] / "media" / name, folder / "films")
    (folder / "films.yaml").write_text(RECIPE % (folder / "films"))
    return folder / "films.yaml"


@pytest.fixture(scope="module")
def expected(recipe: Path) -> dict[str, Any]:
    """The tables as they are in a folder of this machine."""
    _run("build", recipe, "--out", recipe.parent / "local", "--quiet")
    return _tables(open_files(recipe.parent / "local"))


def test_a_build_in_a_bucket_is_read_where_it_is(
    server: BucketServer, recipe: Path, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "s3://films/read"
    assert f"{address}/dataset" in _run("build", recipe, "--out", address, "--quiet")
    assert _tables(open_files(build_root(address))) == expected
    monkeypatch.setenv("CLIPLOOM_SCRATCH", str(tmp_path / "elsewhere"))  # as on another machine
    assert "nothing to do" in _run("plan", recipe, "--out", address)
    assert json.loads(_run("status", address, "--json"))["folder"] == address
    assert "the file is empty" in _run("errors", address)
    monkeypatch.setenv("CLIPLOOM_SCRATCH", str(tmp_path / "third"))
    assert _run("sql", address, "SELECT count(*) AS n FROM frames", "--format", "csv").split()[0] == "n"
    assert not list((tmp_path / "third").rglob("rows-*.parquet"))  # it was asked where it is
    assert _run("report", address).strip() == f"{address}/report.html"
    said = _run("publish", address, "--folder", tmp_path / "release")
    assert "written" in said and list((tmp_path / "release").rglob("*.mp4"))
    assert "nothing to delete" in _run("clean", address)


def test_a_server_in_trouble_changes_nothing(server: BucketServer, recipe: Path, expected: dict[str, Any]) -> None:
    server.trouble = 0.15
    before = server.spoilt
    _run("build", recipe, "--out", "s3://films/trouble", "--quiet")
    server.trouble = 0.0
    assert server.spoilt > before + 10
    assert _tables(open_files(build_root("s3://films/trouble"))) == expected


def test_two_drivers_at_once(server: BucketServer, recipe: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    """Of two that begin at once one builds, and the other says so; on two machines, as far as scratch folders go."""
    words = _cliploom("build", recipe, "--out", "s3://films/two", "--quiet")
    both = [
        subprocess.Popen(
            words, env=os.environ | {"CLIPLOOM_SCRATCH": str(tmp_path / name)}, stderr=subprocess.PIPE, text=True
        )
        for name in ("one", "other")
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    assert any("is being built by process" in text for text in said)
    assert _tables(open_files(build_root("s3://films/two"))) == expected


def test_a_driver_that_is_killed_at_any_moment_loses_nothing(
    server: BucketServer, recipe: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    words, dice = _cliploom("build", recipe, "--out", "s3://films/killed", "--quiet"), random.Random(7)
    kills = int(os.environ.get("CLIPLOOM_TEST_KILLS", "3"))
    for number in range(kills):
        there = os.environ | {"CLIPLOOM_SCRATCH": str(tmp_path / f"machine{number % 2}")}
        process = subprocess.Popen(words, env=there, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(1.0, 8.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    _run("build", recipe, "--out", "s3://films/killed", "--quiet")
    assert _tables(open_files(build_root("s3://films/killed"))) == expected


def test_scratch_is_let_go_of_but_for_what_is_in_use(
    server: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build_root("s3://films/scratch")
    files = open_files(root)
    for name in ("media/a", "media/b", "media/mine"):
        (root / "media").mkdir(exist_ok=True)
        (root / name).write_bytes(b"x" * 1000)
        if name != "media/mine":  # that is not in the bucket yet
            files.put(name, b"x" * 1000)
        os.utime(root / name, (1, 1))
    monkeypatch.setenv("CLIPLOOM_SCRATCH_GB", "0.0000005")
    with open(root / "media/b", "rb") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_SH)
        make_room(root)
    assert sorted(os.listdir(root / "media")) == ["b", "mine"]


def test_copies_of_a_build_that_was_there_before_are_not_taken_for_it(server: BucketServer) -> None:
    root = build_root("s3://films/again")
    files = open_files(root)
    for id_ in (b"one", b"two"):
        files.put("build.id", id_)
        bring(root)
        (root / "media").mkdir(exist_ok=True)
        assert not (root / "media/old").exists()
        (root / "media/old").write_bytes(b"of the first")
    assert root == scratch_folder("s3://films/again")
