"""Files of rows: sorted, merged, and read a window of videos at a time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cliploom.engine.execution.answers import to_stored_table
from cliploom.engine.storage import row_files
from cliploom.engine.storage.row_files import RowSource, merge_rows, read_window, regroup, windows
from cliploom.schemas import Clip


def write(path: Path, *videos: str, each: int = 2) -> Path:
    """Clips of these videos, in row groups of two."""
    rows = [Clip(f"{video}_{k}", video, float(k), k + 1.0, []) for video in videos for k in range(each)]
    pq.write_table(to_stored_table(Clip, rows, [row.video_id for row in rows], [1] * len(rows)), path, row_group_size=2)
    return path


def ids(tables: list[pa.Table]) -> list[str]:
    return [id_ for table in tables for id_ in table.column("clip_id").to_pylist()]


def test_merging_keeps_what_counts_in_order_of_video_and_id(tmp_path: Path) -> None:
    one, other = write(tmp_path / "1", "c", "a"), write(tmp_path / "2", "b", "a")
    sources = [RowSource(one, None), RowSource(other, pa.array(["b"]))]
    assert ids(list(merge_rows(sources, Clip))) == ["a_0", "a_1", "b_0", "b_1", "c_0", "c_1"]


def test_windows_cut_between_videos_and_leave_none_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "_WINDOW_BYTES", 1)
    files = [write(tmp_path / "1", "a", "b", "c"), write(tmp_path / "2", "b", "d", each=3)]
    spans = windows(files)
    assert len(spans) > 2 and spans[0][0] == "" and spans[-1][1] == ""
    assert [high for _, high in spans[:-1]] == [low for low, _ in spans[1:]]
    parts = [[read_window(file, None, low, high) for file in files] for low, high in spans]
    assert sorted(ids([t for part in parts for t in part])) == sorted(ids([pq.read_table(file) for file in files]))
    of_videos = [{v for t in part for v in t.column("video_id").to_pylist()} for part in parts]
    assert sum(map(len, of_videos)) == len(set().union(*of_videos)), "no video is in two"


def test_no_files_have_no_windows() -> None:
    assert windows([]) == []


def test_tables_are_cut_anew_to_one_size(tmp_path: Path) -> None:
    table = pq.read_table(write(tmp_path / "1", *"abcd"))
    sizes = [t.num_rows for t in regroup([table.slice(0, 1), table.slice(1, 6), table.slice(7)], 3)]
    assert sizes == [3, 3, 2]
    assert list(regroup([table.slice(0, 0)], 3)) == []
