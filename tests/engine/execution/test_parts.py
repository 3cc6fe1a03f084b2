"""Rank mode: several builds of one folder, each of its own shards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import load_recipe
from cliploom.engine.execution.lease import BuildLease, LeaseRecord, lease_records
from cliploom.engine.execution.parts import Part, parse_part
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.filesystem import LocalFolder

RECIPE = """
name: films
shards: 6
steps:
  - builders.folder: {path: %s}
  - builders.scan: {frames_per_s: 1}
  - builders.shots: {}
  - builders.clips: {min_s: 0.2, max_s: 30}
  - cards.dataset: {license: cc-by-4.0, media: virtual}
"""


def test_every_shard_is_one_rank_s() -> None:
    parts = [Part(number, 3) for number in range(3)]
    assert [[n for n in range(8) if part.has(n)] for part in parts] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert parse_part("2/3") == parts[2]


@pytest.mark.parametrize("text", ["3/3", "3", "-1/3", "1/0", "a/b", "1/3/4", ""])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="a part is a number from 0"):
        parse_part(text)


def test_a_whole_build_and_a_rank_do_not_work_at_once(tmp_path: Path) -> None:
    files = LocalFolder(tmp_path)
    rank, other = BuildLease(files, Part(0, 2)), BuildLease(files, Part(1, 2))
    rank.take()
    other.take()
    for excluded in (BuildLease(files), BuildLease(files, Part(2, 3)), BuildLease(files, Part(0, 2))):
        with pytest.raises(UserError, match="is being built by"):
            excluded.take()
    rank.give_back()
    other.give_back()
    whole = BuildLease(files)
    whole.take()
    assert whole.epoch > max(rank.epoch, other.epoch)
    with pytest.raises(UserError, match="is being built by"):
        BuildLease(files, Part(0, 2)).take()
    whole.give_back()


def test_ranks_whose_process_is_gone_are_orphans(tmp_path: Path) -> None:
    files = LocalFolder(tmp_path)
    script = f"""
import os
from pathlib import Path
from cliploom.engine.execution.lease import BuildLease
from cliploom.engine.execution.parts import Part
from cliploom.engine.storage.filesystem import LocalFolder
BuildLease(LocalFolder(Path({str(tmp_path)!r})), Part(1, 3)).take()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    finished = BuildLease(files, Part(2, 3))
    finished.take()
    finished.give_back()
    mine = BuildLease(files, Part(0, 3))
    mine.take()
    assert mine.orphans() == [Part(1, 3)]
    mine.give_back()
    assert {record.id for record in lease_records(files).values() if record.pid != 0} != {""}
    assert isinstance(lease_records(files)["parts/2-of-3.lock"], LeaseRecord)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "films").mkdir()
    source = Path(__file__).parents[2] / "media/birds_cc0_1s.mp4"
    for number in range(6):
        (folder / f"films/birds{number}.mp4").write_bytes(source.read_bytes() + bytes(number))
    (folder / "films.yaml").write_text(RECIPE % (folder / "films"))
    return folder / "films.yaml"


def _rows(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes() for file in sorted((root / "tables").rglob("rows-*.parquet"))
    }


def test_ranks_and_a_last_build_make_the_same_tables(recipe: Path, tmp_path: Path) -> None:
    loaded = load_recipe(recipe)
    run_build(loaded, tmp_path / "one", RunOptions())
    for number in (1, 0):
        run_build(loaded, tmp_path / "ranks", RunOptions(part=Part(number, 3)))
    stages = {stage.name: stage for stage in Build.read(tmp_path / "ranks").funnel()}
    assert 0 < stages["builders.clips"].came < 6 and stages["cards.dataset"].rows == 0
    assert (tmp_path / "ranks/events-1-of-3.jsonl").exists() and not (tmp_path / "ranks/dataset").exists()
    run_build(loaded, tmp_path / "ranks", RunOptions())  # it does what no rank has done, and what needs all
    assert _rows(tmp_path / "ranks") == _rows(tmp_path / "one")
    before = os.listdir(tmp_path / "ranks/dataset")
    run_build(loaded, tmp_path / "ranks", RunOptions(part=Part(2, 3)))  # nothing is left for it
    assert os.listdir(tmp_path / "ranks/dataset") == before
