"""OpenAI's chat protocol: questions as JSON bodies, bodies and errors as answers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ...engine.contract.errors import RowError, UserError, Waiting
from .answers import SHOWN_CHARS
from .load_balancer import ServerTrouble
from .model import ChatAnswer, ChatModelOptions, ChatRequest, ImagePart, Message, Part, VideoPart
from .refused_parts import not_taken
from .token_counts import tokens_of, tokens_read

_TOO_LONG = re.compile(
    r"context.{0,3}(?:length|size|window)|maximum (?:context|model|input)|too (?:long|many tokens|large)|"
    r"exceeds? the (?:available|max|limit|model)|longer than the max",
    re.IGNORECASE,
)
_BLIND = re.compile(
    r"(?:image|video|vision).{0,40}(?:not supported|unsupported)|not (?:a )?multimodal|"
    r"(?:not|n't) support.{0,20}(?:image|video|vision)",
    re.IGNORECASE,
)
_TOO_LARGE = re.compile(r"request (?:is )?too large|reduce the length|must be reduced", re.IGNORECASE)
_FOREVER_S = 1e9
_CUT_OFF = frozenset({"max_tokens", "model_length", "max_output_tokens", "max_length", "token_limit"})
_MOST_TOKENS = 10_000_000  # of one answer; a server that says more is wrong


def body_of(request: ChatRequest, options: ChatModelOptions) -> dict[str, Any]:
    """The body of a question. What the recipe's ``extra`` sets to null is left out."""
    film_url = _film_url if options.film == "video" else None
    body: dict[str, Any] = {
        "model": options.name,
        "messages": [turn(message, film_url) for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.top_p < 1:
        body["top_p"] = request.top_p
    if request.schema is not None:
        wanted = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    if options.extra:
        body.update(options.extra)
        body = {key: value for key, value in body.items() if value is not None}
    return body


def turn(message: Message, film_url: Callable[[VideoPart], str] | None) -> dict[str, Any]:
    """A message as OpenAI's protocol has it; a film is one video at a ``data:`` URL, or its frames as pictures."""
    content = message["content"]
    if isinstance(content, str):
        return {"role": message["role"], "content": content}
    return {"role": message["role"], "content": [sent for part in content for sent in _content_parts(part, film_url)]}


def _content_parts(part: Part, film_url: Callable[[VideoPart], str] | None) -> list[dict[str, Any]]:
    if isinstance(part, str):
        return [{"type": "text", "text": part}]
    if isinstance(part, ImagePart):
        return [{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_base64(part)}"}}]
    if film_url is not None:
        return [{"type": "video_url", "video_url": {"url": film_url(part)}}]
    return [sent for frame in part.frames for sent in _content_parts(frame, None)]


def _film_url(film: VideoPart) -> str:
    """The form that vLLM's server takes: https://docs.vllm.ai/en/latest/features/multimodal_inputs.html."""
    return f"data:video/jpeg;base64,{','.join(_base64(frame) for frame in film.frames)}"


def _base64(picture: ImagePart) -> str:
    return base64.b64encode(picture.jpeg).decode("ascii")


def read_answer(content: bytes, url: str, request: ChatRequest) -> ChatAnswer:
    """The answer that a body holds; what it does not say, or cannot, of its tokens is estimated.

    Raises:
        Trouble: it is no answer at all.
        RowError, UserError, Waiting: it is an error that came as a success.
    """
    reply = as_json(content)
    if reply is not None and isinstance(reply.get("error"), dict) and not reply.get("choices"):
        code = reply["error"].get("code")
        raise failure(code if isinstance(code, int) else 500, content, {}, url)
    try:
        assert reply is not None
        choice = reply["choices"][0]
        message = choice["message"]
        text, why = _text(message.get("content")), str(choice.get("finish_reason") or "stop").lower()
        if not text and isinstance(message.get("refusal"), str) and message["refusal"]:
            text, why = message["refusal"], "refusal"
    except (AssertionError, LookupError, TypeError, AttributeError):
        raise ServerTrouble("broken", f"{url} sent no answer but {_excerpt(content)}") from None
    usage = reply.get("usage")
    read, written = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
    counts = (tokens_read(request) if read is None else read, tokens_of(text) if written is None else written)
    return ChatAnswer(text, "length" if why in _CUT_OFF else why, *counts)


def _count(usage: Any, name: str) -> int | None:
    """A number of tokens, or None for one that cannot be."""
    count = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS else None


def _text(content: Any) -> str:
    """A message's text. Some servers send it in parts; what a model thought stands elsewhere and is left out."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    return "".join(part["text"] for part in content if isinstance(part.get("text"), str))


def failure(
    status: int, content: bytes, headers: Mapping[str, str], url: str
) -> RowError | UserError | Waiting | ServerTrouble:
    """What an HTTP error means: for the row, for the user, for the build, or for a while."""
    said = _message(content)
    what = f"{url} answered {status}: {said}" if said else f"{url} answered {status}"
    if status in (401, 403):
        hint = "put the right key into the environment variable that key_env names (else OPENAI_API_KEY)"
        return UserError(what[:400], hint)
    if status == 402 or "insufficient_quota" in said or b'"insufficient_quota"' in content:
        return Waiting(f"{what[:400]}; build again when there is credit")
    if _BLIND.search(said[:200]):
        return UserError(what[:400], "ask a model that sees pictures")
    if status == 429 and not _TOO_LARGE.search(said):
        return ServerTrouble("busy", what, after_s(headers))
    after = after_s(headers) if status in (503, 529) else None
    if status in (408, 409, 425) or (status >= 500 and status != 501):
        if not_taken(said):
            return RowError(what, "bad_request")
        return ServerTrouble("busy" if after is not None else "failed", what, after)
    if status in (413, 429) or _TOO_LONG.search(said):
        return RowError(f"{what}; give it less to read", "too_long")
    return RowError(what, "refused" if "content_filter" in said or b'"content_filter"' in content else "bad_request")


def after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, given as a number or as a date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        wait = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), _FOREVER_S) if wait == wait else None


def as_json(content: bytes) -> dict[str, Any] | None:
    """A body as a JSON object, or None."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _message(content: bytes) -> str:
    """What an error's body says, in one line."""
    found: Any = (body := as_json(content))
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            found = found[key]
    said = found if isinstance(found, str) else _plain(content)
    error = body.get("error") if body is not None else None
    part = error.get("param") if isinstance(error, dict) else None
    part = f" ({part})" if isinstance(part, str) and part not in said else ""
    return " ".join(f"{said}{part}".split())[:SHOWN_CHARS]


def _excerpt(content: bytes) -> str:
    return repr(_plain(content)[:200]) if content else "nothing"


def _plain(content: bytes) -> str:
    return content[: SHOWN_CHARS * 2].decode("utf-8", "replace")


def mask_url(url: str) -> str:
    """An address without the name and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", url.rstrip("/"))
