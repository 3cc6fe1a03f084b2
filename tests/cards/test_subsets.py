"""Nested subsets: drawn once, each the first rows of the next larger one, in the folder and in every layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import pytest
import releases

from cliploom.cards.dataset import Dataset
from cliploom.cards.publishing.check import check_release
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.source import DatasetSource
from cliploom.cards.release.reading import open_dataset
from cliploom.cards.release.subsets import SubsetPlan, plan_subsets
from cliploom.engine.contract.errors import UserError

SUBSETS = {"small": 0.4, "tiny": 5}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """Twelve videos of two clips as files."""
    clips = releases.Clips(videos=12)
    return releases.source(tmp_path_factory.mktemp("source"), clips=clips, subsets=SUBSETS)


def ids(folder: Path, config: str, cache: Path, streaming: bool = False) -> dict[str, list[str]]:
    """The clips of each split, in order."""
    found = datasets.load_dataset(str(folder), config, cache_dir=str(cache), streaming=streaming)
    told = {}
    for split, data in found.items():
        data = data.decode(False) if streaming else data
        names = ("clip_id",) if "clip_id" in data.features else ("json", "clip_id")
        rows = data.select_columns(names[:1])
        told[split] = [row[names[0]]["clip_id"] if len(names) > 1 else row["clip_id"] for row in rows]
    return told


def check_nesting(held: Mapping[str, Mapping[str, list[str]]], in_order: bool = True) -> None:
    """``in_order``: the reader of video folders takes their tables as a set."""
    for small, large in (("tiny", "small"), ("small", "default")):
        for split, clips in held[small].items():
            assert clips and set(clips) <= set(held[large][split])
            assert not in_order or held[large][split][: len(clips)] == clips
    assert {split: len(clips) for split, clips in held["tiny"].items()} == {"train": 2, "test": 2}
    assert sum(map(len, held["tiny"].values())) < sum(map(len, held["small"].values())) < 24
    assert sum(map(len, held["default"].values())) == 24


def test_the_dataset_folder_has_each_as_a_table_and_no_file_twice(source: DatasetSource, tmp_path: Path) -> None:
    check_nesting({name: ids(source.root, name, tmp_path) for name in ("tiny", "small", "default")}, in_order=False)
    assert len(list(source.root.rglob("*.mp4"))) == 24
    card = (source.root / "README.md").read_text()
    assert "| subset | `train` | `test` |" in card and "| `tiny` | " in card
    found = mlcroissant.Dataset(jsonld=str(source.root / "croissant.json"))
    assert len(list(found.records("train"))) == source_rows(source, "train")


def source_rows(source: DatasetSource, split: str) -> int:
    [size] = [s for info in source.front["dataset_info"][:1] for s in info["splits"] if s["name"] == split]
    return int(size["num_examples"])


@pytest.mark.parametrize(("layout", "embed"), [("videofolder", False), ("webdataset", False), ("parquet", True)])
def test_a_release_has_them_in_every_layout(source: DatasetSource, tmp_path: Path, layout: str, embed: bool) -> None:
    publish_to_folder(source, tmp_path / "out", PublishOptions(layout, embed, ["default", "captions"]))
    names = datasets.get_dataset_config_names(str(tmp_path / "out"))
    assert names == ["default", "tiny", "small", "captions"]
    held = {name: ids(tmp_path / "out", name, tmp_path / "cache") for name in names[:3]}
    check_nesting(held, in_order=layout != "videofolder")
    assert ids(tmp_path / "out", "tiny", tmp_path, True) == held["tiny"]
    again = publish_to_folder(source, tmp_path / "out", PublishOptions(layout, embed, ["default", "captions"]))
    assert again.version == "1.0.0"


def test_tables_of_times_have_them_too_and_the_check_passes(tmp_path: Path) -> None:
    source = releases.source(tmp_path / "b", "virtual", releases.Clips(videos=12), subsets=SUBSETS)
    check_nesting({name: ids(source.root, name, tmp_path / "cache") for name in ("tiny", "small", "default")})
    assert list(open_dataset(source.root).subsets) == ["tiny", "small"]
    report = check_release(source, PublishOptions(configs=["default"]))
    assert (report.tables, report.clips, report.breaks) == (3, 24, False), report.findings


def test_a_new_video_moves_no_other_out_of_a_share() -> None:
    def plan(videos: int, seed: int = 1) -> SubsetPlan:
        names = [f"v{n}" for n in range(videos)]
        return plan_subsets(dict.fromkeys(names, 2), dict.fromkeys(names, "train"), {"some": 0.3}, seed)

    before, after = plan(40), plan(60)
    assert all(after.parts[video] == part for video, part in before.parts.items())
    assert set(before.parts.values()) == {"some", "rest"}
    assert plan(40, seed=2).parts != before.parts


def test_a_subset_has_a_video_of_each_split_at_least_and_all_at_most() -> None:
    splits = {"a": "train", "b": "train", "c": "test"}
    plan = plan_subsets(dict.fromkeys(splits, 50), splits, {"one": 1, "all": 1000, "none": 1e-9}, 0)
    assert [subset.name for subset in plan.subsets] == ["one", "none", "all"]
    assert plan.parts["c"] == "one" and sorted(plan.parts.values()) == ["all", "one", "one"]


@pytest.mark.parametrize(
    ("subsets", "what"),
    [
        ({"captions": 0.1}, "'captions' is no name"),
        ({"train": 0.1}, "'train' is no name"),
        ({"a-b": 0.1}, "'a-b' is no name"),
        ({"tiny": 0}, "the size of tiny is 0"),
        ({"tiny": 1.5}, "the size of tiny is 1.5"),
    ],
)
def test_subsets_that_make_no_sense(subsets: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        Dataset(subsets=subsets).check([])
