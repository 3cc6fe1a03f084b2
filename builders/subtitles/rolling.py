"""Captions that roll: each cue shows the line before again, as YouTube's automatic ones do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .cues import Cue, Token

_TOUCHING_S = 0.2
"""Cues no further apart than this follow each other on the screen."""
_SHORTEST_S = 0.1
_MOST_TOKENS = 200  # of a cue that may roll: no screen holds more
_LONGEST_GUESS_S = 2.0


class _Overlap(NamedTuple):
    """How many tokens of a cue were shown before, of how many, and whether they stayed on the screen."""

    tokens: int
    of: int
    stayed: bool


def clean_cues(cues: Sequence[Cue]) -> list[Cue]:
    """Each word once, and each cue with a length; cues by start."""
    return _with_lengths(_unroll(cues))


def _unroll(cues: Sequence[Cue]) -> list[Cue]:
    """Without what is shown again, if that is how these captions are; else as they are.

    Half of all cues must begin with what ends the cue before, a quarter must add something to it:
    so a refrain, or a “No.” after a “No.”, is left alone. What comes again after a pause with nothing
    new was said again.
    """
    carried = [_overlap(a, b) for a, b in pairwise(cues)]
    again = sum(c.stayed and c.tokens > 0 for c in carried)
    grown = sum(c.stayed and 0 < c.tokens < c.of for c in carried)
    if len(carried) < 2 or again * 2 < len(carried) or grown * 4 < len(carried):
        return list(cues)
    known = [c.tokens if c.stayed or c.tokens < c.of else 0 for c in carried]
    new = [cue._replace(tokens=cue.tokens[count:]) for cue, count in zip(cues[1:], known, strict=True)]
    kept = [cues[0], *(cue for cue in new if cue.tokens)]
    return [_single(cue) for cue in kept] if any(cue.timed for cue in kept) else kept


def _single(cue: Cue) -> Cue:
    """Among timed words, a line of one word has its cue's time."""
    if len(cue.tokens) > 1 or cue.timed:
        return cue
    return cue._replace(tokens=(cue.tokens[0]._replace(start_s=cue.start_s),))


def _overlap(before: Cue, cue: Cue) -> _Overlap:
    """The longest run of tokens that ends the one and begins the other, compared without spaces."""
    stayed, of = cue.start_s - before.end_s <= _TOUCHING_S, len(cue.tokens)
    if max(len(before.tokens), of) > _MOST_TOKENS:
        return _Overlap(0, of, stayed)
    shown = _run(before.tokens)
    ends = {len(shown) - len(_run(before.tokens[i:])) for i in range(len(before.tokens))}
    for count in range(of, 0, -1):
        run = _run(cue.tokens[:count])
        if shown.endswith(run) and len(shown) - len(run) in ends:
            return _Overlap(count, of, stayed)
    return _Overlap(0, of, stayed)


def _run(tokens: Sequence[Token]) -> str:
    return "".join(t.text for t in tokens)


def _with_lengths(cues: Sequence[Cue]) -> list[Cue]:
    """A cue that ends before it starts lasts until the next one; one with timed words ends where the next starts."""
    made = []
    for i, cue in enumerate(cues):
        following = cues[i + 1].start_s if i + 1 < len(cues) else cue.start_s + _LONGEST_GUESS_S
        end_s = cue.end_s
        if end_s <= cue.start_s:
            end_s = min(following, cue.start_s + _LONGEST_GUESS_S)
        elif cue.timed:
            end_s = min(end_s, following) if i + 1 < len(cues) else end_s
        made.append(cue._replace(end_s=max(end_s, cue.start_s + _SHORTEST_S)))
    return made
