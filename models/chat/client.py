"""Models by name: one is opened, with its answers kept and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

from ...engine.contract.errors import UserError, nearest
from ...engine.contract.requirements import Requirement
from ...engine.contract.step import StepContext
from ...engine.contract.usage import Budget, UsageCounter
from .cache import CachingModel
from .cleaning.characters import whole_characters
from .model import ChatAnswer, ChatModel, ChatModelOptions, ChatRequest
from .openai_protocol import mask_url
from .token_counts import tokens_read

_HERE = ("embedded", "fake")
_ROWS = {"embedded": 1, "fake": 256}  # an embedded answer takes seconds: a batch would make a kill dearer
_VLLM_ROWS = 256  # what its engine has under way at once, unless told otherwise
_SERVER_ROWS = 32


class BudgetModel:
    """A model whose calls count in a build's budget."""

    def __init__(self, model: ChatModel, usage: UsageCounter) -> None:
        self._model, self._spend = model, usage
        self.name, self.revision = model.name, model.revision

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """As ``ChatModel.ask``, within the budget."""
        async with self._spend.call(self.name, tokens_read(request), request.max_tokens) as call:
            answer = await self._model.ask(request)
            call.ends(answer.prompt_tokens, answer.completion_tokens)
        return answer._replace(text=whole_characters(answer.text))


@asynccontextmanager
async def open_model(model: ChatModelOptions, context: StepContext) -> AsyncIterator[ChatModel]:
    """Load a model, or connect to its servers.

    Outside in: answers that were given before come from the cache; what is asked counts in the budget;
    servers are asked politely.

    Raises:
        UserError: there is no such model, its packages are absent, its servers do not know us or it, or money is
            limited and its price is not known.
    """
    check_model(model)
    _check_price(model, context.usage.budget)
    async with _backend(model) as backend:
        counted = BudgetModel(backend, context.usage)
        try:
            if _is_here(model, "fake"):
                yield counted  # it is quicker than the cache
            else:
                async with CachingModel.open(counted, model, context.usage) as cached:
                    yield cached
        finally:
            context.usage.close()


def check_model(model: ChatModelOptions) -> None:
    """Raise ``UserError`` for a model that there is not; loads nothing."""
    if model.url and model.run:
        raise UserError(f"the model {model.name} has url and run: it is asked there, or runs here", "take one out")
    if model.name in _HERE:
        if model.url or model.run:
            raise UserError(f"{model.name} names no model of a server or of vLLM", "give name: as its server calls it")
    elif not model.url and not model.run:
        models = f"models: {', '.join(_HERE)}; for one on a server give its url, for vLLM run: vllm"
        raise UserError(f"there is no model {model.name} here{nearest(model.name, _HERE)}", models)
    for url in model.url:
        if not _is_address(url):
            raise UserError(f"{mask_url(url)!r} is no server's address", "write it as http://host:port/v1")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and not any(c.isspace() for c in url)
        return parts.scheme in ("http", "https") and named and parts.port != 0
    except ValueError:  # of a port that is none
        return False


def _check_price(model: ChatModelOptions, budget: Budget) -> None:
    if not model.url or budget.max_cost is None or model.name in budget.prices:
        return
    raise UserError(
        f"the budget has max_cost, and its prices have no {model.name}{nearest(model.name, budget.prices)}",
        f"add {model.name}: {{input: …, output: …}} to budget.prices, with zeros for a server that costs nothing",
    )


def model_requirements(model: ChatModelOptions) -> Sequence[Requirement]:
    """The packages and weights that a model takes."""
    from . import embedded, remote, vllm_model

    if model.url:
        return remote.requirements()
    if model.run == "vllm":
        return vllm_model.requirements()
    return embedded.requirements() if _is_here(model, "embedded") else ()


def model_revision(model: ChatModelOptions) -> str:
    """Which weights and settings a model stands for, as far as they are known without loading it."""
    from .embedded import REVISION

    return REVISION if _is_here(model, "embedded") else model.revision


def rows_at_once(model: ChatModelOptions) -> int:
    """Rows per batch that make good use of a model."""
    if model.run == "vllm":
        return int(model.settings.get("max_num_seqs", _VLLM_ROWS))
    return _SERVER_ROWS if model.url else _ROWS.get(model.name, 1)


def _is_here(model: ChatModelOptions, name: str) -> bool:
    return model.name == name and not model.url and not model.run


def _backend(model: ChatModelOptions) -> AbstractAsyncContextManager[ChatModel]:
    if model.url:
        from .remote import open_remote

        return open_remote(model)
    if model.run == "vllm":
        from .vllm_model import open_vllm

        return open_vllm(model)
    if model.name == "fake":
        from .fake import open_fake

        return open_fake()
    from .embedded import open_embedded

    return open_embedded()
