"""The manifests of a table's shards: read in one go, swapped one by one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.storage.filesystem import Content, LocalFolder
from cliploom.engine.storage.manifest import Chunk, Manifest, decode_manifest, encode_manifest
from cliploom.engine.storage.table_folder import LeaseLost, TableFolder, manifest_place

FINISHED = Manifest(finished=True, inputs="i", token="t", rows="rows-1.parquet", ledger="ledger-1.parquet")


class CountingFolder(LocalFolder):
    """Counts what is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> Content:
        self.reads.append(name)
        return super().read(name)


@dataclass
class FakeLease:
    """A lease of any epoch, that may be lost."""

    epoch: int
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLost("lost")


def fill(root: Path, numbers: range) -> TableFolder:
    folder = TableFolder(LocalFolder(root), "tables/t", None)
    for number in numbers:
        folder.swap(number, FINISHED._replace(inputs=str(number)))
    return folder


def test_a_manifest_comes_back_as_it_was() -> None:
    manifest = FINISHED._replace(chunks=(Chunk("", "l"), Chunk("r", "m")), finished=False, epoch=3)
    assert decode_manifest(encode_manifest(manifest), "place") == manifest
    assert manifest.objects == {"rows-1.parquet", "ledger-1.parquet", "l", "r", "m"}


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": 3}', b'{"format": 3, "counts": 1}', b"\xff"])
def test_one_that_is_damaged_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match="place is damaged"):
        decode_manifest(data, "place")


def test_one_of_another_format_is_one_line() -> None:
    plain = json.loads(encode_manifest(FINISHED)) | {"format": 2}
    with pytest.raises(UserError, match="place was built by another version of cliploom, in format 2; this one reads"):
        decode_manifest(json.dumps(plain).encode(), "place")


def test_a_summary_spares_reading_the_manifests(tmp_path: Path) -> None:
    fill(tmp_path, range(50)).summarise()
    files = CountingFolder(tmp_path)
    again = TableFolder(files, "tables/t", None)
    assert [again.manifest(number) for number in (0, 49, 50)] == [
        FINISHED._replace(inputs="0"), FINISHED._replace(inputs="49"), None,
    ]  # fmt: skip
    assert files.reads == ["tables/t/summary.json"]


def test_a_summary_counts_only_while_the_manifest_is_the_one_it_saw(tmp_path: Path) -> None:
    folder = fill(tmp_path, range(3))
    folder.summarise()
    folder.swap(1, FINISHED._replace(inputs="new"))
    files = CountingFolder(tmp_path)
    again = TableFolder(files, "tables/t", None)
    assert [m.inputs for n in range(3) if (m := again.manifest(n))] == ["0", "new", "2"]
    assert files.reads == ["tables/t/summary.json", "tables/t/manifests/0001.json"]
    (tmp_path / "tables/t/summary.json").unlink()
    assert TableFolder(files, "tables/t", None).manifest(1) == FINISHED._replace(inputs="new")


def test_a_summary_is_written_only_when_there_is_something_new(tmp_path: Path) -> None:
    fill(tmp_path, range(3)).summarise()
    before = (tmp_path / "tables/t/summary.json").stat().st_mtime_ns
    again = TableFolder(LocalFolder(tmp_path), "tables/t", None)
    assert again.manifest(0)
    again.summarise()
    assert (tmp_path / "tables/t/summary.json").stat().st_mtime_ns == before


def test_who_works_at_one_shard_sees_what_others_finish(tmp_path: Path) -> None:
    worker = TableFolder(LocalFolder(tmp_path), "tables/t", None, listed=False)
    runner = fill(tmp_path, range(1))
    assert worker.manifest(1) is None
    runner.swap(1, FINISHED._replace(finished=False))
    assert worker.manifest(1) == FINISHED._replace(finished=False)
    runner.swap(1, FINISHED)
    assert worker.manifest(1) == FINISHED


def test_nothing_is_written_without_the_lease(tmp_path: Path) -> None:
    lost = TableFolder(LocalFolder(tmp_path), "t", None, FakeLease(1, lost=True))
    with pytest.raises(LeaseLost):
        lost.swap(0, FINISHED)
    later = TableFolder(LocalFolder(tmp_path), "t", None, FakeLease(5))
    later.swap(0, FINISHED)
    assert later.manifest(0) == FINISHED._replace(epoch=5)
    earlier = TableFolder(LocalFolder(tmp_path), "t", None, FakeLease(4))
    with pytest.raises(LeaseLost, match="was changed by another build"):
        earlier.swap(0, FINISHED)


def test_what_to_delete_is_the_manifest_or_what_says_which_key_counts(tmp_path: Path) -> None:
    file = tmp_path / "tables" / "t" / "f" / "0003" / "rows-1.parquet"
    assert manifest_place(file) == tmp_path / "tables" / "t" / "f" / "manifests" / "0003.json"
    keyed = tmp_path / "tables" / "t" / "f" / "key" / "0003" / "rows-1.parquet"
    keyed.parent.mkdir(parents=True)
    (tmp_path / "tables" / "t" / "f" / "global.json").touch()
    assert manifest_place(keyed) == tmp_path / "tables" / "t" / "f" / "global.json"
