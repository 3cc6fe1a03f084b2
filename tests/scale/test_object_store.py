"""Objects in a bucket of a real S3 server: the verbs of every build folder, also when the server misbehaves."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from bucket_server import BucketServer

from cliploom.engine.contract.errors import UserError
from cliploom.engine.storage.filesystem import ABSENT, VersionConflict
from cliploom.engine.storage.object_store import ObjectFolder, present, size_of


@pytest.fixture
def files(server: BucketServer, tmp_path: Path, request: pytest.FixtureRequest) -> ObjectFolder:
    return ObjectFolder(f"s3://films/{request.node.name}", tmp_path / "here")


def test_what_is_put_comes_back_whole_or_in_part(files: ObjectFolder) -> None:
    files.put("a/b/c", b"0123456789")
    assert files.read("a/b/c").data == files.copy("a/b/c").read_bytes() == b"0123456789"
    assert files.read_range("a/b/c", 2, 5) == b"234"
    assert files.read_range("a/b/c", 2, 2) == b""
    with pytest.raises(FileNotFoundError):
        files.read("a/b/d")
    assert [(one.name, one.size_bytes) for one in files.list("a")] == [("b/c", 10)]
    assert files.list("none") == []


def test_an_object_that_is_there_is_not_written_again(files: ObjectFolder) -> None:
    assert files.put_if_absent("a", b"one")
    assert not files.put_if_absent("a", b"two")
    part = files.scratch()
    part.write_bytes(b"a file")
    assert files.put_if_absent("b/c", part) and not part.exists()
    assert (files.read("a").data, files.read("b/c").data) == (b"one", b"a file")


def test_a_file_in_parts_comes_back(files: ObjectFolder) -> None:
    part = files.scratch()
    part.write_bytes(bytes(70 << 20))
    assert files.put_if_absent("large", part)
    (files.root / "large").unlink()
    assert size_of(files.root / "large") == 70 << 20
    assert present(files.root / "large").read_bytes() == bytes(70 << 20)


def test_a_swap_is_refused_to_who_has_not_read_the_newest(files: ObjectFolder) -> None:
    first = files.replace_if_unchanged("a", b"one", ABSENT)
    second = files.replace_if_unchanged("a", b"two", first)
    for version in (first, ABSENT):
        with pytest.raises(VersionConflict):
            files.replace_if_unchanged("a", b"three", version)
    with pytest.raises(VersionConflict):
        files.replace_if_unchanged("none", b"three", second)
    assert files.read("a") == (b"two", second)


@pytest.mark.parametrize("trouble", [0.0, 0.3])
def test_of_many_who_swap_at_once_each_step_is_done_by_one(
    files: ObjectFolder, server: BucketServer, trouble: float
) -> None:
    files.put("n", b"0")
    server.trouble = trouble

    def count(who: int) -> None:
        added = 0
        while added < 5:
            data, version = files.read("n")
            n = int(data.split()[0])
            try:
                files.replace_if_unchanged("n", f"{n + 1} {who}".encode(), version)
                added += 1
            except VersionConflict:
                pass

    threads = [threading.Thread(target=count, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One that is done, and of which nobody hears before another follows, is told as a conflict: it is done twice then.
    counted = int(files.read("n").data.split()[0])
    assert counted >= 20 if trouble else counted == 20
    assert bool(server.spoilt) or not trouble


def test_what_cannot_be_reached_is_one_line(server: BucketServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="s3://no-such-bucket/x"):
        ObjectFolder("s3://no-such-bucket/x", tmp_path).list("")
