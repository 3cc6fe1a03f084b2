"""Parts of a question that a server does not take: told from its refusals, and left out or put otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .model import ChatRequest, Message, Part

SCHEMA, SYSTEM, LONGEST = "response_format", "system", "max_tokens"
_NO_SCHEMA = re.compile(r"response_format|json.?schema|structured.?output|guided|grammar", re.IGNORECASE)
_NO_SYSTEM = re.compile(
    r"(?:system|developer) (?:role|message|prompt|instruction)s?(?: is| are)? not (?:supported|allowed|enabled)|"
    r"only user and assistant roles|unknown role:? .?system",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(
    r"unsupported|not supported|(?:unknown|unrecogni[sz]ed|unexpected|invalid|illegal) (?:request )?(?:parameter|"
    r"argument|field|keyword|key|property|option)|not (?:permitted|allowed|accepted|available|a valid)|extra_forbidden|"
    r"extra (?:input|field)s?|additional propert|(?:does not|doesn't|don't) (?:support|accept|allow|take)|"
    r"cannot be (?:set|used|specified|changed)|only the default|deprecated|no longer|only (?:supports?|accepts?)|"
    r"must be (?:1\b|one\b|omitted|unset|null|strictly positive)|use ['\"`]?max_completion_tokens",
    re.IGNORECASE,
)
_CONTENT = frozenset({"model", "messages"})


def not_taken(message: str) -> bool:
    """Does a server's error speak of something that it does not take?"""
    return any(pattern.search(message) for pattern in (_NO_SCHEMA, _NO_SYSTEM, _NOT_TAKEN))


def find_refused_part(message: str, body: Mapping[str, Any]) -> str | None:
    """Which part of a body a server's error says that it does not take; None where it says nothing of the kind."""
    if SCHEMA in body and _NO_SCHEMA.search(message):
        return SCHEMA
    if _NO_SYSTEM.search(message) and any(turn["role"] == "system" for turn in body["messages"]):
        return SYSTEM
    if not _NOT_TAKEN.search(message):
        return None
    found = ((re.search(rf"\b{re.escape(key)}\b", message), key) for key in body.keys() - _CONTENT)
    return min(((at.start(), key) for at, key in found if at), default=(0, None))[1]


def in_words(request: ChatRequest, refused: Collection[str]) -> ChatRequest:
    """The question with a schema, or a system turn, that is refused as words of the user's turns."""
    if SCHEMA in refused and request.schema is not None:
        request = _with_schema_in_words(request)
    if SYSTEM in refused and request.messages[0]["role"] == "system":
        system, first, *others = request.messages
        request = request._replace(messages=[_append(first, system["content"], before=True), *others])
    return request


def without(body: Mapping[str, Any], refused: Collection[str]) -> dict[str, Any]:
    """The body without what is refused; the longest answer has two names."""
    left = dict(body)
    if LONGEST in refused and LONGEST in left:
        left["max_completion_tokens"] = left.pop(LONGEST)
    return {key: value for key, value in left.items() if key not in refused}


def _with_schema_in_words(request: ChatRequest) -> ChatRequest:
    wanted = f"Answer with a JSON object of this JSON schema, and nothing else:\n{json.dumps(request.schema)}"
    *before, last = request.messages
    return request._replace(messages=[*before, _append(last, wanted)], schema=None)


def _append(turn: Message, more: str | Sequence[Part], before: bool = False) -> Message:
    """A turn with another text after what it has, or before."""
    content = turn["content"]
    if isinstance(content, str) and isinstance(more, str):
        return Message(role=turn["role"], content="\n\n".join([more, content] if before else [content, more]))
    parts: list[Part] = [content] if isinstance(content, str) else [*content]
    added: list[Part] = [more] if isinstance(more, str) else [*more]
    return Message(role=turn["role"], content=[*added, *parts] if before else [*parts, *added])
