"""Objects in a folder: whole, immutable, or swapped by one at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cliploom.engine.storage.filesystem import LocalFolder, VersionConflict


@pytest.fixture
def files(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def test_what_is_put_comes_back_whole_or_in_part(files: LocalFolder) -> None:
    files.put("a/b/c", b"0123456789")
    assert files.read("a/b/c").data == files.local_copy("a/b/c").read_bytes() == b"0123456789"
    assert files.read_range("a/b/c", 2, 5) == b"234"
    files.put("a/b/c", b"new")
    assert files.read("a/b/c").data == b"new"
    with pytest.raises(FileNotFoundError):
        files.read("a/b/d")


def test_an_object_that_is_there_is_not_written_again(files: LocalFolder, tmp_path: Path) -> None:
    assert files.put_if_absent("a", b"one")
    assert not files.put_if_absent("a", b"two")
    part = files.scratch()
    part.write_bytes(b"a file")
    assert files.put_if_absent("b/c", part) and not part.exists()
    assert (files.read("a").data, files.read("b/c").data) == (b"one", b"a file")
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "swap.lock"]


def test_a_swap_is_refused_to_who_has_not_read_the_newest(files: LocalFolder) -> None:
    files.put("a", b"one")
    version = files.read("a").version
    newer = files.replace_if_unchanged("a", b"two", version)
    with pytest.raises(VersionConflict):
        files.replace_if_unchanged("a", b"three", version)
    with pytest.raises(VersionConflict):
        files.replace_if_unchanged("none", b"three", version)
    assert files.read("a") == (b"two", newer)


def test_of_many_who_swap_at_once_each_step_is_done_by_one(files: LocalFolder) -> None:
    files.put("n", b"0")

    def count() -> None:
        added = 0
        while added < 20:
            data, version = files.read("n")
            try:
                files.replace_if_unchanged("n", str(int(data) + 1).encode(), version)
                added += 1
            except VersionConflict:
                pass

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read("n").data == b"80"


def test_versions_grow_even_when_the_clock_goes_back(files: LocalFolder, tmp_path: Path) -> None:
    files.put("a", b"same")
    os.utime(tmp_path / "a", ns=(0, 4 * 10**18))  # in the year 2096
    seen = [files.read("a").version]
    for _ in range(3):
        seen.append(files.replace_if_unchanged("a", b"same", seen[-1]))
    assert len({*seen}) == 4
    assert {o.name: o.version for o in files.list("")}["a"] == seen[-1]


def test_a_listing_tells_names_versions_and_sizes_and_no_unfinished_files(files: LocalFolder, tmp_path: Path) -> None:
    for name, data in (("t/2", b"xx"), ("t/1", b"x"), ("t/sub/3", b"xxx")):
        files.put(name, data)
    (tmp_path / "t" / "9.17.part").write_bytes(b"half")
    found = files.list("t")
    assert [(o.name, o.size_bytes) for o in found] == [("1", 1), ("2", 2), ("sub/3", 3)]
    assert all(o.version == files.read(f"t/{o.name}").version for o in found)
    assert files.list("nowhere") == []


def test_what_is_deleted_is_gone_with_the_folders_that_it_leaves_empty(files: LocalFolder, tmp_path: Path) -> None:
    files.put("a/b/c", b"x")
    files.put("a/d", b"x")
    files.delete("a/b/c")
    files.delete("a/b/c")
    assert os.listdir(tmp_path / "a") == ["d"]


def _put(files: LocalFolder) -> None:
    files.put("a", b"new")


def _swap(files: LocalFolder) -> None:
    files.replace_if_unchanged("a", b"new", files.read("a").version)


@pytest.mark.parametrize("write", [_put, _swap])
def test_content_is_on_disk_before_it_has_its_name_and_the_name_before_the_call_returns(
    write: Callable[[LocalFolder], None], files: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put("a", b"old")
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(handle: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        sync(handle)

    def noted_replace(one: Path, other: Path) -> None:
        done.append("name")
        replace(one, other)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write(files)
    assert done == ["file", "name", "folder"]


def test_a_file_system_with_coarse_times_still_tells_versions_apart(
    files: LocalFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    utime = os.utime

    def coarse(path: Path, ns: tuple[int, int]) -> None:
        utime(path, ns=(ns[0] // 10**9 * 10**9, ns[1] // 10**9 * 10**9))

    monkeypatch.setattr(os, "utime", coarse)
    files.put("a", b"same")
    os.utime(files.local_copy("a"), ns=(0, 4 * 10**18))
    before = files.read("a").version
    assert files.replace_if_unchanged("a", b"same", before) != before


def test_a_full_disk_is_told_with_the_place(files: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a'"):
        files.put("a", b"one")
