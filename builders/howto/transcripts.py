"""One transcript of a video."""

from __future__ import annotations

from collections.abc import Sequence

from ...schemas import Segment


def best_transcript(segments: Sequence[Segment]) -> list[Segment]:
    """One transcript in order of time: of subtitles, or else the one with most text; without what is doubtful."""
    found: dict[tuple[str, str], list[Segment]] = {}
    for segment in sorted(segments, key=lambda s: (s.start_s, s.segment_id)):
        if segment.doubt in ("", "log_prob"):
            track = segment.language if segment.source == "subtitle" else ""  # speech may change its language
            found.setdefault((segment.source, track), []).append(segment)
    if not found:
        return []
    return found[max(found, key=lambda k: (k[0] == "subtitle", sum(len(s.text) for s in found[k]), k))]
