"""What a release with few other rows sends through the Hub's deduplication: the real client writes to a folder."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hub_server import HubServer

from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_hub
from cliploom.cards.publishing.source import DatasetSource, read_source
from cliploom.cards.release.files import TableFiles
from cliploom.cards.release.reading import open_dataset

ROWS = 250_000
CARD = """---
license: cc-by-4.0
tags: [cliploom]
configs:
- config_name: default
  data_files: [{split: train, path: data/train-*.parquet}]
---
"""


def table(folder: Path, captions: list[str]) -> DatasetSource:
    """A dataset of times whose rows are in order."""
    numbers = range(len(captions))
    rows = pa.table({
        "clip_id": [f"v{n // 50:05d}_{n % 50:04d}" for n in numbers], "video_id": [f"v{n // 50:05d}" for n in numbers],
        "start_s": [4.0 * (n % 50) for n in numbers], "end_s": [4.0 * (n % 50) + 4 for n in numbers],
        "caption": captions,
    })  # fmt: skip
    out = TableFiles(folder / "data", "train", rows.schema, sharded=True)
    for start in range(0, len(rows), 4096):
        out.add(rows.slice(start, 4096))
    out.finish()
    (folder / "README.md").write_text(CARD)
    return read_source(open_dataset(folder))


@pytest.mark.slow
def test_one_percent_of_other_rows_sends_at_most_five_percent_of_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hf_xet")
    draw = random.Random(1)
    captions = [f"{draw.getrandbits(800):x}" for _ in range(ROWS)]
    first = table(tmp_path / "a", captions)
    for n in range(70_000, 70_000 + ROWS // 100):  # the clips of some videos were captioned again
        captions[n] = f"{draw.getrandbits(900):x}"
    second = table(tmp_path / "b", captions)
    with HubServer(tmp_path / "hub").running() as hub:
        hub.xet = f"local://{tmp_path}/store"
        hub.adopt(monkeypatch, tmp_path / "home", xet=True)
        publish_to_hub(first, "anna/films", PublishOptions())
        sent = stored(tmp_path)
        made = publish_to_hub(second, "anna/films", PublishOptions())
    size = sum(file.stat().st_size for file in first.tables["train"])
    assert made.version == "1.0.1" and size > 10_000_000 and sent > 0.9 * size
    assert 0 < stored(tmp_path) - sent <= 0.05 * sent


def stored(place: Path) -> int:
    """Bytes of the contents that a client has sent."""
    return sum(file.stat().st_size for file in (place / "store" / "xet" / "xorbs" / "xorbs").iterdir())
