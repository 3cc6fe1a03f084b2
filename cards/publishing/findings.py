"""What speaks against a release."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that speaks against a release, and how to mend it."""

    what: str
    mend: str
    breaks: bool = True  # it would break the release; otherwise it is worth knowing

    def __str__(self) -> str:
        return f"{'error' if self.breaks else 'note'}: {self.what}; {self.mend}"


def note(what: str, mend: str) -> Finding:
    """A finding that breaks nothing."""
    return Finding(what, mend, False)
