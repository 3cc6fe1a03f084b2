"""The shards of one table: their manifests, read in one go and swapped one by one.

A summary beside them holds all that were finished when it was written. It is a cache: what it says of a shard counts
only while the shard's manifest has the version that it names, so that whoever swaps manifests need not keep it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from ...schemas import Row
from ..contract.errors import UserError
from .files import intact
from .filesystem import ABSENT, FileSystem, VersionConflict
from .manifest import MANIFESTS, Manifest, decode_manifest, encode_manifest, make_manifest, plain_manifest

_SUMMARY = "summary.json"


class Lease(Protocol):
    """The right to change a build's tables, for as long as it is kept."""

    @property
    def epoch(self) -> int:
        """Higher than that of whoever had it before."""

    def check(self) -> None:
        """Raise ``LeaseLost`` if somebody else has it by now."""


class LeaseLost(UserError):
    """Somebody else has taken the build over: nothing more may be written."""


class TableFolder:
    """Where the shards of a table are, and their manifests as far as they were looked at.

    ``listed`` says whether to list them at first use, as for one who looks at all shards, or to read each when it is
    asked for, as for one who works at a few while others finish more.
    """

    def __init__(
        self, files: FileSystem, folder: str, row: type[Row] | None, lease: Lease | None = None, listed: bool = True
    ) -> None:
        self.files, self.folder, self.row = files, folder, row
        self._lease, self._listed = lease, listed
        self._known: dict[int, Manifest | None] = {}
        self._versions: dict[int, str] = {}
        self._summarised: dict[int, str] | None = None  # the versions that the summary has

    def manifest(self, number: int) -> Manifest | None:
        """What is in a shard; None where nothing was ever done.

        Raises:
            UserError: its manifest is damaged, or of another format.
        """
        if self._listed and self._summarised is None:
            self._read_all()
        if number not in self._known:
            self._known[number] = None if self._listed and number not in self._versions else self._read(number)
        found = self._known[number]
        if not self._listed and (found is None or not found.finished):
            del self._known[number]  # it may be finished by the next time
        return found

    def _read(self, number: int) -> Manifest | None:
        name = self._name(number)
        place = self.files.place(name)
        with intact(place, place):
            try:
                data, version = self.files.read(name)
            except FileNotFoundError:
                return None
        self._versions[number] = version
        return decode_manifest(data, place)

    def _read_all(self) -> None:
        listed = self.files.list(f"{self.folder}/{MANIFESTS}")
        self._versions = {int(name[:-5]): version for name, version, _ in listed if name[:-5].isdigit()}
        self._summarised = {}
        if not self._versions:
            return
        name = f"{self.folder}/{_SUMMARY}"
        place = self.files.place(name)
        with intact(place, place):
            try:
                shards = json.loads(self.files.read(name).data)["shards"]
            except FileNotFoundError:
                return
            for text, (version, plain) in shards.items():
                number = int(text)
                self._summarised[number] = version
                if self._versions.get(number) == version:
                    self._known[number] = make_manifest(plain, place)

    def summarise(self) -> None:
        """Write the summary, if the one that is there lacks a finished shard."""
        finished = {n: m for n, m in self._known.items() if m is not None and m.finished}
        versions = {number: self._versions[number] for number in finished}
        if not finished or versions == self._summarised:
            return
        shards = {str(n): [versions[n], plain_manifest(m)] for n, m in sorted(finished.items())}
        self.files.put(f"{self.folder}/{_SUMMARY}", json.dumps({"shards": shards}, ensure_ascii=False).encode())
        self._summarised = versions

    def swap(self, number: int, manifest: Manifest) -> None:
        """Put another manifest in the place of the one that was read: what it names is what counts from now on.

        Raises:
            LeaseLost: somebody else has swapped it since, or has the lease.
        """
        before = self.manifest(number)
        if self._lease is not None:
            self._lease.check()
            manifest = manifest._replace(epoch=self._lease.epoch)
            if before is not None and before.epoch > manifest.epoch:
                raise takeover_error(self.files.place(self.folder))
        name, data = self._name(number), encode_manifest(manifest)
        try:
            version = ABSENT if before is None else self._versions[number]
            self._versions[number] = self.files.replace_if_unchanged(name, data, version)
        except VersionConflict:
            raise takeover_error(self.files.place(self.folder)) from None
        self._known[number] = manifest

    def forget(self) -> None:
        """Look again: another process may have changed any of them."""
        self._known.clear()
        self._versions.clear()
        self._summarised = None

    def shard_folder(self, number: int) -> str:
        """Where a shard's objects are."""
        return f"{self.folder}/{number:04d}"

    def _name(self, number: int) -> str:
        return f"{self.folder}/{MANIFESTS}/{number:04d}.json"


def takeover_error(place: str) -> LeaseLost:
    """What to say where another build has changed something meanwhile."""
    return LeaseLost(f"{place} was changed by another build meanwhile", "build again: all that is finished is kept")


def manifest_place(file: Path) -> Path:
    """What to delete where an object of a shard is damaged, so that the next build makes what it held anew."""
    pointer = file.parents[2] / "global.json"
    return pointer if pointer.exists() else file.parents[1] / MANIFESTS / f"{file.parent.name}.json"
