"""Two releases beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import told
from hub_server import HubServer

from cliploom.cards.card.statistics import PUBLISHERS, Measure
from cliploom.cards.comparison.differences import ColumnChange, _distance, changelog_lines, compare_datasets
from cliploom.cards.comparison.places import open_hub_dataset
from cliploom.cards.dataset import Dataset
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_hub
from cliploom.cards.publishing.source import read_source
from cliploom.cards.release.reading import DatasetFolder, open_dataset
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Row

STEP = Path("media/cards.dataset/0123456789abcdef")


def dataset(
    root: Path, texts: Sequence[str], first: int = 0, scores: Sequence[float] = (), **more: str
) -> DatasetFolder:
    """A dataset of one clip a text, from the clip ``first`` on."""
    rows: list[Row] = []
    for k, text in enumerate(texts, first):
        clip = told.clip(f"v{k}", 0, 2)
        rows += [told.video(f"v{k}", **more), clip, told.caption(clip, "chat", text)]
        rows += [told.score(clip, "motion", scores[k - first])] if scores else []
    list(Dataset().rows(told.database(rows), StepContext(root, {"": STEP})))
    return open_dataset(root / "dataset")


def test_a_dataset_is_the_same_as_itself(tmp_path: Path) -> None:
    one, two = (dataset(tmp_path / name, ["A.", "B."], scores=[0.5, 1.0]) for name in ("a", "b"))
    found = compare_datasets(one, two)
    assert found.same and not found.columns and all(drift.distance == 0 for drift in found.measures)
    assert changelog_lines(found) == ["2 → 2 clips (4.0 s → 4.0 s): 0 added, 0 removed"]


def test_rows_and_columns_that_changed_are_counted(tmp_path: Path) -> None:
    before = dataset(tmp_path / "a", ["A.", "B.", "C.", "D."], license="CC0", uploader="Ada")
    after = dataset(
        tmp_path / "b", ["B.", "See!", "D.", "E.", "F."], first=1, scores=[0.1, 0.2, 0.3, 0.4, 0.5], license="CC BY 4.0"
    )
    found = compare_datasets(before, after)
    assert (found.added, found.removed, found.changed) == (2, 1, 3) and not found.same
    changed = [ColumnChange("uploader", 3), ColumnChange("license", 3), ColumnChange("caption", 1)]
    assert found.columns == changed
    assert found.new_columns == ["score_motion"] and found.lost_columns == [] == found.retyped_columns
    assert found.examples["removed"] == ["v0_000000000_000002000"] and len(found.examples["added"]) == 2
    text = "\n".join(changelog_lines(found))
    assert "4 → 5 clips" in text and "3 clips changed: `uploader` 3, `license` 3, `caption` 1" in text
    assert "columns that are new: `score_motion`" in text
    assert "licences of the sources: 100 % are others" in text and "Ada" not in text
    assert [drift.most for drift in found.values if drift.title == PUBLISHERS] == ["Ada"]


def test_a_clip_that_moved_to_another_split_changed(tmp_path: Path) -> None:
    before, after = (dataset(tmp_path / name, ["A.", "B.", "C.", "D."]) for name in ("a", "b"))
    card = after.root / "README.md"
    card.write_text(card.read_text().replace("split: train", "split: test"))
    assert compare_datasets(before, open_dataset(after.root)).columns == [ColumnChange("split", 4)]


def test_drift_is_the_distance_of_kolmogorov_and_smirnov() -> None:
    def measure(*values: float) -> Measure:
        return Measure("m", "", False, len(values), 0, 0, 0, 0, np.array(values))

    assert _distance(measure(1, 2, 3), measure(1, 2, 3)) == 0
    assert _distance(measure(1, 2), measure(3, 4)) == 1
    assert _distance(measure(1, 2, 3, 4), measure(3, 4, 5, 6)) == 0.5


def test_a_release_on_the_hub_is_compared_by_its_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer(tmp_path / "hub").running() as hub:
        hub.adopt(monkeypatch, hub.root / "home")
        first = dataset(tmp_path / "a", ["A.", "B."])
        publish_to_hub(read_source(first), "anna/films", PublishOptions())
        second = dataset(tmp_path / "b", ["A.", "Bee."])
        publish_to_hub(read_source(second), "anna/films", PublishOptions())
        with open_hub_dataset("anna/films@v1.0.0") as old, open_hub_dataset("anna/films") as new:
            assert compare_datasets(old, new).columns == [ColumnChange("caption", 1)]
            assert compare_datasets(new, second).same
        with pytest.raises(UserError, match="cannot read anna/films@v9"), open_hub_dataset("anna/films@v9"):
            pass
    with pytest.raises(UserError, match="no dataset on the Hub"), open_hub_dataset("films"):
        pass
