"""``cliploom takedown``, as a shell runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import told
from commands import Run

from cliploom.cards.dataset import Dataset
from cliploom.cards.rights.takedown import read_takedown
from cliploom.engine.contract.step import StepContext
from cliploom.schemas import Row

STEP = Path("media/cards.dataset/0123456789abcdef")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset folder of three videos."""
    rows: list[Row] = []
    for name in ("free", "tube", "mute"):
        clip = told.clip(name, 0, 2)
        said = told.caption(clip, "chat", f"Something {name}.")
        rows += [told.video(name, uploader=f"The {name.title()} Channel"), clip, said]
    list(Dataset().rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    return tmp_path / "dataset"


def test_the_command_keeps_the_list_beside_and_says_what_still_holds_them(
    tmp_path: Path, dataset: Path, cliploom: Run
) -> None:
    said = cliploom("takedown", dataset, "--video-id", "tube", "--uploader", "The Mute Channel")
    assert said.code == 0 and "2 source videos left" in said.out and "super_squash_history" in said.out
    assert read_takedown(tmp_path / "dataset.takedown.yaml").uploader == {"the mute channel"}
    again = cliploom("takedown", dataset, "--video-id", "nobody")
    assert again.code == 0 and "nothing in" in again.out
    assert read_takedown(tmp_path / "dataset.takedown.yaml").video_id == {"tube", "nobody"}
    for words in ((), ("--video-id", " "), ("--list", tmp_path / "none")):
        bad = cliploom("takedown", dataset if words else tmp_path / "nothing", *words)
        assert bad.code == 2 and bad.err.startswith("error: ")
