"""SAMI (smi): times in tags like those of HTML, languages as classes of styles."""

from __future__ import annotations

import re
from collections import defaultdict

from ...engine.contract.errors import RowError
from .cues import Cue, Track, make_track, read_payload

_SYNC = re.compile(r"<sync\b[^>]*?\bstart\s*=\s*[\"']?(-?\d{1,12})[^>]*>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"<p\b(?:[^>]*?\bclass\s*=\s*[\"']?(\w{1,40}))?[^>]*>", re.IGNORECASE)
_BREAK = re.compile(r"<br\b[^>]*>", re.IGNORECASE)
_LANGUAGE = re.compile(r"\.(\w{1,40})\s*\{[^}]*\blang\s*:\s*([\w-]{2,20})", re.IGNORECASE)


def read_smi(text: str, name: str) -> Track:
    """The cues of the first language in a text; ``name`` stands in messages. A cue lasts to the next, or an empty one.

    Raises:
        RowError: ``bad_subtitle``: there are no times.
    """
    head, *parts = _SYNC.split(re.sub(r"<!--.*?-->", _comment_text, text, flags=re.DOTALL))
    if not parts and text.strip():
        raise RowError(f"{name}:1: there is no <SYNC Start=…>: this is not SAMI", "bad_subtitle")
    shown: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for stamp, body in zip(parts[::2], parts[1::2], strict=True):
        begun, *paragraphs = _PARAGRAPH.split(body)
        if not paragraphs:
            paragraphs = ["", begun]
        for style, said in zip(paragraphs[::2], paragraphs[1::2], strict=True):
            shown[(style or "").lower()].append((max(0, int(stamp)) / 1000, _BREAK.sub("\n", said)))
    languages = {style.lower(): language for style, language in _LANGUAGE.findall(head)}
    for style, lines in shown.items():
        lines.sort(key=lambda line: line[0])
        ends = [*lines[1:], (lines[-1][0], "")]
        track = make_track(Cue(a[0], b[0], read_payload(a[1].strip())) for a, b in zip(lines, ends, strict=True))
        if track.cues:
            return track._replace(language=languages.get(style, ""))
    return Track([])


def _comment_text(comment: re.Match[str]) -> str:
    """Styles stand in comments."""
    return comment[0] if "{" in comment[0] else ""
