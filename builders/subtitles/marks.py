"""What captions say besides the words: sounds, songs, who speaks, and that another begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .cues import Cue, Token

_SOUNDS = (
    "applause applauds barks beeping beeps bell bells blows breathes breathing buzzing chanting chatter cheering cheers"
    " chuckles chuckling clapping clears coughing coughs cries crowd crying exhales footsteps gasps giggles groaning"
    " groans grunting grunts gunshot growls inaudible indistinct inhales laughing laughs laughter moaning moans music"
    " panting phone playing ringing rings scoffs screaming screams shouting shouts sighing sighs silence singing"
    " sings sniffs sniffles snores sobbing sobs static thunder whispering whispers whistles whistling yawns yells"
)
_A_SOUND = rf"(?i:[^()\d]{{0,40}}\b(?:{_SOUNDS.replace(' ', '|')})\b[^()\d]{{0,40}})"
_BRACKETS = r"\[[^\[\]\n]{0,80}\]|【[^【】\n]{0,80}】|［[^［］\n]{0,80}］"
_NOTES = r"[♩♪♫♬🎵🎶¶]+"
_TURN = re.compile(r"(?<!\S)(?:>>+|≫)")
_MARK = re.compile(
    rf"{_BRACKETS}|{_NOTES}|\({_A_SOUND}\)|\*(?:{_A_SOUND})\*|（[^（）\d]{{0,40}}）"
    r"|(?m:^)[ ]*(?:[-–—‐][ ]*)?\([^()\d\n]{1,60}\)"  # at the start of a line: a sound, or who speaks
    r"|\((?=[^()]*[A-Z])[^()a-z\d]{2,60}\)"
    r"|(?m:^)[ ]*#(?=[ ].*[ ]#[ ]*$)|(?m:(?<=[ ])#[ ]*$)"  # a song
)
_DASH = re.compile(r"(?m:^)[ \-–—‐]{0,80}[-–—‐](?=[ ]*[^\s\d-])")  # another speaks
_NAME = re.compile(r"(?m:^)[ ]*([^\W\d_][\w.'’-]*(?:[ ][^\W_][\w.'’-]*){0,2}(?:[ ]?#\d{1,2})?)[ ]*:(?=\s+\S)")


def without_marks(cues: Sequence[Cue]) -> Iterator[Cue]:
    """The cues without such marks: ``[Music]``, ``(laughs)``, ``♪``, ``>>``, ``JOHN:`` and dashes before who speaks.

    A name before a colon is a speaker's where it is in capitals and what follows is not, or where it follows on ``>>``.
    The words of songs stay. A cue that holds nothing else is left out.
    """
    for cue in cues:
        tokens = _strip_marks(cue.tokens)
        if tokens:
            yield cue._replace(tokens=tokens)


def _strip_marks(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Each token as far as it lies in no mark; the time of one that is gone goes to the next without one."""
    text, starts = "", list[int]()
    for token in tokens:
        text += "\n" if token.breaks else " " * token.spaced
        starts.append(len(text))
        text += token.text
    hidden = _find_marks(text)
    kept: list[Token] = []
    start_s: float | None = None
    spaced = False
    for token, at in zip(tokens, starts, strict=True):
        left = "".join(c for i, c in enumerate(token.text, at) if not hidden[i])
        start_s = token.start_s if token.start_s is not None else start_s
        spaced = spaced or token.spaced
        if left:
            kept.append(token._replace(text=left, start_s=start_s, spaced=spaced))
            start_s, spaced = None, False
    spoken = not any(hidden) or any(c.isalnum() for token in kept for c in token.text)
    return tuple(kept) if spoken else ()


def _find_marks(text: str) -> bytearray:
    """For each character whether it belongs to a mark."""
    hidden = bytearray(len(text))
    turns = _TURN.sub(lambda found: "\n" * len(found[0]), text)
    _hide(hidden, (found.span() for found in _TURN.finditer(text)))
    for pattern in (_MARK, _DASH, _NAME, _DASH):
        shown = "".join(" " if hide and c != "\n" else c for c, hide in zip(turns, hidden, strict=True))
        found = pattern.finditer(shown)
        _hide(hidden, (f.span() for f in found if pattern is not _NAME or _is_speaker(f, turns != text)))
    return hidden


def _is_speaker(name: re.Match[str], after_turn: bool) -> bool:
    rest = name.string[: name.start()] + name.string[name.end() :]
    capitals = name[1].isupper() and sum(c.isalpha() for c in name[1]) > 1
    if after_turn:
        return capitals or all(part[0].isupper() or part[0].isdigit() for part in name[1].split())
    return capitals and any(c.islower() for c in rest)


def _hide(hidden: bytearray, spans: Iterable[tuple[int, int]]) -> None:
    for start, end in spans:
        hidden[start:end] = b"\1" * (end - start)
