"""What a model puts around an answer: fences, preambles, labels, quotation marks, Markdown, and words of farewell."""

from __future__ import annotations

import re
from functools import cache

from .patterns import read_patterns
from .quotations import Quotations

_ROUNDS = 6  # wrappings lie in each other
_FENCE = re.compile(
    r"(?:\A|\n)[ \t]*(```|~~~)[\w+-]*[ \t]*\n(.*?)\n?[ \t]*\1",
    re.DOTALL,
)
_OPEN_FENCE = re.compile(r"\A(?:```|~~~)\w*[ \t]*\n|\n(?:```|~~~)\s*\Z")
_INLINE = re.compile(r"\A(`{1,3})([^`]+)\1\Z", re.DOTALL)
_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|p|br|span|div|caption|text|html|body|q|blockquote|center|font|h[1-6]|ul|li)(?:\s[^<>]*)?/?>|"
    r"""(?<![\w"'`“‘])<[a-z][a-z\d]*(?:\s[^<>]*)?/?>|(?<!["'`“‘])</[a-z][a-z\d]*>(?!["'`”’])""",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"^[ \t*_#>-]*(?:option|caption|version|alternative|variant|choice|candidate|description|answer) ?(?:[1-9]|[A-D]\b)"
    r"[ *_]*(?:[:：.)\-]|$)|"
    r"^[ \t*_#>-]*(?:short|medium|long|brief|detailed|concise|formal|casual|simple|creative|poetic|factual|english|"
    r"spanish|french|german|chinese|japanese|en|es|fr|de|zh|ja)(?: (?:caption|version|description|one))?[ *_]*[:：]|"
    r"^[ \t*_#>-]*(?:[a-c]\)|\([a-c]\))",
    re.IGNORECASE | re.MULTILINE,
)
_OFFERS = re.compile(
    r"\A[^.\n]{0,60}\b(?:here are|below are|these are)\b[^.:：\n]{0,40}\b(?:captions|options|versions|alternatives|"
    r"descriptions|sentences|suggestions|possibilities|candidates)\b[^.\n]{0,60}[:：]\s*\n",
    re.IGNORECASE,
)
_OR = re.compile(r"(?:\n|[.!?]\s)\W{0,6}(?:or|alternatively|alternative(?: \w+)?)[ *_]*(?:[:：]|\n)", re.IGNORECASE)
_TWO_ITEMS = re.compile(r"""(["'])\s{0,9},\s{0,9}\1""")
_TABLE = re.compile(r"^[ \t]*\|.*\|[ \t]*\n[ \t]*\|[ \t:|-]+\|[ \t]*$", re.MULTILINE)
_MARKDOWN = re.compile(r"[*_#<>\[~=•–—-]|\A\(?1")
_HEADER = re.compile(r"^[ \t]*#{1,6}[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"(?:\A[ \t]*(?:[-–—*•]|>+|\(?1[.)])|(?<=\n)[ \t]*(?:[-*•]|>+|\(?\d{1,2}[.)]))[ \t]+(?=\S)")
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$", re.MULTILINE)
_BOLD = re.compile(r"(?<!\w)(\*\*\*|\*\*)(?=[^\s*])([^*\n]*[^\s*])\1(?!\w)")
_WHOLE_ITALIC = re.compile(r"\A(\*|_|__|~~)(?=[^\s*_])([^*_]+)\1\Z", re.DOTALL)
_LINK = re.compile(r"!?\[([^\[\]\n]+)\]\((?:https?://|/|#)[^()\s]*\)")
_QUOTES = {mark: mark for mark in "\"'＂”’"} | {
    "“": "”“", "‘": "’", "„": "“”", "«": "»", "»": "«", "‹": "›", "「": "」", "『": "』", "〝": "〞", "❝": "❞",
    "【": "】", "[": "]", "(": ")", "<": ">",
}  # fmt: skip
"""What may stand around an answer, by what opens it."""
_ESCAPED_QUOTE = re.compile(r'\\+(["\'])')
_SENTENCE_STARTS = re.compile(r"(?:(?<=[.!?。！？”\"')\]])\s+|(?<=[。！？])|\n+)[(\[*_]*(?=\S)")
_COUNT = re.compile(
    r"[(\[](?:\d+ (?:words|characters|tokens)|word count:? ?\d+|end(?: of (?:caption|description|text))?|"
    r"note:[^()]*)[)\]]\s*\Z",
    re.IGNORECASE,
)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(read_patterns("wrapping.txt").named[name], re.IGNORECASE)


def has_alternatives(text: str) -> bool:
    """Whether it offers several answers."""
    if len(_CHOICE.findall(text)) > 1 or (text.strip()[:2] in ("['", '["') and _TWO_ITEMS.search(text)):
        return True
    if (found := _OR.search(text)) is not None and found.start() not in Quotations(text):
        return True
    return _OFFERS.match(text) is not None and len(_BULLET.findall(text)) > 1


def is_table(text: str) -> bool:
    """Whether it is a table in Markdown."""
    return _TABLE.search(text) is not None


def unwrap(text: str) -> str:
    """The answer alone; what belongs to it, quotations and asterisks too, stays as it is."""
    for _ in range(_ROUNDS):
        before = text = text.strip()
        for take_off in (_without_fence, _without_preamble, _without_farewell, _without_markdown, _without_quotes):
            text = take_off(text).strip()
        if text == before:
            break
    return text


def _without_fence(text: str) -> str:
    fences = _FENCE.findall(text)
    if len(fences) == 1 and fences[0][1].strip():
        return str(fences[0][1])
    return _OPEN_FENCE.sub("", _INLINE.sub(r"\2", text))


def _without_preamble(text: str) -> str:
    for opening in ("INTERJECTION", "PREAMBLE", "LABEL"):
        rest = _pattern(opening).sub("", text, count=1)
        text = rest if rest.strip() else text
    return text


def _without_farewell(text: str) -> str:
    """Without sentences at the end that speak to whoever asked; the first sentence always stays."""
    text = _COUNT.sub("", text).rstrip()
    says_farewell = _pattern("FAREWELL").match
    farewells = [s for s in _SENTENCE_STARTS.finditer(text) if s.start() and says_farewell(text, s.end())]
    quoted = Quotations(text if farewells else "")
    return next((text[: found.start()] for found in farewells if found.end() not in quoted), text)


def _without_markdown(text: str) -> str:
    if not _MARKDOWN.search(text):
        return text
    text = _LINK.sub(r"\1", _TAG.sub(" ", text))
    text = _BULLET.sub("", _HEADER.sub("", _RULE.sub("", text)))
    return _WHOLE_ITALIC.sub(r"\2", _BOLD.sub(r"\2", text))


def _without_quotes(text: str) -> str:
    """Without quotation marks around all of it; a full stop after them comes inside."""
    if text.startswith("``") and text.endswith("''"):
        return text[2:-2]
    if text.count('"') == 1 and (text[0] == '"' or (text[-1] == '"' and not text[-2:-1].isdigit())):
        return text.strip('"')  # its other half is lost
    if text.startswith("\\"):
        text = _ESCAPED_QUOTE.sub(r"\1", text)
    stop = text[-1] if len(text) > 2 and text[-1] in ".。" else ""
    bare = text.removesuffix(stop)
    if len(bare) > 2 and bare[-1] in _QUOTES.get(bare[0], "") and _is_one_quotation(bare[1:-1], bare[0], bare[-1]):
        return bare[1:-1] + (stop if bare[-2].isalnum() else "")
    return text


def _is_one_quotation(inner: str, opens: str, closes: str) -> bool:
    """Whether quotation marks stand around ``inner`` as a whole, not around its beginning and its end."""
    depth = 0
    for at, mark in enumerate(inner):
        if mark in (opens, closes):
            depth += _step(inner[at - 1 : at] or " ", mark, inner[at + 1 : at + 2] or " ", opens, closes)
        if depth < 0:
            return False
    return depth == 0


def _step(before: str, mark: str, after: str, opens: str, closes: str) -> int:
    """1 for a mark that opens a quotation, -1 for one that closes it, 0 for an apostrophe."""
    if mark in "'’" and before.isalnum() and (after.isalnum() or (after.isspace() and before in "sz")):
        return 0
    if opens != closes:
        return 1 if mark == opens else -1
    return 1 if (before.isspace() or before in "([—–-") and not after.isspace() else -1
