"""What a model thought aloud, told from what it answers."""

from __future__ import annotations

import re

from .quotations import Quotations

_NAMES = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think|seed:cot_budget_reflect"
_MARKS = re.compile(r"[<\[◁\\]")
# Marks in quotation marks are text on a screen.
_OPENS = re.compile(
    rf"""(?<!["'`“‘])(?:<\s*(?:{_NAMES})(?:\s[^<>]{{0,40}})?>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING)\|>|"""
    r"<\|think(?:ing)?\|>|<\|channel>\s*\w*|<unused94>)",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    rf"""(?<!["'`“‘])(?:<\s*/\s*(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING)\|>|"""
    r"<\|/think(?:ing)?\|>|<channel\|>|<unused95>)",
    re.IGNORECASE,
)
# OpenAI's harmony: https://cookbook.openai.com/articles/openai-harmony; and what is left where the marks are dropped.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|start|call|channel)\|>")
_BARE_CHANNEL = re.compile(r"\A\s*(?:analysis|commentary)(?=\s*[A-Z\"“(]).*assistant\s*final\s*(.*)\Z", re.DOTALL)
_BARE_ANALYSIS = re.compile(r"\A\s*(?:analysis|commentary)(?=[A-Z])")
_BARE_FINAL = re.compile(r"\A\s*(?:assistant)?final(?=[A-Z])")
_BOXES = re.compile(
    r"<(answer|response|output|caption|final|final_answer|description|summary|result)>(.*?)(?:</\1>|\Z)|"
    r"<\|begin_of_(?:box|solution)\|>(.*?)(?:<\|end_of_(?:box|solution)\|>|\Z)|"
    r"<\|START_RESPONSE\|>(.*?)(?:<\|END_RESPONSE\|>|\Z)|\\boxed\{(?:\\text\{)?(.*?)\}+\s*\Z",
    re.DOTALL | re.IGNORECASE,
)
_FINAL_LABEL = re.compile(
    r"(?:(?:^|\n|(?<=[.!?]\s))[ \t>*#_-]*(?:the |my )?final (?:answer|caption|response|output|description|sentence)|"
    r"(?:^|\n)[ \t>*#_-]*(?:(?:here is |here's )?my (?:response|answer)|(?:the )?(?:answer|caption|description|output|"
    r"response)))(?: is)?[ *_]*[:：][ *_]*\s*",
    re.IGNORECASE,
)
_TALKS_OF_TASK = re.compile(
    r"\A\W*(?:(?:okay|ok|alright|all right|hmm|so|well|right|first)[,.!]*\s+)*(?:"
    r"(?:the|this) user (?:wants|asks|asked|is asking|has|gave|provided|says|said|needs|requests|would like)\b"
    r"|let(?:'s|’s| me| us) (?:think|analy[sz]e|look at|break|see\b|start by|examine|consider|go through|figure|"
    r"describe)"
    r"|(?:i|we) (?:need|have|should|must|want|are asked|am asked|will|'ll|am going)(?: to)? (?:now )?"
    r"(?:write|describe|produce|generate|create|merge|come up|figure|analy[sz]e|summari[sz]e|output|answer|provide|"
    r"craft|rewrite)"
    r"|they want (?:one|a|an|me|us|the)\b"
    r"|(?:describe|summari[sz]e|write|caption) (?:the|this|a|an|in|what|faithfully)\b)",
    re.IGNORECASE,
)


def final_answer(text: str) -> str | None:
    """The text without reasoning and marks of channels; None where it never came to an answer."""
    text = _final_channel(text)
    if not _MARKS.search(text):
        return _after_label(text)
    *_, rest = _CLOSES.split(text)
    if _OPENS.search(rest):
        return None
    boxes = [next(part for part in found.groups()[1:] if part is not None) for found in _BOXES.finditer(rest)]
    return _after_label(boxes[-1] if boxes and boxes[-1].strip() else rest)


def talks_of_its_task(text: str) -> bool:
    """Whether a text begins by talking of what the user wants: reasoning that no mark sets off."""
    return _TALKS_OF_TASK.match(text) is not None


def _final_channel(text: str) -> str:
    found = list(_CHANNEL.finditer(text))
    if found:
        finals = [channel for channel in found if channel[1].lower() in ("final", "response")]
        if not finals:
            return "<think>"
        said = text[finals[-1].end() :]
        ends = _CHANNEL_ENDS.search(said)
        return said[: ends.start()] if ends else said
    if (bare := _BARE_CHANNEL.match(text)) is not None:
        return bare[1]
    return "<think>" if _BARE_ANALYSIS.match(text) else _BARE_FINAL.sub("", text)


def _after_label(text: str) -> str:
    """What follows the last label such as ``Final answer:``, unless that stands in a quotation."""
    labels = list(_FINAL_LABEL.finditer(text)) if ":" in text or "：" in text else []
    quoted = Quotations(text if labels else "")
    for found in reversed(labels):
        after = text[found.end() :]
        if after.strip() and found.start() not in quoted:
            return after
    return text
