"""A step that only waits, as if for a server, for tests of streams."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import toys

from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import RowError, TransientError, Waiting
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import AsyncFunction, BatchFunction, Drop, RowAnswer, Split, StepContext
from cliploom.engine.contract.usage import Budget, PendingCall
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Col

TROUBLE = {"v00001_1": "raise", "v00002_2": "row", "v00003_0": "slow", "v00004_1": "drop"}
"""What goes wrong on which clip."""


@dataclass(frozen=True)
class Ask(Split[Clip, Caption]):
    """One caption a clip, after a while; a call of the budget each."""

    cost = "llm"
    batch = 4
    timeout_s = 0.5

    trouble: Annotated[bool, Col("are some clips troublesome?", local=True)] = False
    gone: Annotated[str, Col("a file without which the server is gone", local=True)] = ""
    log: Annotated[str, Col("log", local=True)] = ""
    wait_s: Annotated[float, Col("how long an answer takes", local=True)] = 0.002
    known: Annotated[str, Col("how the ids of clips end that are answered from a cache", local=True)] = "none"

    def max_concurrency(self) -> int:
        return 8

    @asynccontextmanager
    async def open_async(self, site: StepContext) -> AsyncIterator[AsyncFunction[Clip, Caption]]:
        yield lambda row: self._answer(row, site)

    async def _answer(self, row: Clip, site: StepContext) -> RowAnswer[Caption]:
        if row.clip_id.endswith(self.known):
            site.usage.save("toy", 10, 5)
            return []
        async with site.usage.call("toy", 10, 5) as call:
            return await self._asked(row, call)

    async def _asked(self, row: Clip, call: PendingCall) -> RowAnswer[Caption]:
        toys.count_call(self.log, f"ask {row.clip_id}")
        await asyncio.sleep(self.wait_s)
        if self.gone and not Path(self.gone).exists() and row.video_id > "v00004":
            raise Waiting("the server is gone")
        if self.trouble and (what := TROUBLE.get(row.clip_id)):
            return await self._misbehave(what, row)
        call.ends(10, 5)
        clip = row.clip_id
        return [Caption(f"{clip}_said", row.video_id, clip, "toy", "teacher", f"Seen: {clip}.", [], "toy", "1")]

    async def _misbehave(self, what: str, row: Clip) -> RowAnswer[Caption]:
        if what == "slow":
            await asyncio.sleep(60)
        if what == "raise":
            raise TransientError("busy", 0.01)
        if what == "drop":
            return [Drop(f"{row.clip_id}_half", row.video_id, "half", "the second half")]
        return RowError("it will not", "refused")


@dataclass(frozen=True)
class AskHere(Split[Clip, Caption]):
    """The same with a model in worker processes, four clips at once; an answer takes more tokens than was thought."""

    cost = "llm"
    batch = 4
    timeout_s = 20.0

    log: Annotated[str, Col("log", local=True)] = ""
    wait_s: Annotated[float, Col("how long an answer takes", local=True)] = 0.05
    dies: Annotated[str, Col("the clip that ends the process", local=True)] = ""

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Clip, Caption]]:
        async def answer(row: Clip) -> RowAnswer[Caption]:
            async with site.usage.call("toy", 10, 5) as call:
                toys.count_call(self.log, f"ask {row.clip_id} {os.getpid()}")
                await asyncio.sleep(self.wait_s)
                if row.clip_id == self.dies:
                    os._exit(3)
                call.ends(60, 40)
            clip = row.clip_id
            return [Caption(f"{clip}_said", row.video_id, clip, "toy", "teacher", f"Seen: {clip}.", [], "toy", "1")]

        async def answers(rows: list[Clip]) -> list[Any]:
            return await asyncio.gather(*map(answer, rows), return_exceptions=True)

        def work(rows: list[Clip]) -> list[RowAnswer[Caption]]:
            found = asyncio.run(answers(rows))
            for answer in found:
                if isinstance(answer, Waiting):
                    raise answer
            return found

        yield work


def recipe(last: int = 9, budget: Budget | None = None, **settings: object) -> Recipe:
    """Clips that are asked about."""
    steps = (toys.Numbers(last=last), toys.Pieces(), Ask(**settings))  # type: ignore[arg-type]
    return Recipe("asks", steps, shards=4, budget=budget or Budget())


def main() -> None:
    """The program: ``FOLDER SETTINGS``: build; settings are a JSON object."""
    run_build(recipe(**json.loads(sys.argv[2])), Path(sys.argv[1]), RunOptions(workers=os.cpu_count() or 1))
