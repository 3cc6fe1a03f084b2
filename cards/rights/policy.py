"""Which licences may carry bytes, which links alone, and which nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from ...engine.contract.errors import UserError, nearest
from ...schemas.licenses import UNKNOWN, license_key
from .takedown import Takedown

BYTES, LINKS, NOTHING = "bytes", "links", "nothing"
CARRIES = (BYTES, LINKS, NOTHING)
TAKEN_DOWN = "takedown"  # in the place of what a video's licence lets it carry


class LicenseRule(NamedTuple):
    """One line of a policy."""

    pattern: str  # of `license_key`, with * and ?
    carries: str


# Anyone may pass these on and change them; all others ask for more than a rule can know.
_FREE = ("cc0-*", "public-domain", "pddl*", "cc-by", "cc-by-[0-9]*", "cc-by-sa", "cc-by-sa-[0-9]*")
DEFAULTS = (*(LicenseRule(pattern, BYTES) for pattern in _FREE), LicenseRule("*", LINKS))


class RightsSummary(NamedTuple):
    """What a release carries, counted in its clips."""

    rules: list[LicenseRule]
    bytes: int
    links: int
    nothing: int  # clips that left
    takedown_videos: int
    takedown_clips: int


class SourceVideo(NamedTuple):
    """What of a source video decides whether it may be passed on."""

    video_id: str
    uri: str
    uploader: str
    license: str
    sha256: str


class RightsPolicy:
    """The rules of a recipe, and below them those that hold where it says nothing."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self.rules = [*(LicenseRule(pattern.strip(), carries) for pattern, carries in rules.items()), *DEFAULTS]
        for rule in self.rules:
            if rule.carries not in CARRIES:
                hint = f"one of {', '.join(CARRIES)}{nearest(rule.carries, CARRIES)}"
                raise UserError(f"cards.dataset.rights: {rule.pattern} is {rule.carries!r}", hint)

    def carries(self, stated: str) -> str:
        """What the first rule says that fits a licence as its source states it, by its spelling there or by ours."""
        names = {license_key(stated), stated.strip().lower() or UNKNOWN}
        return next(
            rule.carries for rule in self.rules if any(fnmatchcase(name, rule.pattern.lower()) for name in names)
        )

    def decide(self, videos: Iterable[SourceVideo], takedown: Takedown) -> dict[str, str]:
        """What each video carries, or ``TAKEN_DOWN``."""
        return {
            video.video_id: TAKEN_DOWN
            if takedown.names(video.video_id, video.uploader, video.uri, video.sha256)
            else self.carries(video.license)
            for video in videos
        }
