"""The one turn of a chat that is an answer, without the special tokens that a server let through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .quotations import Quotations

# A turn's head, by the chat template that writes it; the last four are what plain text makes of it.
_HEADS = (
    r"<\|(?:im_start|start|start_header_id)\|>\s*(\w+)\s*(?:<\|(?:end_header_id|message)\|>)?",  # ChatML, Llama 3
    r"<start_of_turn>\s*(\w+)",  # Gemma
    r"<[|｜]\s*(user|assistant|system|human|bot|model|observation)\s*[|｜]>",  # Phi, GLM, DeepSeek
    r"(\[/?INST\])",  # Llama 2, Mistral
    r"(?:\A|\n)[ \t*]*(?:\#{2,3}\s*)?(user|human|assistant|system|instruction|response)[ \t*]*[:：][ \t*]*",
    r"(?<=[.!?\"”'])\s+(user|human|assistant):(?=\s)",
    r"(?:\A|\n|(?<=[.!?]))(?-i:(user|assistant|model)[ \t]*\n)",
    r"\n[ \t*]*(?-i:(Q|Question))[ \t]*[:：]",
)
_HEAD = re.compile("|".join(_HEADS), re.IGNORECASE)
_ANSWERS = frozenset({"assistant", "model", "bot", "response", "[/inst]"})
_END = re.compile(
    r"<\|(?:im_end|endoftext|end_of_text|eot_id|eom_id|eot|end|return|endofprompt|im_sep|end_of_turn|eos|end_of_sentence)\|>|"
    r"<[|｜]end[▁_ ]of[▁_ ]sentence[|｜]>|</s>|<end_of_turn>|<end_of_utterance>|<eos>|<eo[adhp]>|<turn\|>|\[EOS\]|"
    r"\[end of text\]|<\|END_(?:OF_TURN|RESPONSE)_?(?:TOKEN)?\|>|</?(?:assistant|model)>|</end_of_turn>|"
    r"<\|\w{0,30}\Z|</\w{0,30}\Z|<end_?\w*\Z|"
    r"(?:(?<=\s)|\A)#{3,}\s*\Z",
    re.IGNORECASE,
)
_SPECIAL = re.compile(
    r"<[|｜][^<>|｜\n]{1,60}[|｜]>|</?(?:s|pad|unk|bos|sep|cls|mask|image|video|img|audio|start_of_turn|start_of_image|"
    r"end_of_image|image_soft_token|fake_token_around_image|global-img|row_\d+_col_\d+|unused_?\d+|extra_id_\d+|"
    r"extra_\d+|reserved_\w+)>|</?(?-i:[A-Z]{2,}(?:_[A-Z\d]+)*|[a-z]+(?:_[a-z\d]+)+)>|\[/s\]|<</?SYS>>|\[/?(?:INST|SYS|BOS|PAD|UNK|CLS|SEP|gMASK|IMG|UNUSED_TOKEN_\d+|"
    r"SYSTEM_PROMPT|TOOL_CALLS)\]",
    re.IGNORECASE,
)


_MARKS = re.compile(r"[<\[:：]|#\s*\Z|(?:user|assistant|model)[ \t]*\n")


class Turn(NamedTuple):
    """A part of a text, and whether a model's turn is what it claims to be."""

    answers: bool
    text: str


def answer_turn(text: str) -> str:
    """The first turn of the model in what it said: where it went on with others' turns, these are left out."""
    if not _MARKS.search(text):
        return text
    found = (turn.text for turn in _turns(text) if turn.answers and turn.text.strip())
    return _SPECIAL.sub(" ", next(found, ""))


def _turns(text: str) -> Iterator[Turn]:
    answers, start, quoted = True, 0, Quotations(text)
    for head in _HEAD.finditer(text):
        if head.start() not in quoted:
            yield from _pieces(answers, text[start : head.start()])
            answers, start = next(role for role in head.groups() if role).lower() in _ANSWERS, head.end()
    yield from _pieces(answers, text[start:])


def _pieces(answers: bool, text: str) -> Iterator[Turn]:
    return (Turn(answers, part) for part in _END.split(text))
