"""What speaks against a release."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that speaks against a release.

    Attributes:
        what: what is wrong.
        mend: how to mend it.
        breaks: it would break the release; otherwise it is worth knowing.
    """

    what: str
    mend: str
    breaks: bool = True

    def __str__(self) -> str:
        return f"{'error' if self.breaks else 'note'}: {self.what}; {self.mend}"


def note(what: str, mend: str) -> Finding:
    """A finding that breaks nothing."""
    return Finding(what, mend, False)
