"""Models on servers that speak OpenAI's chat protocol: vLLM, llama.cpp, SGLang, hosted ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn
from warnings import warn

from ...engine.contract.errors import RowError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from .health_check import greet
from .load_balancer import Endpoint, LoadBalancer, ServerTrouble
from .model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest
from .openai_protocol import body_of, failure, mask_url, read_answer
from .refused_parts import SCHEMA, SYSTEM, find_refused_part, in_words, without

if TYPE_CHECKING:
    import httpx2
    import openai

_CONNECT_S = 10.0
_LIST_S = 30.0  # a list of models takes no longer
_LANES = 8
"""Connections per HTTP client: a client looks at all of its connections for every question."""
_MOST_BYTES = 16 << 20  # of an answer: more than any number of tokens takes
_INSTEAD = {"max_tokens": "max_completion_tokens takes its place", SCHEMA: "schemas are put into words",
            SYSTEM: "it becomes part of the user's turn"}  # fmt: skip
# A server that answers twice, or late, would answer the next question on the same connection. So each has its own.
_ONE_QUESTION = {"Connection": "close", "Accept-Encoding": "identity"}


def requirements() -> list[Requirement]:
    """What ``open_remote`` loads."""
    return extra_packages("llm", "openai")


class RemoteServer:
    """One server of a model."""

    def __init__(self, url: str, options: ChatModelOptions, clients: list[openai.AsyncOpenAI]) -> None:
        self.url, self._options = mask_url(url), options
        self._clients = clients
        self._free = [client for client in clients for _ in range(_LANES)]
        self._refused: frozenset[str] = frozenset()  # parts of questions that it does not take

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``Server.ask``. What the server refuses of a question it is not sent again; it is said once.

        Questions that are under way at the same time learn it from each other.
        """
        learnt: set[str] = set()
        while True:
            refused = self._refused
            body = without(body_of(in_words(request, refused), self._options), refused)
            try:
                return read_answer(await self.send("/chat/completions", body), self.url, request)
            except RowError as error:
                part = find_refused_part(error.message, body)
                if part is None or part in refused:
                    self._refused -= learnt  # that was not it
                    raise
            if self._refused == refused:
                learnt.add(part)
                self._refused |= {part}
                warn(f"{self.url} does not take {part}: {_INSTEAD.get(part, 'it is asked without')}", stacklevel=2)

    async def send(self, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """POST a body, or GET; the content of what comes back.

        Raises:
            Trouble: it may go well another time.
            RowError, UserError, Waiting: as ``failure`` says.
        """
        import httpx2
        import openai

        limit_s = self._options.timeout_s if body is not None else min(_LIST_S, self._options.timeout_s)
        client = self._free.pop() if self._free else self._clients[0]
        try:
            async with asyncio.timeout(limit_s):
                return await _send(client, path, body)
        except (openai.APITimeoutError, TimeoutError) as error:
            if isinstance(error.__cause__, httpx2.ConnectTimeout):
                raise ServerTrouble("gone", f"{self.url}: no connection in {_CONNECT_S:g} s") from None
            what = "answer" if body is not None else "list of models"
            raise ServerTrouble("slow", f"{self.url} took longer than {limit_s:g} s for its {what}") from None
        except openai.APIConnectionError as error:
            self._lost(error)
        except openai.APIStatusError as error:
            got = error.response
            raise failure(got.status_code, got.content, got.headers, self.url) from None
        except UnicodeEncodeError:
            raise RowError("the question has characters that cannot be sent", "bad_request") from None
        finally:
            self._free.append(client)

    def _lost(self, error: openai.APIConnectionError) -> NoReturn:
        import httpx2

        cause = error.__cause__
        if isinstance(cause, ServerTrouble):
            raise cause
        why = str(cause).strip() or type(cause).__name__
        if isinstance(cause, httpx2.ConnectError):
            raise ServerTrouble("gone", f"{self.url}: no connection ({why})") from None
        if isinstance(cause, (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError)):
            raise UserError(f"{self.url} cannot be asked: {why}") from None
        raise ServerTrouble("failed", f"{self.url}: the connection was lost ({why})") from None


async def _send(client: openai.AsyncOpenAI, path: str, body: Mapping[str, Any] | None) -> bytes:
    import httpx2

    if body is None:
        got = await client.get(path, cast_to=httpx2.Response)
    else:
        got = await client.post(path, cast_to=httpx2.Response, body=body)
    return got.content


async def _limit_body(response: httpx2.Response) -> None:
    """Let no more of a body in than an answer may have. ``ServerTrouble`` for more, or what cannot be measured."""
    import httpx2

    class BodyLimit(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise ServerTrouble("broken", f"{url} sends more than {_MOST_BYTES >> 20} MB")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    url, whole = mask_url(str(response.url)), response.stream
    assert isinstance(whole, httpx2.AsyncByteStream)
    stream: httpx2.AsyncByteStream = whole
    if response.headers.get("content-encoding", "identity") != "identity":
        raise ServerTrouble("broken", f"{url} sends compressed bodies, unasked")
    response.stream = BodyLimit()


@asynccontextmanager
async def open_remote(model: ChatModelOptions) -> AsyncIterator[ChatModel]:
    """Connect to a model's servers and see that they have it.

    The revision is the recipe's, or what the first server says of the model. A server that is out of reach is set
    aside if another one answers.

    Raises:
        UserError: no server is there, the key or the address is wrong, or the model is not on it.
        Waiting: a server was busy with something else for all of ``max_wait_s``.
    """
    with extra("llm"):
        clients = {url: _clients(url, model) for url in model.url}
    async with AsyncExitStack() as stack:
        for client in chain.from_iterable(clients.values()):
            await stack.enter_async_context(client)
        servers = [RemoteServer(url, model, mine) for url, mine in clients.items()]
        greetings = await asyncio.gather(*(greet(server, model) for server in servers))
        told = [greeting.revision for greeting in greetings if not greeting.trouble]
        if not told:
            raise UserError(greetings[0].trouble, "start the server, or mend the model's url")
        endpoints = [
            Endpoint(server, model.at_once, model.per_minute, gone=bool(greeting.trouble))
            for server, greeting in zip(servers, greetings, strict=True)
        ]
        yield LoadBalancer(model.name, model.revision or told[0] or model.name, endpoints, model.max_wait_s)


def _clients(url: str, model: ChatModelOptions) -> list[openai.AsyncOpenAI]:
    import openai  # first, so that it is what is said to be missing
    import httpx2  # isort: skip

    timeout = httpx2.Timeout(model.timeout_s, connect=min(_CONNECT_S, model.timeout_s), pool=None)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    tls = httpx2.create_ssl_context()  # takes 40 ms: one for all
    key = os.environ.get(model.key_env) or "none"
    try:
        return [
            openai.AsyncOpenAI(
                api_key=key, base_url=url, max_retries=0, timeout=timeout, default_headers=_ONE_QUESTION,
                http_client=openai.DefaultAsyncHttpxClient(
                    limits=limits, timeout=timeout, verify=tls, event_hooks={"response": [_limit_body]}
                ),
            )
            for _ in range(-(-model.at_once // _LANES))
        ]  # fmt: skip
    except httpx2.InvalidURL as error:
        raise UserError(f"{mask_url(url)} is no address: {error}", "write it as http://host:port/v1") from None
