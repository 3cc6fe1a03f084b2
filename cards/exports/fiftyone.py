"""FiftyOne: samples as jsonl, and the script that makes a dataset of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, read_jsonl, write_jsonl

_SAMPLES = "samples.jsonl"
_SCRIPT = '''"""Make a FiftyOne dataset of samples.jsonl: python load.py PATH_OF_THE_DATASET_FOLDER [NAME]"""

import json
import os
import sys

import fiftyone as fo

videos, name = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else {name!r}
dataset = fo.Dataset(name, persistent=True)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples.jsonl"), encoding="utf-8") as file:
    samples = []
    for line in file:
        told = json.loads(line)
        sample = fo.Sample(filepath=os.path.join(videos, told.pop("file")), tags=[told.pop("split")])
        sample["objects"] = fo.Classifications(
            classifications=[fo.Classification(label=label) for label in told.pop("objects")]
        )
        for key, value in told.items():
            sample[key] = value
        samples.append(sample)
dataset.add_samples(samples)
print(dataset)
'''


@dataclass(frozen=True)
class FiftyoneFormat(ExportFormat):
    """``samples.jsonl``, a line a clip, and ``load.py``, which makes a FiftyOne dataset of them.

    ``python load.py PATH_OF_THE_DATASET_FOLDER`` makes a sample of each clip's file: the split is its tag, ``objects``
    are classifications, and ``clip_id``, ``video_id``, ``start_s``, ``end_s``, ``caption``, ``transcript``,
    ``license``, ``url`` and the scores are fields.
    """

    name = "fiftyone"
    source = "https://docs.voxel51.com/user_guide/import_datasets.html"
    files = "samples.jsonl, load.py"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """Both files."""
        write_jsonl(folder / _SAMPLES, map(_line, clips))
        (folder / "load.py").write_text(_SCRIPT.replace("{name!r}", repr(clips.dataset.name)), encoding="utf-8")

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record a sample."""
        for one in read_jsonl(folder / _SAMPLES):
            yield ExportRecord(one["split"], one["clip_id"], one["caption"], one["file"], one["start_s"], one["end_s"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """All that a sample tells."""
        yield ExportRecord(clip.split, clip.clip_id, clip.caption, clip.file, clip.start_s, clip.end_s)


def _line(clip: ExportClip) -> dict[str, Any]:
    return {
        "file": clip.file, "split": clip.split, "clip_id": clip.clip_id, "video_id": clip.video_id,
        "start_s": clip.start_s, "end_s": clip.end_s, "caption": clip.caption, "transcript": clip.transcript,
        "license": clip.license, "url": clip.url, "objects": clip.objects, **clip.scores,
    }  # fmt: skip
