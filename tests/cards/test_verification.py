"""A lock makes the same rows again, and what does not is found."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from cliploom.cards.comparison.verification import _reads_all, verify_build
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.catalog import step_class, step_names
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import row_fields

MEDIA = Path(__file__).parent.parent / "media"
RECIPE = f"""
name: short
shards: 2
steps:
  - builders.folder: {{path: {MEDIA}, pattern: "t*.webm"}}
  - builders.scan
  - builders.shots
  - builders.clips: {{min_s: 0.2, cut: smart}}
  - filters.duplicates
  - captioners.teacher: {{teachers: [fake]}}
  - cards.dataset: {{media: files, rights: {{unknown: bytes}}}}
  - cards.hub: {{to: nobody/nothing}}
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose lock says that it was published, and which was not."""
    root = tmp_path_factory.mktemp("verified") / "b"
    recipe = RECIPE.replace("  - cards.hub: {to: nobody/nothing}\n", "")
    run_build(read_recipe(recipe, "short.yaml"), root, RunOptions(workers=1))
    return root


def test_a_build_is_made_again_as_it_was(build: Path, tmp_path: Path) -> None:
    found = verify_build(Build.read(build), tmp_path / "again", 1, 1)
    tables = {table.table: table for table in found.tables}
    assert found.holds and found.videos == 1 and not found.changes and not found.stopped
    assert tables["builders.folder"].rows == tables["builders.folder"].same == 1
    assert tables["dataset"].rows == tables["dataset"].same > 0
    assert all(table.rows == table.same and not table.new for table in found.tables)
    assert found.files and not found.other_files
    assert tables["captioners.teacher.fake"].depends_on_all and not tables["builders.shots"].depends_on_all


def test_what_is_not_as_the_lock_says_is_found(build: Path, tmp_path: Path) -> None:
    root = tmp_path / "changed"
    shutil.copytree(build, root)
    [table] = (root / "dataset").glob("**/metadata.parquet")
    rows = pq.read_table(table, partitioning=None)
    at = rows.schema.get_field_index("title")
    pq.write_table(rows.set_column(at, "title", [["Another title"] * len(rows)]), table)
    clip = next((root / "media").rglob("*.mp4"))
    clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    text = (root / "recipe.lock.yaml").read_text()
    (root / "recipe.lock.yaml").write_text(re.sub(r"(?m)^  av: .*$", "  av: 1.2.3", text))
    found = verify_build(Build.read(root), tmp_path / "again", 1, 1)
    [published] = [table for table in found.tables if table.table == "dataset"]
    assert not found.holds and published.different == published.rows > 0 and published.ids
    assert found.other_files == [clip.relative_to(root).as_posix()]
    assert any(change.startswith("av was 1.2.3, here is ") for change in found.changes)


def test_a_rebuild_publishes_nothing_and_says_why_it_stopped(build: Path, tmp_path: Path) -> None:
    root = tmp_path / "gone"
    shutil.copytree(build, root)
    lock = yaml.safe_load((root / "recipe.lock.yaml").read_text())
    lock["recipe"]["steps"].append({"cards.hub": {"to": "nobody/nothing"}})
    (root / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
    assert verify_build(Build.read(root), tmp_path / "again", 1, 1).holds
    lock["recipe"]["steps"][0]["builders.folder"]["path"] = str(tmp_path / "nowhere")
    (root / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
    with pytest.raises(UserError, match="nothing could be built again.*there is no such folder"):
        verify_build(Build.read(root), tmp_path / "third", 1, 1)


def test_what_follows_a_step_that_reads_all_depends_on_all() -> None:
    def entry(name: str, shape: str, *reads: str) -> dict[str, object]:
        return {"shape": shape, "anchors": list(reads), "reads": [], "filters": [], "tables": [{"name": name}]}

    steps = [
        entry("a", "source"),
        entry("b", "map", "a"),
        entry("c", "global", "b"),
        entry("d", "map", "c"),
        entry("e", "map", "b"),
    ]
    assert _reads_all({"steps": steps}) == {"c", "d"}


@pytest.mark.parametrize("name", step_names())
def test_a_default_is_hashed_as_the_same_value_from_a_lock(name: str) -> None:
    """A whole number that stands for a float would come back from a lock as another one."""
    step = step_class(name)
    defaults = {f.name: f.default for f in dataclasses.fields(step)}  # type: ignore[arg-type]
    assert [f.name for f in row_fields(step) if f.type is float and type(defaults[f.name]) is int] == []
