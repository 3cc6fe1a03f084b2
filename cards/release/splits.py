"""Which split a source video goes to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from itertools import accumulate

from ...engine.contract.errors import UserError

_NAME = re.compile(r"\w+(\.\w+)*")  # what `datasets` takes


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise ``UserError`` for names or shares that make no splits."""
    for name, share in shares.items():
        if not _NAME.fullmatch(name) or name == "all":
            raise UserError(f"cards.dataset.splits: {name!r} is no name for a split", "use letters, digits and _")
        if not 0 <= share < float("inf"):
            raise UserError(f"cards.dataset.splits: the share of {name} is {share:g}: it must be 0 or more")
    if not sum(shares.values()) > 0:
        raise UserError("cards.dataset.splits: no split has a share", "write for instance {train: 0.9, test: 0.1}")


def assign_splits(videos: Iterable[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """A split for each video, by a hash of the seed and the id, so that a new video moves no other.

    The one exception is a small set: a split that would stay empty is given one video of the
    fullest split, as long as there are as many videos as splits.
    """
    ids = sorted(set(videos))
    names = [name for name, share in shares.items() if share > 0]
    bounds = list(accumulate(shares[name] for name in names))
    made = {video: _split(draw(seed, video) * bounds[-1], names, bounds) for video in ids}
    if len(ids) >= len(names):
        _fill(made, names, seed)
    return made


def _split(draw: float, names: list[str], bounds: list[float]) -> str:
    return next((name for name, bound in zip(names, bounds, strict=True) if draw < bound), names[-1])


def _fill(made: dict[str, str], names: list[str], seed: int) -> None:
    members: dict[str, list[str]] = {name: [] for name in names}
    for video, split in made.items():
        members[split].append(video)
    for name in names:
        if members[name]:
            continue
        fullest = max(names, key=lambda n: len(members[n]))  # the first of equals
        moved = min(members[fullest], key=lambda video: draw(seed, f"{name}\n{video}"))
        members[fullest].remove(moved)
        members[name].append(moved)
        made[moved] = name


def draw(seed: int, text: str) -> float:
    """A number in [0, 1) for a text, by a hash."""
    raw = hashlib.blake2b(f"{seed}\n{text}".encode(), digest_size=7).digest()
    return int.from_bytes(raw) / 2**56
