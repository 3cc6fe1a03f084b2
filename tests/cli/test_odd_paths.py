"""Paths that are wrong and folders that are damaged: one line and exit 2, whatever the command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Run, few_videos

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.build_folder import read_lock

ODD = [
    "missing", "empty", "file", "file/x", "loop", "dangling", "foreign", "/dev/null", "", "x" * 300, "x/" * 2000,
    "videos", "few.yaml", "hdfs://bucket/x", "\udcff", "a\nb", "\u202e",
]  # fmt: skip
READING = [
    ["status", "PATH"], ["status", "PATH", "--json"], ["errors", "PATH"], ["sql", "PATH", "select 1"],
    ["report", "PATH"], ["clean", "PATH", "--dry-run"], ["plan", "PATH"], ["build", "PATH", "--quiet"],
    ["init", "PATH"], ["steps", "PATH"], ["recipes", "PATH"], ["plan", "few.yaml", "--out", "PATH"],
]  # fmt: skip
FILES = [
    "recipe.lock.yaml", "waiting.json", "events.jsonl", "build.lock", "tables/*/*/summary.json",
    "tables/*/*/manifests/0000.json", "tables/*/*/*/ledger-*.parquet", "tables/*/*/*/rows-*.parquet",
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with odd things in it, and the current one."""
    (tmp_path / "few.yaml").write_text(few_videos(tmp_path / "videos"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "foreign" / "media" / "holidays" / "2020").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_path_that_is_something_else_is_one_line(words: list[str], cliploom: Run, place: Path) -> None:
    before = sorted(map(str, place.rglob("*")))
    for path in ODD:
        if "few.yaml" in (path, *words) and words[0] in ("plan", "build"):
            continue  # that is a recipe
        said = cliploom(*(path if word == "PATH" else word for word in words))
        assert said.code == 2, path
        assert said.err.startswith(("error: ", "Usage: ")) and "Traceback" not in said.err, path
    assert sorted(map(str, place.rglob("*"))) == before


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("file", "file is there and is no folder"),
        ("loop", "loop is there and is no folder"),
        ("dangling", "dangling is there and is no folder"),
        ("file/x", "file/x cannot be a build folder: Not a directory"),
        ("x" * 300, "cannot be a build folder: File name too long"),
        ("x/" * 2000, "is too long a path"),
        ("hdfs://bucket/x", "hdfs:/bucket/x is an address of a kind that builds are not made at"),
        ("a\nb", "has characters that a build folder's path cannot have"),
        ("\udcff", r"'\xff' is not UTF-8"),
        ("foreign", "foreign holds `media` and is no build folder"),
        ("videos", "videos is the folder that builders.folder takes videos from"),
        ("./videos/../videos/", "is the folder that builders.folder takes videos from"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["plan", "build"])
def test_a_folder_that_no_build_can_be_in_is_refused_untouched(
    command: str, out: str, said: str, cliploom: Run, place: Path
) -> None:
    before = sorted(map(str, place.rglob("*")))
    refused = cliploom(command, "few.yaml", "--out", out)
    assert refused.code == 2
    assert said in refused.err.splitlines()[0]
    assert sorted(map(str, place.rglob("*"))) == before


def test_a_build_folder_beside_or_among_its_sources_takes_no_clips_of_its_own(cliploom: Run, place: Path) -> None:
    os.symlink("itself.mp4", place / "videos" / "itself.mp4")
    words = ("few.yaml", "--out", "videos/out")
    assert cliploom("build", *words, "--quiet", "--workers", 1).code in (0, 3)
    media = place / "videos" / "out" / "media" / "x"
    media.mkdir(parents=True)
    shutil.copy(place / "videos" / "tears_of_steel_2s.webm", media / "clip.mp4")
    assert "itself.mp4" in cliploom("errors", "videos/out").out
    assert "nothing to do" in cliploom("plan", *words).out
    refused = cliploom("plan", *words, "--set", "builders.folder.path=videos/out/media")
    assert "takes videos from videos/out/media, which is a part of the build folder videos/out" in refused.err


def _written(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def _made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("pattern", FILES)
@pytest.mark.parametrize(
    "damage",
    [_written(b""), _written(b"{}"), _written(b"\xff\xfe\0"), Path.unlink, _made_a_folder],
    ids=["empty", "object", "bytes", "gone", "folder"],
)
def test_a_damaged_build_folder_is_one_line_that_says_what_to_delete(
    pattern: str, damage: Callable[[Path], None], cliploom: Run, built: Path, tmp_path: Path
) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(built, root)
    damaged = list(root.glob(pattern))
    for file in damaged:
        damage(file)
    for words in (["status", root], ["sql", root, "select count(*) from videos"]):
        said = cliploom(*words)
        assert said.code in (0, 2)
        if said.code == 2:
            assert said.err.startswith("error: ")
            assert any(file.name in said.err for file in damaged) or "holds no build" in said.err


def test_a_build_folder_of_another_format_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "recipe.lock.yaml").write_text("name: old\nshards: 1\nsteps: []\n", encoding="utf-8")
    with pytest.raises(UserError, match="in format 1; this one reads format 3"):
        read_lock(tmp_path)
