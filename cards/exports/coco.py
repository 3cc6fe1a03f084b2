"""COCO captions, with clips in the place of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clips import ExportClip, ExportClips
from .format import ExportFormat, ExportRecord, JsonWriter, split_files
from .json_stream import find_next, read_list
from .msrvtt import SENTENCES, texts


@dataclass(frozen=True)
class CocoFormat(ExportFormat):
    """``images`` with ``id``, ``file_name``, ``width``, ``height`` and ``license``; ``annotations`` with ``id``,
    ``image_id`` and ``caption``; ``licenses`` as the sources state them.

    ``file_name`` is the clip's path below the dataset folder. Ids count from 1 through all splits.
    """

    sentences: SENTENCES = "chosen"

    name = "coco"
    source = "https://cocodataset.org/#format-data"
    files = "captions_<split>.json"
    needs_files = True

    def write(self, clips: ExportClips, folder: Path) -> None:
        """A file a split."""
        licenses = {name: number for number, name in enumerate(sorted({clip.license for clip in clips}), 1)}
        first, first_said = 1, 1
        for split in clips.splits:
            with JsonWriter(folder / f"captions_{split}.json") as out:
                out.text('{"info": {}, "licenses": [')
                out.values({"id": number, "name": name or "not stated"} for name, number in licenses.items())
                out.text('\n], "images": [')
                images = [0]
                out.values(_image(n, c, licenses) for n, c in _count(clips.of(split), first, images))
                out.text('\n], "annotations": [')
                told = [0]
                out.values(
                    _annotation(n, *said)
                    for n, said in _count(self._numbers_and_texts(clips, split, first), first_said, told)
                )
                out.text("\n]}\n")
            first, first_said = first + images[0], first_said + told[0]

    def read(self, folder: Path) -> Iterator[ExportRecord]:
        """A record an annotation."""
        for split, path in split_files(folder, ".json", "captions_"):
            images = read_list(path, "images")
            image: dict[str, Any] = {"id": None}
            for said in read_list(path, "annotations"):  # in the order of the images
                if image["id"] != said["image_id"]:
                    image = find_next(images, "id", said["image_id"])
                yield ExportRecord(split, "", said["caption"], image["file_name"])

    def records(self, clip: ExportClip) -> Iterator[ExportRecord]:
        """The file and the caption."""
        for text in texts(clip, self.sentences):
            yield ExportRecord(clip.split, "", text, clip.file)

    def _numbers_and_texts(self, clips: ExportClips, split: str, first: int) -> Iterator[tuple[int, str]]:
        for number, clip in enumerate(clips.of(split), first):
            yield from ((number, text) for text in texts(clip, self.sentences))


def _count(items: Iterator[Any], first: int, counted: list[int]) -> Iterator[tuple[int, Any]]:
    """Number the items, and say at the end how many they were."""
    for number, item in enumerate(items, first):
        counted[0] += 1
        yield number, item


def _image(number: int, clip: ExportClip, licenses: dict[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"id": number, "file_name": clip.file, "license": licenses[clip.license]}
    told |= {"width": clip.width_px, "height": clip.height_px} if clip.width_px and clip.height_px else {}
    return told | ({"source_url": clip.url} if clip.url else {})


def _annotation(number: int, image: int, text: str) -> dict[str, Any]:
    return {"id": number, "image_id": image, "caption": text}
