"""Rank mode: a build that several machines do together, each with its own part of the shards.

Rank 3 of 8 takes the shards whose number leaves 3 when divided by 8. It stops where a step needs all shards.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..contract.errors import UserError

FOLDER = "parts"  # of the leases of ranks, beside that of a whole build
_NAME = re.compile(r"(\d+)-of-(\d+)\.lock")


class Part(NamedTuple):
    """One rank of several."""

    number: int  # from 0
    of: int

    def has(self, shard: int) -> bool:
        """Is this shard its own?"""
        return shard % self.of == self.number

    @property
    def lease(self) -> str:
        """The name of its lease."""
        return f"{FOLDER}/{self.number}-of-{self.of}.lock"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_part(text: str) -> Part:
    """The part that words such as ``3/8`` name; ``UserError`` for others."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if found is None or int(found[1]) >= int(found[2]):
        raise UserError(f"--part {text}: a part is a number from 0 and how many there are, such as 0/8 up to 7/8")
    return Part(int(found[1]), int(found[2]))


def part_of_lease(name: str) -> Part | None:
    """The part that a lease is of, by its name in their folder."""
    found = _NAME.fullmatch(name)
    return Part(int(found[1]), int(found[2])) if found else None
