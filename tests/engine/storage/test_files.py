"""Writing files: the old content or the new one, whole, at any instant."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.storage.files import intact, read_json, replace_file, write_json, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with replace_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replace_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_content_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(handle: int) -> None:
        done.append("sync")
        sync(handle)

    def noted_replace(one: Path, other: Path) -> None:
        done.append("replace")
        replace(one, other)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_text(tmp_path / "a.txt", "new")
    assert done == ["sync", "replace"]


def test_json_comes_back_and_what_is_missing_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_json(path) is None
    write_json(path, {"ü": [1, None]})
    assert read_json(path, ("ü",)) == {"ü": [1, None]}


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"other": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"a\.json is damaged"):
        read_json(path, ("needed",))
    with pytest.raises(UserError, match="gone"), intact(path, path):
        raise FileNotFoundError


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES])
def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UserError, match=r"a\.json cannot be read: ") as caught, intact(path, path):
        raise OSError(number, "as a library words it")
    assert "delete" not in str(caught.value)
