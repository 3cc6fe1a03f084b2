"""SubRip (srt) and WebVTT (vtt), which real files mix: one parser reads both.

Taken as players take it: a byte order mark, any line ends, ``,`` or ``.`` before milliseconds,
hours or milliseconds left out, spaces inside times, other arrows, full-width digits, no header, no numbers,
text before the first cue, cue settings, comments and styles, empty lines inside a cue, cues out of order. WebVTT is https://www.w3.org/TR/webvtt1/.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from ...engine.contract.errors import RowError
from .cues import Cue, Track, make_track, read_payload, seconds

_DIGITS = r"\d{1,2} ?: ?\d{1,2}"
_PART = r"(?:\d{1,3}|\d{6}|\d{9})"  # of a second
_TIME = rf"(?:\d{{1,4}} ?: ?{_DIGITS}(?: ?[.,:;] ?{_PART})?|{_DIGITS} ?[.,;] ?{_PART})"
_ARROW = r"(?:-{1,4}>|[—–]{1,3}>|→|--&gt;)"
_TIMES = re.compile(rf"\s*({_TIME})\s*{_ARROW}\s*({_TIME})(?:\s.*)?")
_MEANT_AS_TIMES = re.compile(rf"\s*-?\d[\d:.,; ]*{_ARROW}")
_ASIDE = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")
_LANGUAGE = re.compile(r"Language:\s*(\S+)", re.IGNORECASE)

_SUCH_AS = "(as 00:00:01,000 --> 00:00:04,000)"


class Block(NamedTuple):
    """Lines without an empty one between them."""

    line: int  # of its first line, from 1
    lines: list[str]

    def marks(self) -> list[int]:
        """Which of the lines are cues' times, or are meant to be."""
        return [i for i, line in enumerate(self.lines) if _MEANT_AS_TIMES.match(_narrow(line))]


@dataclass(slots=True)
class RawCue:
    """A cue as it was written."""

    start_s: float
    end_s: float
    lines: list[str]


def read_blocks(text: str, name: str) -> Track:
    """The cues of a SubRip or WebVTT text; ``name`` stands in messages. A cue whose times are none is skipped alone.

    Raises:
        RowError: ``bad_subtitle``, naming the line: there is no cue in it that can be read.
    """
    language, astray = "", 0
    reader = _BlockReader(name)
    for block in _blocks(text):
        if block.lines[0].startswith("WEBVTT") and not reader.shown:
            language = next((m[1] for line in block.lines if (m := _LANGUAGE.match(line))), "")
            begin = next(iter(block.marks()), len(block.lines))
            block = Block(block.line + begin, block.lines[begin:])
        if block.lines and not _ASIDE.match(block.lines[0]):
            reader.take(block)
            astray = astray or (0 if reader.shown else block.line)
    if astray and not reader.shown and not reader.skipped:
        raise RowError(f"{name}:{astray}: no cue in it, only other text {_SUCH_AS}", "bad_subtitle")
    cues = (Cue(s.start_s, s.end_s, read_payload("\n".join(s.lines))) for s in reader.shown)
    return make_track(cues, language, reader.skipped)


def _narrow(line: str) -> str:
    """The line with full-width digits and colons as narrow ones."""
    return line if line.isascii() else unicodedata.normalize("NFKC", line)


def _blocks(text: str) -> Iterator[Block]:
    lines: list[str] = []
    for number, line in enumerate(
        [*text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""], 1
    ):
        if line and (lines or not line.isspace()):  # YouTube shows a blank line as a space
            lines.append(line)
        elif not line and lines:
            yield Block(number - len(lines), lines)
            lines = []


class _BlockReader:
    """The cues of a file, as far as it was read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown: list[RawCue] = []
        self.skipped: list[str] = []
        self._after_skipped = False  # what follows without times belongs to a cue that was skipped

    def take(self, block: Block) -> None:
        """Add a block's cues. Lines that stand before any times are more of the cue before, if there is one."""
        marks = block.marks()
        before = block.lines[: marks[0]] if marks else block.lines
        if marks and before and (len(before) == 1 or before[-1].strip().isdigit()):
            before = before[:-1]  # the cue's number or name
        if before:
            self._continue(Block(block.line, before))
        for mark, until in pairwise([*marks, len(block.lines)]):
            lines = block.lines[mark + 1 : until]
            if until < len(block.lines) and lines and lines[-1].strip().isdigit():
                lines = lines[:-1]  # the next cue's number
            times = _TIMES.fullmatch(_narrow(block.lines[mark]))
            self._after_skipped = times is None
            if times is None:
                wrong = block.lines[mark].strip()[:60]
                self.skipped.append(f"{self.name}:{block.line + mark}: {wrong!r} are not times {_SUCH_AS}")
            else:
                self.shown.append(RawCue(seconds(times[1]), seconds(times[2]), lines))

    def _continue(self, block: Block) -> None:
        numbered = block.lines[0].strip().isdigit()
        if numbered and len(block.lines) == 1 and (self.shown or self.skipped):
            return  # the number of a cue that was taken out
        if numbered:
            self._after_skipped = True
            self.skipped.append(f"{self.name}:{block.line}: a cue has no times {_SUCH_AS}")
        elif self.shown and not self._after_skipped:
            self.shown[-1].lines.extend(block.lines)
