"""Images published with their bytes, loaded by what people load them with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest

from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.source import read_source
from cliploom.cards.release.reading import open_dataset
from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions

STILLS = sorted((Path(__file__).parents[2] / "recipes" / "media").glob("*.jpg"))[:2]
FILM = Path(__file__).parents[1] / "media" / "made_one_frame.mp4"


def build(root: Path, files: list[Path]) -> Path:
    """A build whose dataset has these files, each with a caption."""
    (root / "in").mkdir(parents=True)
    lines = []
    for file in files:
        shutil.copy(file, root / "in")
        lines.append(json.dumps({"image": file.name, "caption": f"What {file.stem} shows."}) + "\n")
    (root / "in" / "metadata.jsonl").write_text("".join(lines))
    text = f"""
name: stills
steps:
  - builders.pairs: {{path: {json.dumps(str(root / "in"))}}}
  - builders.scan: {{sound: false}}
  - builders.source_clips: {{give: shots}}
  - builders.clips: {{cut: copy, min_s: 0.01}}
  - cards.dataset: {{license: other, media: files, rights: {{unknown: bytes}}}}
"""
    run_build(read_recipe(text, "r.yaml", []), root / "build", RunOptions(workers=1))
    return root / "build"


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of two images."""
    return build(tmp_path_factory.mktemp("stills"), STILLS)


def load(folder: Path, cache: Path, name: str = "default") -> Any:
    return datasets.load_dataset(str(folder), name, split="train", cache_dir=str(cache))


def test_the_dataset_folder_loads_as_a_folder_of_images(stills: Path, tmp_path: Path) -> None:
    data = load(stills / "dataset", tmp_path)
    assert isinstance(data.features["image"], datasets.Image)
    assert {row["caption"]: row["image"].size for row in data} == {
        f"What {file.stem} shows.": (row["width_px"], row["height_px"])
        for file, row in zip(sorted(STILLS), sorted(data, key=lambda row: row["caption"]), strict=True)
    }
    card = (stills / "dataset" / "README.md").read_text()
    assert "Every clip is an image file of its own" in card and "| split | clips | length | source images |" in card
    assert "source video" not in card


@pytest.mark.parametrize(
    ("layout", "embed", "column"),
    [("videofolder", False, "image"), ("webdataset", False, "jpg"), ("parquet", True, "image")],
)
def test_every_layout_has_the_bytes_of_the_images(
    stills: Path, tmp_path: Path, layout: str, embed: bool, column: str
) -> None:
    source = read_source(open_dataset(stills))
    publish_to_folder(source, tmp_path / "out", PublishOptions(layout, embed, ["default", "captions"]))
    data = load(tmp_path / "out", tmp_path / "cache").cast_column(column, datasets.Image(decode=False))
    found = {row[column]["bytes"] or Path(row[column]["path"]).read_bytes() for row in data}
    assert found == {file.read_bytes() for file in STILLS}
    assert len(load(tmp_path / "out", tmp_path / "cache", "captions")) == 2


def test_images_and_videos_are_published_together_but_for_archives(tmp_path: Path) -> None:
    source = read_source(open_dataset(build(tmp_path, [STILLS[0], FILM])))
    publish_to_folder(source, tmp_path / "out", PublishOptions("videofolder"))
    data = load(tmp_path / "out", tmp_path / "cache").cast_column("video", datasets.Video(decode=False))
    assert {Path(row["video"]["path"]).suffix: row["kind"] for row in data} == {".jpg": "image", ".mp4": "video"}
    with pytest.raises(UserError, match="some samples hold a video and some an image"):
        publish_to_folder(source, tmp_path / "tars", PublishOptions("webdataset"))
