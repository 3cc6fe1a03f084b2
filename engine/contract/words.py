"""Numbers of things, as sentences have them."""

from __future__ import annotations


def number_of(n: int, noun: str, plural: str = "") -> str:
    """``1 clip``, ``2,345 source videos``; ``plural`` for a noun whose plural has no s."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"
