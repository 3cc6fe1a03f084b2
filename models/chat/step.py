"""Steps that ask a chat model about each of their rows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, TypeVar

from ...engine.contract.errors import RowError
from ...engine.contract.options import digest, plain_options
from ...engine.contract.requirements import Requirement
from ...engine.contract.resources import Resources
from ...engine.contract.step import AsyncFunction, BatchFunction, RowAnswer, Split, Step, StepContext
from ...schemas import Col
from .client import check_model, model_requirements, model_revision, open_model, rows_at_once
from .model import ChatModel, ChatModelOptions
from .prompt import Prompt, load_prompt

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class ChatStep(Split[In, Out]):
    """A step with a model: a subclass says in ``answer`` what it asks about a row.

    Servers are asked from the runner's event loop, many rows at once; a model that runs here sits in a
    worker process and gets batches.
    """

    cost = "llm"
    memory_mb = 2000
    timeout_s = 3600.0

    model: Annotated[ChatModelOptions, Col("the model: a word, or its options")] = field(
        default_factory=ChatModelOptions
    )

    async def answer(self, row: In, model: ChatModel) -> Sequence[Out]:
        """The rows made of one row; ``RowError`` for an answer that cannot be used."""
        raise NotImplementedError

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a model that there is not."""
        check_model(self.model)

    def requirements(self) -> Sequence[Requirement]:
        """What the model takes."""
        return model_requirements(self.model)

    def resources(self) -> Resources:
        """With vLLM the GPUs that it is spread over, or the share of one that its settings allow it."""
        if self.cost != "llm" or self.model.run != "vllm":
            return Resources(memory_mb=self.memory_mb)
        spread = self._setting("tensor_parallel_size") * self._setting("pipeline_parallel_size")
        share = self._setting("gpu_memory_utilization") if spread == 1 else 1.0
        return Resources(gpus=spread * share, memory_mb=self.memory_mb)

    def _setting(self, name: str) -> float:
        """One of vLLM's numbers; 1 where it is not set, or what vLLM will refuse."""
        value = self.model.settings.get(name)
        return float(value) if isinstance(value, (int, float)) and value > 0 else 1.0

    def paid_models(self) -> Sequence[str]:
        """The model, if it is on a server."""
        return (self.model.name,) if self.model.url else ()

    def revision(self) -> str:
        """The model's weights, as far as they are known without loading them."""
        return model_revision(self.model)

    def digits(self, parents: Sequence[str]) -> str:
        """Eight hexadecimal digits of what a text depends on: the step's options and what it is made of."""
        return hashlib.blake2b("\0".join([self._made_from, *parents]).encode(), digest_size=4).hexdigest()

    @cached_property
    def _made_from(self) -> str:
        return digest(plain_options(self, hashed=True), self.revision())  # steps are opened as copies: it holds for one

    def open_prompt(self, name: str) -> Prompt:
        """A prompt as it was when the step was opened: a file that changes meanwhile changes nothing."""
        if name not in self._prompts:
            self._prompts[name] = load_prompt(name)
        return self._prompts[name]

    @cached_property
    def _prompts(self) -> dict[str, Prompt]:
        return {}

    def rows_per_call(self) -> int:
        """Rows that make good use of the model."""
        return rows_at_once(self.model)

    def max_concurrency(self) -> int:
        """Questions that its servers take at once."""
        return self.model.max_concurrency

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[In, Out]]:
        """Connect to the servers."""
        opened = replace(self)
        async with open_model(self.model, context) as model:
            yield lambda row: opened._one(row, model)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[In, Out]]:
        """Load the model into this process."""
        opened = replace(self)
        with asyncio.Runner() as runner:
            stack = AsyncExitStack()
            model = runner.run(stack.enter_async_context(open_model(self.model, context)))

            def work(rows: Sequence[In]) -> list[RowAnswer[Out]]:
                return runner.run(opened._all(rows, model))

            try:
                yield work
            finally:
                runner.run(stack.aclose())

    async def _one(self, row: In, model: ChatModel) -> RowAnswer[Out]:
        try:
            return await self.answer(row, model)
        except RowError as error:
            return error

    async def _all(self, rows: Sequence[In], model: ChatModel) -> list[RowAnswer[Out]]:
        answers = await asyncio.gather(*(self._one(row, model) for row in rows), return_exceptions=True)
        found: list[RowAnswer[Out]] = []
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, RowError):
                raise answer  # not before all have ended: what was answered is kept
            found.append(answer)
        return found
