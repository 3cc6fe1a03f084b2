"""``cliploom export``, as a shell runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import told
from commands import Run

from cliploom.cards.dataset import Dataset
from cliploom.engine.contract.step import StepContext

STEP = Path("media/cards.dataset/0123456789abcdef")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset folder of two clips."""
    clips = [told.clip("v0", 2.0 * k, 2.0 * k + 2) for k in range(2)]
    rows = [told.video("v0"), *clips, *(told.caption(clip, "chat", f"Words of {clip.start_s:.0f}.") for clip in clips)]
    list(Dataset().rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    return tmp_path / "dataset"


def test_a_dataset_folder_is_exported_beside_itself(cliploom: Run, dataset: Path) -> None:
    said = cliploom("export", dataset, "--format", "msrvtt", "--set", "sentences=all")
    folder = dataset.parent / "exports" / "msrvtt"
    assert said.code == 0 and said.out == f"{folder}: 2 captions in msrvtt.json\n"
    assert {file.name for file in folder.iterdir()} == {"msrvtt.json", "export.yaml"}


def test_formats_are_listed(cliploom: Run) -> None:
    said = cliploom("export", "--list")
    assert said.code == 0 and "msrvtt.json" in said.out and "webvid" in said.out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "error: name a folder and a format"),
        (("webvid",), "error: name a format"),
        (("{here}/dataset", "--format", "mp3"), "error: there is no export format mp3"),
        (("{here}/dataset", "--format", "webvid"), "error: webvid names files and no times"),
        (("{here}/dataset", "--format", "msrvtt", "--set", "sentences=some"), "error: msrvtt.sentences is 'some'"),
        (("{here}/none", "--format", "coco"), "error: {here}/none holds no build"),
    ],
)
def test_what_can_be_mended_is_one_line(cliploom: Run, dataset: Path, words: tuple[str, ...], error: str) -> None:
    here = str(dataset.parent)
    said = cliploom("export", *(word.format(here=here) for word in words))
    assert said.code == 2 and said.err.startswith(error.format(here=here)) and "Traceback" not in said.err
    assert not (dataset.parent / "exports").exists()
