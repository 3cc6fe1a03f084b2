"""What a model thought aloud, told from what it answers."""

from __future__ import annotations

import re

from .quotations import Quotations

# Families name their marks as they like (<seed:think>, <longcat_think>, <inner_monologue>): the stem in a name tells.
_NAMES = (
    r"(?:[\w:.-]{0,20}[_:.-])?(?:think|thought|reason|reflect|analysis|analyz|scratch|monolog|rationale|deliberat|internal|"
    r"cot\b|cot_|plan\b|planning|observation)[\w:.-]{0,30}"
)
_MARKS = re.compile(r"[<\[◁\\]|\.\.\.done thinking\.")
# Marks in quotation marks are text on a screen.
_OPENS = re.compile(
    rf"""(?<!["'`“‘])(?:<\s*(?:{_NAMES})(?:\s[^<>]{{0,40}})?(?<!/)>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING|inner_prefix)\|>|"""
    r"<\|think(?:ing)?\|>|<\|channel>\s*\w*|<unused94>)",
    re.IGNORECASE,
)
_CLOSES = re.compile(
    rf"""(?<!["'`“‘])(?:<\s*/\s*(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|END_THINKING|inner_suffix)\|>|"""
    r"<\|/think(?:ing)?\|>|<channel\|>|<unused95>|\.\.\.done thinking\.)",
    re.IGNORECASE,
)
# OpenAI's harmony: https://cookbook.openai.com/articles/openai-harmony; and what is left where the marks are dropped.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|start|call|channel)\|>")
_BARE_CHANNEL = re.compile(
    r"\A[\s*#]*(?:analysis|commentary)[\s*:]*(?=[A-Z\"“(])"
    r".*(?:assistant\s{0,9}final|(?:\n[\s*#]{0,9}|\s)final(?=[*: ]{0,9}\n|\*{0,3}:))[\s*:]*(.*)\Z",
    re.DOTALL,
)
_BARE_ANALYSIS = re.compile(r"\A\s*(?:analysis|commentary)(?=[A-Z])")
_BARE_FINAL = re.compile(r"\A\s*(?:assistant)?final(?=[A-Z])")
_BOXES = re.compile(
    r"<((?:\w{1,20}[_-])?(?:answer|response|output|caption|final|description|summary|result|conclusion))>(.*?)(?:</\1>|\Z)|"
    r"<\|begin_of_(?:box|solution)\|>(.*?)(?:<\|end_of_(?:box|solution)\|>|\Z)|"
    r"<\|START_RESPONSE\|>(.*?)(?:<\|END_RESPONSE\|>|\Z)|\\boxed\{(?:\\text\{)?(.*?)\}+\s*\Z",
    re.DOTALL | re.IGNORECASE,
)
_FINAL_LABEL = re.compile(
    r"(?:(?:^|\n|(?<=[.!?]\s))[ \t>*#_-]*(?:the |my )?final (?:answer|caption|response|output|description|sentence)|"
    r"(?:^|\n)[ \t>*#_-]*(?:(?:here is |here's )?my (?:response|answer)|(?:the )?(?:answer|caption|description|output|"
    r"response)))(?: is)?[ *_]*[:：][ *_]*(?:[|>][+-]?[ \t]*\n)?\s*",
    re.IGNORECASE,
)
_TALKS_OF_TASK = re.compile(
    r"\A\W*(?:(?:okay|ok|alright|all right|got it|hm+|so|well|right|first|now)[,.!]*\s+)*(?:"
    r"(?:(?:the|this) )?user (?:wants|asks|asked|is asking|has|gave|provided|says|said|needs|requests|would like)\b"
    r"|let(?:'s|’s| me| us) (?:think|analy[sz]e|look at|break|see\b|start by|examine|consider|go through|figure|"
    r"describe|tackle|craft|write|draft|produce|compose|summari[sz]e|start|focus|check|make)\b"
    r"|(?:(?:i|we)(?: |['’]))?(?:need|have|should|must|want|are asked|am asked|[mr]e? asked|will|ll|am going|m going)"
    r"(?: to)? (?:now )?(?:write|describe|produce|generate|create|merge|come up|figure|analy[sz]e|summari[sz]e|output|"
    r"answer|provide|craft|rewrite)"
    r"|(?:the|my|our) (?:task|prompt|request) (?:is to|says?|asks?|wants?|requires?|specif)"
    r"|the instructions? (?:say|ask|require|want)s? .{0,20}(?:writ|describ|caption|sentence|summar)"
    r"|(?:the |my )?task(?: is)?:|(?<=hmm, )the (?:frames?|clip|video)\b|draft(?: \d)?:|(?:we|i) have (?:the )?frames\b"
    r"|(?:好的|首先|嗯)[，,。 ]*我(?:现在)?(?:需要|应该|要|来)"
    r"|用[户戶](?:要求|希望|想|需要|让|请求).{0,20}(?:描述|我|字幕|句)"
    r"|ユーザー(?:は|が).{0,40}(?:求め|望|依頼|頼)|사용자(?:가|는).{0,40}(?:요청|원하|부탁)"
    r"|(?:пользователь|(?:der|die) (?:be)?nutzer(?:in)?|der user|(?:voyons, )?l['’]utilisateur|el usuario|o usuário|"
    r"l['’]utente) (?:\w+ ){1,3}.{0,30}(?:описа|подпис|beschreib|untertitel|satz|légende|descri|phrase|leyenda|frase)"
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
