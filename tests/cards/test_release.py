"""What a release is made of: splits, files, and what may be told."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import told
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.cards.release.files import FOLDER_FILES, TableFiles, clip_name, mend_folder, replace_folder
from cliploom.cards.release.redaction import public_options, public_uri
from cliploom.cards.release.splits import assign_splits
from cliploom.schemas import Clip, arrow_schema, to_arrow


def test_a_kill_between_the_renames_is_mended(tmp_path: Path) -> None:
    folder, old = tmp_path / "dataset", tmp_path / "dataset.old"
    old.mkdir()
    (old / "README.md").write_text("old")
    mend_folder(folder)
    assert (folder / "README.md").read_text() == "old" and not old.exists()
    with pytest.raises(KeyboardInterrupt), replace_folder(folder) as part:
        (part / "README.md").write_text("new")
        raise KeyboardInterrupt
    assert (folder / "README.md").read_text() == "old" and not part.exists()


def test_shards_and_row_groups_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliploom.cards.release.files.GROUP_BYTES", 2_000)
    monkeypatch.setattr("cliploom.cards.release.files.SHARD_BYTES", 1_000)
    rows = [told.clip("v0", float(i), i + 1.0) for i in range(60)]
    out = TableFiles(tmp_path / "data", "train", arrow_schema(Clip), sharded=True)
    for start in range(0, 60, 5):
        out.add(to_arrow(Clip, rows[start : start + 5]))
    out.finish()
    files = sorted((tmp_path / "data").iterdir())
    assert len(files) > 1 and files[-1].name == f"train-{len(files) - 1:05d}-of-{len(files):05d}.parquet"
    assert [r for f in files for r in pq.read_table(f).column("clip_id").to_pylist()] == [r.clip_id for r in rows]


def test_names_of_clip_files() -> None:
    assert clip_name("a_0_1", "media/x.MP4", 3, 10) == "clips/a_0_1.mp4"
    assert clip_name("a_0_1", "x.webm", FOLDER_FILES, FOLDER_FILES + 1) == "clips/0001/a_0_1.webm"
    assert clip_name("../../etc/passwd", "x.mp4", 7, 10) == "clips/clip-00000007.mp4"
    assert clip_name("-rf", "x.we'b", 7, 10) == "clips/clip-00000007.mp4"


@given(st.sets(st.text(max_size=6), max_size=40), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_splits(videos: set[str], seed: int) -> None:
    shares = {"train": 0.9, "validation": 0.05, "test": 0.05, "none": 0.0}
    made = assign_splits(videos, shares, seed)
    assert set(made) == videos and made == assign_splits(sorted(videos, reverse=True), shares, seed)
    if len(videos) >= 3:
        assert set(made.values()) == {"train", "validation", "test"}


def test_splits_have_their_shares_and_a_new_video_moves_no_other() -> None:
    videos = [f"video-{i}" for i in range(3000)]
    made = assign_splits(videos, {"train": 8, "test": 2}, 0)
    assert 0.18 < sum(split == "test" for split in made.values()) / 3000 < 0.22
    more = assign_splits([*videos, "new"], {"train": 8, "test": 2}, 0)
    assert {v: more[v] for v in videos} == made
    assert assign_splits(videos, {"train": 8, "test": 2}, 1) != made


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("films/a.mp4", "films/a.mp4"),
        ("https://www.youtube.com/watch?v=abc", "https://www.youtube.com/watch?v=abc"),
        ("/home/ada/a.mp4", "a.mp4"),
        ("file:///home/ada/a.mp4", "a.mp4"),
        ("~/films/a.mp4", "a.mp4"),
        ("C:\\films\\a.mp4", "a.mp4"),
        ("https://ada:secret@host.example/a.mp4", "https://host.example/a.mp4"),
        ("https://host.example/a.mp4?X-Amz-Signature=12&x=1", "https://host.example/a.mp4"),
        ("https://host.example/a.mp4?access_token=12", "https://host.example/a.mp4"),
        ("https://[broken/ada:pw@x/a.mp4", "a.mp4"),
        ("see https://host.example", "see https://host.example"),
        ("", ""),
    ],
)
def test_addresses_for_the_public(uri: str, public: str) -> None:
    assert public_uri(uri) == public


def test_options_for_the_public() -> None:
    options = {"path": "/home/ada/films", "api_key": "k", "max_tokens": 5, "auth": {"x": 1}, "deep": [{"token": 1}]}
    assert public_options("no.such", options) == {"path": "films", "max_tokens": 5, "deep": [{}]}


def test_a_servers_address_is_not_published() -> None:
    model = {"name": "m", "url": ["http://127.0.0.1:1/v1"], "key_env": "KEY", "seed": 3, "at_once": 4}
    told = public_options("captioners.rewrite", {"model": model, "prompt": "merge"})
    assert told == {"model": {"name": "m", "seed": 3}, "prompt": "merge"}
