"""Names of people taken out of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...models.text.english_parser import CharSpan, ParseResult

_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Dame|Madam)\.?\s+$")
_OWNER = re.compile(r"['’]s\b")
_OWNER_OF_S = re.compile(r"['’](?!\w)")  # James' dog
_STARTS = re.compile(r"(?:^|[.!?…]['\"”’)]*\s+)['\"“‘(\[]*$")
_SHORTEST = 3  # of a part of a name that is looked for again


def without_names(text: str, parsed: ParseResult, word: str = "person") -> str:
    """``text`` with every name of a person, and each of its parts that comes again, as ``word``.

    A title before a name goes with it, a possessive stays (``Ann Lee's dog``: ``person's dog``), names that follow each
    other become one, and a sentence still begins with a capital.
    """
    made, at = "", 0
    for start, end in _merge_spans(text, sorted(_spans(text, parsed))):
        made += text[at:start] + (word[:1].upper() + word[1:] if _STARTS.search(text[:start]) else word)
        at = end
        mark = _OWNER.match(text, end) or (_OWNER_OF_S.match(text, end) if text[end - 1] == "s" else None)
        if mark:
            made, at = f"{made}'s", mark.end()
    return made + text[at:]


def _spans(text: str, parsed: ParseResult) -> Iterator[CharSpan]:
    """The names, with their titles; then the words that are part of one and stand elsewhere."""
    names = [w for w in parsed.words if w.kind == "name"]
    parts: set[str] = set()
    for span in parsed.people:
        inside = [w for w in parsed.words if span.start <= w.start < span.end and w.text.lower() not in ("'s", "’s")]
        if inside:
            parts |= {w.text for w in inside if w.kind == "name" and len(w.text) >= _SHORTEST}
            yield _include_title(text, CharSpan(inside[0].start, inside[-1].start + len(inside[-1].text)))
    for again in names:
        if again.text in parts and not _TITLE.search(f"{again.text} "):
            yield _include_title(text, CharSpan(again.start, again.start + len(again.text)))


def _include_title(text: str, span: CharSpan) -> CharSpan:
    title = _TITLE.search(text, 0, span.start)
    return CharSpan(title.start(), span.end) if title else span


def _merge_spans(text: str, spans: list[CharSpan]) -> Iterator[CharSpan]:
    """Spans in order, without overlaps; those with only spaces between them are one."""
    last: CharSpan | None = None
    for span in spans:
        if last is not None and not text[last.end : span.start].strip():
            last = CharSpan(last.start, max(last.end, span.end))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
