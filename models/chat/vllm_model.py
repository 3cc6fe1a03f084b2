"""vLLM in this process: a large model on this machine's GPUs, or a small one on its CPU."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import multiprocessing
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import RowError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from .model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest
from .openai_protocol import turn
from .vllm_video import READER, VllmVideoReader, film_url

if TYPE_CHECKING:
    import vllm

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "OMP_WAIT_POLICY": "PASSIVE",  # on the CPU: waiting threads sleep, ten times faster where the cores are shared
    # The engine shares this process, and goes when it goes. In a process of its own it would live on after a
    # killed worker, and keep the GPU's memory from the next one.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # this process has threads, which a fork would not
}
SEQUENCES = 256
"""Questions that the engine has under way at once, unless ``max_num_seqs`` says otherwise."""
_SEEN_PER_STEP = 4
"""Questions with pictures that join before each step: more than are read in one, and few enough for memory (a
question's pictures take tens of MB until they are read)."""
_CPU_CACHE_BYTES = 2 << 30  # its own default is nearly all memory that the machine has
_WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt")
_TOLD_BYTES = 1 << 20  # of the beginning and of the end of a file of weights
_SHOWN_CHARS = 500
_NAME = "name is a folder with a model's files, or a model of the Hub, which must be in reach or in its cache"
_CHAT: tuple[str, ...] = ("chat_template_kwargs", "mm_processor_kwargs")
_TOO_LONG = re.compile(r"maximum (?:context|model) length|encoder cache|too long", re.IGNORECASE)
_MEMORY = re.compile(r"memory|max seq len", re.IGNORECASE)


class _PendingRequest(NamedTuple):
    """A question that waits for the engine, and where its answer goes."""

    request: ChatRequest
    answer: asyncio.Future[ChatAnswer]


class VllmModel:
    """One engine. Questions join those under way before each of its steps, which are a token of every answer."""

    def __init__(self, llm: vllm.LLM, options: ChatModelOptions, name: str, revision: str) -> None:
        self.name, self.revision = name, revision
        self._llm, self._film_url = llm, film_url if options.film == "video" else None
        self._sampling, self._chat = _split(options.extra)
        self._waiting: deque[_PendingRequest] = deque()
        self._flights: dict[str, asyncio.Future[ChatAnswer]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``ChatModel.ask``. The engine's steps block the event loop; between them all tasks have their turn."""
        answer: asyncio.Future[ChatAnswer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_PendingRequest(request, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        task = self._task
        try:
            await asyncio.wait((answer, task), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                task.result()  # the engine's error
            return answer.result()
        finally:
            answer.cancel()  # unless it is done: we wait no more

    async def _run(self) -> None:
        """Step until nobody waits."""
        engine = self._llm.llm_engine
        try:
            await asyncio.sleep(0)  # who asks at the same moment is in the first step too
            while self._waiting or self._flights:
                for asked in self._joining():
                    self._join(asked)
                for output in engine.step() if engine.has_unfinished_requests() else ():
                    self._land(output)
                await asyncio.sleep(0)
        finally:
            self._task = None
            if self._flights:  # it failed: nothing of this may turn up in the steps to come
                engine.abort_request([*self._flights])
            self._flights.clear()
            self._waiting.clear()

    def _joining(self) -> Iterator[_PendingRequest]:
        """Those who wait, as many as may join before the next step."""
        seen = 0
        while self._waiting and seen < _SEEN_PER_STEP:
            asked = self._waiting.popleft()
            if asked.answer.done():
                continue  # who asked has gone
            seen += any(not isinstance(message["content"], str) for message in asked.request.messages)
            yield asked

    def _join(self, asked: _PendingRequest) -> None:
        from jinja2 import TemplateError
        from vllm.exceptions import VLLMError

        request = asked.request
        try:
            messages: Any = [[turn(message, self._film_url) for message in request.messages]]
            (name,) = self._llm.enqueue_chat(messages, [self._params(request)], use_tqdm=False, **self._chat)
        except (VLLMError, ValueError, TypeError, OSError, RuntimeError, TemplateError) as error:
            asked.answer.set_exception(_refusal(self.name, error))
        else:
            self._flights[_number(name)] = asked.answer

    def _params(self, request: ChatRequest) -> vllm.SamplingParams:
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        wanted = StructuredOutputsParams(json=dict(request.schema)) if request.schema is not None else None
        given: dict[str, Any] = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed if request.temperature > 0 else None,  # a generator for each answer takes time
            "structured_outputs": wanted,
        }
        return SamplingParams(**{**given, **self._sampling})

    def _land(self, output: Any) -> None:
        if not output.finished:
            return
        answer = self._flights.pop(_number(output.request_id), None)
        if answer is None or answer.done():
            return
        said = output.outputs[0]
        counts = len(output.prompt_token_ids or ()), len(said.token_ids)
        answer.set_result(ChatAnswer(said.text, said.finish_reason or "stop", *counts))


def _number(name: str) -> str:
    """A question's number; inside the engine some random letters follow it."""
    return name.partition("-")[0]


def _split(extra_: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What else goes with every question: sampling parameters, and arguments of ``LLM.chat``."""
    given = {key: value for key, value in extra_.items() if value is not None}
    chat = {key: given.pop(key) for key in _CHAT if key in given}
    return given, chat


def _refusal(name: str, error: Exception) -> RowError:
    said = _line(error)
    if _TOO_LONG.search(said):
        return RowError(f"{name}: {said}; give it less to read", "too_long")
    return RowError(f"{name}: {said}", "bad_request")


def _line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:_SHOWN_CHARS] or type(error).__name__


def requirements() -> list[Requirement]:
    """What ``open_vllm`` loads."""
    return extra_packages("vllm", "vllm")


@asynccontextmanager
async def open_vllm(model: ChatModelOptions) -> AsyncIterator[ChatModel]:
    """Load a model of the Hub, or of a local folder: half a minute and more.

    Every CUDA GPU that ``tensor_parallel_size`` asks for is used, to ``gpu_memory_utilization`` (0.92) of its memory.

    Raises:
        UserError: vLLM is not installed or does not run here, there is no such model, or it finds too little memory.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Workers are daemons, and a daemon may have no children; for several GPUs vLLM starts some. They end with us.
    multiprocessing.current_process().daemon = False
    with extra("vllm"):
        try:
            import vllm
            from vllm.distributed import cleanup_dist_env_and_memory
            from vllm.multimodal.video import VIDEO_LOADER_REGISTRY
        except ModuleNotFoundError:
            raise
        except (ImportError, OSError, RuntimeError) as error:
            raise UserError(
                f"vLLM does not run here: {_line(error)}", "https://docs.vllm.ai says what it needs"
            ) from error
    VIDEO_LOADER_REGISTRY.register(READER)(VllmVideoReader)
    _check_extra(model)
    llm = _load(model)
    path = Path(model.name)
    name = path.resolve().name if path.exists() else model.name
    try:
        yield VllmModel(llm, model, name, f"{_weights(model, llm)} vllm {vllm.__version__}")
    finally:
        llm.llm_engine.engine_core.shutdown()
        del llm
        gc.collect()
        cleanup_dist_env_and_memory()


def _check_extra(model: ChatModelOptions) -> None:
    import vllm
    from vllm.exceptions import VLLMError

    try:
        vllm.SamplingParams(**_split(model.extra)[0])
    except (VLLMError, TypeError, ValueError) as error:
        raise UserError(f"{model.name}: extra: {_line(error)}", "it takes vLLM's sampling parameters") from error


def _load(model: ChatModelOptions) -> vllm.LLM:
    import vllm
    from vllm.exceptions import VLLMError

    if Path(model.name).is_absolute() and not Path(model.name).exists():
        raise UserError(f"there is no model {model.name}", _NAME)
    try:
        return vllm.LLM(model.name, **_arguments(model))
    except (VLLMError, OSError, RuntimeError, TypeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(f"vLLM cannot load {model.name}: {_line(error)}", _hint(model, error)) from error


def _hint(model: ChatModelOptions, error: BaseException) -> str:
    if _MEMORY.search(str(error)):
        return "settings of the model: a smaller max_model_len, or another gpu_memory_utilization, asks for less memory"
    if isinstance(error, TypeError):
        return "settings takes vLLM's engine arguments"
    if isinstance(error, OSError) and not Path(model.name).exists():
        return _NAME
    return "settings holds vLLM's engine arguments; is one of them wrong?"


def _arguments(model: ChatModelOptions) -> dict[str, Any]:
    """vLLM's engine arguments: what suits this use, and over it the recipe's settings."""
    from vllm.platforms import current_platform

    unused = {"audio": 0} if model.film == "video" else {"audio": 0, "video": 0}
    given: dict[str, Any] = {
        "revision": model.revision or None,
        "seed": model.seed,
        "max_num_seqs": SEQUENCES,
        "limit_mm_per_prompt": unused,  # no memory is set aside for what is not sent
        # Without it a model may write blanks until it runs out of tokens.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "use_tqdm_on_load": False,
    }
    if current_platform.is_cpu() and "VLLM_CPU_KVCACHE_SPACE" not in os.environ:
        given["kv_cache_memory_bytes"] = _CPU_CACHE_BYTES
    given |= model.settings
    if model.film == "video":
        media = dict(given.get("media_io_kwargs") or {})
        given["media_io_kwargs"] = {**media, "video": {**media.get("video", {}), "video_backend": READER}}
    return given


def _weights(model: ChatModelOptions, llm: vllm.LLM) -> str:
    """Which weights: the recipe's revision, the Hub's commit, or a digest of the local files, as far as it is quick."""
    here = Path(model.name)
    if not here.exists():
        return str(getattr(llm.model_config.hf_config, "_commit_hash", None) or model.revision or "main")
    digest = hashlib.sha256()
    for path in sorted(here.iterdir()) if here.is_dir() else [here]:
        if path.name == "config.json" or path.suffix in _WEIGHTS:
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(_TOLD_BYTES))
                file.seek(max(size - _TOLD_BYTES, 0))
                digest.update(file.read(_TOLD_BYTES))
    return f"sha256:{digest.hexdigest()[:16]}"
