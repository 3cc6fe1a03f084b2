"""How many tokens a question or an answer has, roughly and rather too many: no tokenizer is at hand."""

from __future__ import annotations

from .model import ChatRequest, Part, VideoPart

_BYTES_EACH = 3  # English takes about four bytes a token, most other scripts about three
_TURN = 8  # marks around a turn
_PICTURE = 1500  # of one in HD; less where a server makes it smaller


def tokens_of(text: str) -> int:
    """Tokens of a text."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_EACH)


def tokens_read(request: ChatRequest) -> int:
    """Tokens of a question's turns and pictures."""
    contents = (message["content"] for message in request.messages)
    return sum(_TURN + sum(map(_part, [content] if isinstance(content, str) else content)) for content in contents)


def _part(part: Part) -> int:
    if isinstance(part, str):
        return tokens_of(part)
    return _PICTURE * (len(part.frames) if isinstance(part, VideoPart) else 1)
