"""What was asked to be taken down: a list beside the build, never in what is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import yaml

from ...engine.contract.errors import UserError
from ...engine.contract.words import number_of
from ...engine.storage.files import read_json, write_text
from ..release.redaction import public_uri

LIST, TOMBSTONES = "takedown.yaml", "takedown.json"  # beside a dataset, and in it
UNDER_WAY = "takedown.part.json"  # in it, until all is gone
KINDS = ("video_id", "uploader", "url", "sha256")


def takedown_under_way(dataset: Path) -> bool:
    """Was a takedown cut off, so that some of what it takes out is still there?"""
    return (dataset / UNDER_WAY).exists()


class Takedown(NamedTuple):
    """What must not be published: any of these names a video."""

    video_id: frozenset[str] = frozenset()
    uploader: frozenset[str] = frozenset()  # without case, in one spelling of Unicode
    url: frozenset[str] = frozenset()  # as `public_uri` gives them
    sha256: frozenset[str] = frozenset()  # of source files, small letters

    def __bool__(self) -> bool:
        return any(self)

    def names(self, video_id: str, uploader: str, url: str, sha256: str) -> bool:
        """Is this video on the list?"""
        return (
            video_id in self.video_id
            or _person(uploader) in self.uploader
            or _address(url) in self.url
            or sha256.lower() in self.sha256
        )

    def add(self, other: Takedown) -> Takedown:
        """Both lists."""
        return Takedown(*(mine | others for mine, others in zip(self, other, strict=True)))

    def as_lists(self) -> dict[str, list[str]]:
        """What a file holds."""
        return {kind: sorted(values) for kind, values in self._asdict().items() if values}


def make_takedown(entries: Mapping[str, Iterable[Any]]) -> Takedown:
    """A list from values by kind; empty ones are refused, since they would name every video without one.

    Raises:
        UserError: a kind is unknown, or a value is empty or no text.
    """
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    spell = {"uploader": _person, "url": _address, "sha256": str.lower}
    for kind, values in entries.items():
        if kind not in found:
            raise UserError(f"a takedown list has no {kind}", f"it has {', '.join(KINDS)}")
        for value in values or ():
            if not isinstance(value, str) or not value.strip():
                raise UserError(f"a {kind} of a takedown list is {value!r}: it must be a text that is not empty")
            found[kind].add(spell.get(kind, str)(value.strip()))
    return Takedown(**{kind: frozenset(values) for kind, values in found.items()})


def read_takedown(path: Path) -> Takedown:
    """The list in a file, empty where there is none.

    Raises:
        UserError: it is not a mapping of lists.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return Takedown()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read the takedown list {path}: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict) or not all(isinstance(values, list) for values in said.values()):
        raise UserError(f"{path} is no takedown list", f"write lists under {', '.join(KINDS)}")
    return make_takedown({str(kind): [str(value) for value in values] for kind, values in said.items()})


def write_takedown(path: Path, takedown: Takedown) -> None:
    """Replace a list."""
    write_text(path, yaml.safe_dump(takedown.as_lists(), allow_unicode=True, sort_keys=False))


def list_of(dataset: Path, build: Path | None) -> Path:
    """Where the list of a dataset folder is: in its build folder, or beside a folder that stands alone."""
    return build / LIST if build is not None else dataset.with_name(f"{dataset.name}.{LIST}")


class Tombstones(NamedTuple):
    """How much was taken out of a dataset: it stays when all else of it is gone."""

    videos: int = 0
    clips: int = 0


def read_tombstones(folder: Path) -> Tombstones:
    """What a dataset folder says of it; nothing where it says nothing."""
    said = read_json(folder / TOMBSTONES) or {}
    return Tombstones(int(said.get("videos", 0)), int(said.get("clips", 0)))


def tombstone_text(gone: Tombstones) -> str:
    """What a card says of all that was taken down."""
    if not gone.videos:
        return "Nothing was taken down so far."
    held = "Earlier revisions of a repository hold them until its history is squashed; use the newest one."
    return f"{taken_down(gone)}. {held}"


def taken_down(gone: Tombstones) -> str:
    """``2 source videos with 3 clips were taken down``."""
    what = f"{number_of(gone.videos, 'source video')} with {number_of(gone.clips, 'clip')}"
    return f"{what} {'was' if gone.videos == 1 else 'were'} taken down"


def _person(name: str) -> str:
    return normalize("NFKC", name.strip()).casefold()


def _address(url: str) -> str:
    return public_uri(url.strip()).rstrip("/")
