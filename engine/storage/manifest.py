"""What is in one shard of a table: the objects that count, what they add up to, and what they are the outcome of."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..contract.errors import UserError
from .files import intact
from .ledger import Counts

FORMAT = 3  # of a build folder; raise it when this version could not read what the one before wrote
MANIFESTS = "manifests"  # the folder of a table that they are in, so that one listing tells the versions of all


class Chunk(NamedTuple):
    """What was done in one go: the objects with its rows, "" for none, and with its ledger."""

    rows: str
    ledger: str


class Manifest(NamedTuple):
    """One shard. Names are of objects in its folder; "" is none.

    While work is under way there are ``chunks`` on top of the rest; ``finished`` says that there are none, and that
    ``inputs``, ``token`` and ``counts`` hold.
    """

    finished: bool = False
    inputs: str = ""  # token of the inputs that it is the outcome of
    token: str = ""  # changes whenever its rows or verdicts do; "" for a shard without either
    rows: str = ""  # the rows of what is there now, sorted by video and id
    parked: str = ""  # those whose input is gone or filtered out, kept for when it comes back
    ledger: str = ""
    counts: Counts = Counts()
    strays: int = 0  # rows whose id does not begin with their video's, so that it may be another video's too
    chunks: tuple[Chunk, ...] = ()
    epoch: int = 0  # of the lease that it was written under

    @property
    def objects(self) -> set[str]:
        """The names of all objects that it names."""
        chunks = (name for chunk in self.chunks for name in chunk)
        return {name for name in (self.rows, self.parked, self.ledger, *chunks) if name}


def plain_manifest(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON values."""
    chunks = [list(chunk) for chunk in manifest.chunks]
    return {"format": FORMAT, **manifest._asdict(), "counts": manifest.counts._asdict(), "chunks": chunks}


def encode_manifest(manifest: Manifest) -> bytes:
    """A manifest as the bytes of its object."""
    return json.dumps(plain_manifest(manifest), ensure_ascii=False).encode()


def decode_manifest(data: bytes, place: str) -> Manifest:
    """The manifest in an object; ``place`` is what messages call that.

    Raises:
        UserError: it is damaged, or of another format.
    """
    with intact(place, place):
        return make_manifest(json.loads(data), place)


def make_manifest(plain: dict[str, Any], place: str) -> Manifest:
    """A manifest of JSON values. Raises what a wrong value raises, and ``UserError`` for another format."""
    values = dict(plain)
    check_format(values.pop("format"), place)
    chunks = tuple(Chunk(*chunk) for chunk in values["chunks"])
    return Manifest(**values | {"counts": Counts(**values["counts"]), "chunks": chunks})


def check_format(number: object, place: object) -> None:
    """Raise ``UserError`` where something was written in another format than this version's."""
    if number != FORMAT:
        said = f"{place} was built by another version of cliploom, in format {number}; this one reads format {FORMAT}"
        raise UserError(said, "build in another folder (--out DIR), or with the version that recipe.lock.yaml names")
