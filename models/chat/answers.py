"""Whether what a model said can be used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ...engine.contract.errors import RowError
from .model import Answer

SHOWN_CHARS = 1500
"""How much of a bad answer its error keeps."""
_CANNOT = r"(?:cannot|can't|can’t|could not|couldn't|am unable|am not able|'m unable|'m not able|won't|will not)"
_REFUSES = re.compile(
    rf"\W*(?:i['’]?m (?:really |very |so )?sorry|(?:i )?apologi[sz]e|sorry,|as an ai\b|i {_CANNOT} "
    rf"(?:to )?(?:assist|help|provide|generate|create|write|fulfil|comply|see|view|access|describe|merge|rewrite))",
    re.IGNORECASE,
)
_STOPPED = frozenset({"refusal", "content_filter", "safety"})  # finish reasons of answers that were held back
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?\n]+")


def used(answer: Answer) -> str:
    """The answer's text, without what the model thought aloud before it.

    Raises:
        RowError: it is ``truncated``, ``empty``, ``refused`` or ``looping``; the message holds the answer.
    """
    text = spoken(answer)
    if answer.finish_reason == "length":
        raise cut_off(answer)
    return judged(text)


def spoken(answer: Answer) -> str:
    """The text after ``</think>``. Raises ``RowError`` for one that is ``empty`` or was held back (``refused``)."""
    text = answer.text.strip()
    if answer.finish_reason in _STOPPED:
        raise unusable("refused", f"the answer was held back ({answer.finish_reason})", text)
    if text.startswith("<think>"):
        thought, ended, text = text.partition("</think>")
        text = text.strip()
        if not ended:
            raise unusable("truncated", "the model only thought aloud; raise max_tokens", thought)
    if not text:
        if answer.finish_reason == "length":
            raise cut_off(answer)
        raise unusable("empty", f"the model said nothing (it stopped for {answer.finish_reason or 'no reason'})", text)
    return text


def cut_off(answer: Answer) -> RowError:
    """What to say of an answer that ran into ``max_tokens``."""
    text = answer.text.strip()
    kind = "looping" if loops(text) else "truncated"
    return unusable(kind, f"the answer was cut off after {answer.completion_tokens} tokens; raise max_tokens", text)


def judged(text: str) -> str:
    """``text``, unless it refuses or loops (``RowError``)."""
    if _REFUSES.match(text):
        raise unusable("refused", "the model refused", text)
    if loops(text):
        raise unusable("looping", "the answer repeats itself", text)
    return text


def loops(text: str) -> bool:
    """Whether some words come again and again: a phrase four times in a row, or a sentence three times.

    A single word may come five times in a row.
    """
    words: list[str] = _WORD.findall(text.lower())
    if len(words) - len(set(words)) < 5:
        return False  # the shortest loops: one word six times, two words four times, four words three times
    often = {word for word, count in Counter(words).items() if count >= 3}
    run = _longest_run(words, often)
    if any(_repeats(words, size) for size in range(1, min(run // 4, 12) + 1)):
        return True
    if run < 4:
        return False
    sentences = [s for part in _SENTENCE.split(text.lower()) if len(s := part.strip().split()) > 3]
    return any(sentences.count(s) >= 3 for s in sentences)


def _longest_run(words: Sequence[str], often: set[str]) -> int:
    """How many neighbours at most are all among ``often``."""
    longest = run = 0
    for word in words:
        run = run + 1 if word in often else 0
        longest = max(longest, run)
    return longest


def _repeats(words: Sequence[str], size: int) -> bool:
    """Whether ``size`` words follow themselves often enough: four times over, a single word six times."""
    need, run = size * (5 if size == 1 else 3), 0
    for before, word in zip(words, words[size:], strict=False):
        run = run + 1 if word == before else 0
        if run >= need:
            return True
    return False


def unusable(kind: str, what: str, text: str) -> RowError:
    """The error of an answer, with its text."""
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return RowError(f"{what}: {shown!r}" if text else what, kind)
