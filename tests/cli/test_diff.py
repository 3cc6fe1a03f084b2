"""``cliploom diff``, as a shell runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import told
from commands import Run

from cliploom.cards.dataset import Dataset
from cliploom.engine.contract.step import StepContext

STEP = Path("media/cards.dataset/0123456789abcdef")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A dataset, and what it became."""
    for name, text in (("a", "A dog."), ("b", "A cat.")):
        clip = told.clip("v0", 0, 2)
        rows = [told.video("v0"), clip, told.caption(clip, "chat", text)]
        list(Dataset().rows(told.database(rows), StepContext(tmp_path / name, {"": STEP})))
    return tmp_path / "a" / "dataset", tmp_path / "b" / "dataset"


def test_what_changed_is_said_and_written_onto_the_card(cliploom: Run, folders: tuple[Path, Path]) -> None:
    before, after = folders
    said = cliploom("diff", before, after, "--write")
    assert said.code == 0 and "1 clip changed: caption 1" in said.out
    assert "changed, for instance: v0_000000000_000002000" in said.out
    card = (after / "README.md").read_text()
    assert "## Changelog\n\n### Not yet released, since dataset\n" in card and "- 1 clip changed: `caption` 1" in card
    cliploom("diff", before, after, "--write")
    assert (after / "CHANGELOG.md").read_text().count("### ") == 1
    assert cliploom("diff", before, before).out == "the same 1 clip\n"


def test_it_is_one_object_for_scripts(cliploom: Run, folders: tuple[Path, Path]) -> None:
    found = json.loads(cliploom("diff", *folders, "--json").out)
    assert found["columns"] == [{"column": "caption", "rows": 1}] and found["added"] == 0 == found["removed"]


def test_what_is_no_dataset_is_one_line(cliploom: Run, folders: tuple[Path, Path]) -> None:
    for words in ((folders[0], folders[0].parent / "none"), (folders[0].parent / "none", folders[0])):
        said = cliploom("diff", *words)
        assert said.code == 2 and said.err.startswith("error: ")
