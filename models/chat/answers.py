"""What a model said, as a text that can be used: the one chain that every answer passes.

1. Characters: byte pieces, BPE marks, entities and halves of characters (``cleaning.characters``).
2. Reasoning and channels: only the final answer stays (``cleaning.reasoning``).
3. Turns: only the model's first turn stays, without special tokens (``cleaning.turns``).
4. Wrapping: fences, preambles, labels, quotation marks, Markdown, farewells (``cleaning.wrapping``).
5. What is left is refused when it is empty, refuses, repeats itself, or is no single answer.

An answer in JSON passes 2 and 3 as a whole, and all of it in each of its texts. A model's own words are kept as they
came in a caption's ``raw``; docs/models.md has a table of what is mended and what is refused.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError
from .cleaning.characters import readable_text
from .cleaning.near_json import json_objects
from .cleaning.reasoning import final_answer, talks_of_its_task
from .cleaning.refusals import declines
from .cleaning.repetition import loops
from .cleaning.turns import answer_turn
from .cleaning.wrapping import has_alternatives, is_table, unwrap
from .model import ChatAnswer

SHOWN_CHARS = 1500
"""How much of a bad answer its error keeps."""
_LONGEST = 100_000  # characters; whoever goes on for longer has lost the thread
_STOPPED = frozenset({"refusal", "content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"})
"""Finish reasons of answers that were held back."""
_WORD = re.compile(r"[^\W_]")
_PLACEHOLDER = re.compile(
    r"\W*(?:n/?a|none|null|nil|undefined|unknown|empty|nan|string|text|todo|tbd|placeholder|"
    r"(?:insert |your |the |a |an |write |one[- ]sentence |final )*"
    r"(?:caption|description|answer|translation|summary|sentence)(?: (?:goes )?here)?|"
    r"lorem ipsum.*|ok(?:ay)?|sure|yes|no|done|true|false|error|user|assistant|system|"
    r"not (?:applicable|visible|available|sure|clear|known)|unclear|blank|nothing|"
    r"no (?:response|answer|output|comment)|"
    r"(?:cannot|can['’]t) (?:determine|tell|say)|insufficient (?:information|context|data|detail))\W*",
    re.IGNORECASE,
)


def clean_answer(answer: ChatAnswer) -> str:
    """The answer as one line of plain text.

    Raises:
        RowError: it is ``truncated``, ``empty``, ``refused``, ``looping``, ``reasoning`` or ``several``; the message
            holds the answer.
    """
    text = final_text(answer)
    if answer.finish_reason == "length":
        raise cut_off(answer)
    return clean_text(text)


def final_text(answer: ChatAnswer) -> str:
    """What is left of the whole after the steps 1 to 3.

    Raises:
        RowError: it was held back (``refused``), is ``empty`` or ``too_long``, or came to no answer (``truncated``).
    """
    text = answer.text.strip()
    if len(text) > _LONGEST:
        raise unusable("too_long", f"the answer has {len(text):,} characters", text)
    if answer.finish_reason in _STOPPED:
        raise unusable("refused", f"the answer was held back ({answer.finish_reason})", text)
    final = final_answer(text)
    if final is None:
        raise unusable("truncated", "the model only thought aloud; raise max_tokens", text)
    found = answer_turn(final).strip()
    if not found:
        if answer.finish_reason == "length":
            raise cut_off(answer)
        why = answer.finish_reason or "no reason"
        raise unusable("empty", f"the model said nothing (it stopped for {why})", text)
    return found


def cut_off(answer: ChatAnswer) -> RowError:
    """What to say of an answer that ran into ``max_tokens``."""
    text = answer.text.strip()
    kind = "looping" if loops(text) else "truncated"
    return unusable(kind, f"the answer was cut off after {answer.completion_tokens} tokens; raise max_tokens", text)


def clean_text(text: str) -> str:
    """A text after all steps, as one line.

    Raises:
        RowError: ``empty``, ``refused``, ``looping``, ``reasoning``, ``several``, or ``truncated`` for reasoning that
            comes to no answer.
    """
    final = final_answer(readable_text(text))
    if final is None:
        raise unusable("truncated", "the model only thought aloud", text)
    turn = answer_turn(final)
    if has_alternatives(turn):
        raise unusable("several", "the model gave several answers to choose from", text)
    if is_table(turn):
        raise unusable("malformed", "the answer is a table, not a text", text)
    bare = turn.strip() if turn.lstrip().startswith('"{') else unwrap(turn)
    if bare.lstrip('"')[0:1] in ("{", "[") and (objects := json_objects(bare)):
        bare = _only_text(objects, text)
    if not _WORD.search(bare) or _PLACEHOLDER.fullmatch(bare):
        raise unusable("empty", "the model said nothing", text)
    if (fault := fault_of(bare)) is not None:
        raise unusable(*fault, text)
    return " ".join(bare.split())


def _only_text(objects: list[dict[str, Any]], said: str) -> str:
    """The one text of an object that came unasked."""
    inner = innermost(objects[-1])
    if isinstance(inner, str):
        return unwrap(inner)
    texts = [value for value in objects[-1].values() if isinstance(value, str)]
    if len(texts) != 1:
        raise unusable("malformed", "the answer is an object, not a text", said)
    return unwrap(texts[0])


def innermost(value: Any) -> Any:
    """What lists and objects hold that hold nothing else."""
    while isinstance(value, (list, dict)) and len(value) == 1:
        [value] = value.values() if isinstance(value, dict) else value
    return value


class Fault(NamedTuple):
    """Why a text is no answer: the kind of its error, and words for people."""

    kind: str
    what: str


def fault_of(text: str) -> Fault | None:
    """Whether a text refuses, loops or is reasoning."""
    if declines(text):
        return Fault("refused", "the model refused")
    if loops(text):
        return Fault("looping", "the answer repeats itself")
    return Fault("reasoning", "the model talks of what it is asked") if talks_of_its_task(text) else None


def unusable(kind: str, what: str, text: str) -> RowError:
    """The error of an answer, with its text."""
    shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    return RowError(f"{what}: {shown!r}" if text else what, kind)
