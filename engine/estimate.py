"""What a build will cost, from doing the first few of its videos."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .build import Build, FunnelStage, run_build
from .contract.errors import UserError
from .contract.events import Listener
from .contract.recipe import Recipe
from .contract.usage import Usage, UsageTotals, read_usage, total
from .execution.build_folder import ESTIMATE, check_build_folder, is_build_folder
from .execution.runner import RunOptions
from .execution.shard_task import deal_items
from .planning.plan import Node, concurrency_of, make_plan


class Estimate(NamedTuple):
    """One step of the whole build, as the sample lets expect it."""

    step: str
    rows: int  # that will reach it
    failed: int  # of them
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: float | None  # with the workers, or the servers' lanes, that there are; None: all came from the cache


class Sample(NamedTuple):
    """How much of the source was tried."""

    videos: int
    of: int
    waiting: dict[str, str]  # why the sample was not finished, by step


def estimate(
    recipe: Recipe, root: Path, videos: int, options: RunOptions, listeners: Sequence[Listener] = ()
) -> tuple[Sample, list[Estimate]]:
    """Build the first ``videos`` in ``<root>/estimate/`` and multiply.

    Answers go into the shared cache, so that the build itself does not pay for them again. Steps that read everything
    at once, and clips of unlike videos, make it a guess.
    """
    nodes = make_plan(recipe)
    dealt = deal_items(nodes, options.limit, recipe.shards)
    found = {item.video_id for by_shard in dealt.values() for items in by_shard.values() for item in items}
    folder = root / ESTIMATE
    check_build_folder(root, nodes)
    if folder.exists() and not is_build_folder(folder):
        raise UserError(f"{folder} is there and is no build folder", "move it away, or choose another --out")
    shutil.rmtree(folder, ignore_errors=True)
    chosen = min(videos, len(found))
    outcome = run_build(recipe, folder, replace(options, limit=chosen), listeners)
    factor = len(found) / max(chosen, 1)
    tallies = read_usage(folder)
    build = Build.read(folder)
    tables = {table.name: next(n for n in nodes if n.index == table.node) for n in nodes for table in n.tables}
    rows = [
        _estimate(s, tables[s.name], tallies.get(s.name, UsageTotals({}, {})), factor, options) for s in build.funnel()
    ]
    return Sample(chosen, len(found), outcome.waiting), rows


def _estimate(stage: FunnelStage, node: Node, tally: UsageTotals, factor: float, options: RunOptions) -> Estimate:
    most = 1 if node.step.cost in ("row", "llm", "gpu") else options.workers
    at_once = concurrency_of(node) or min(node.use.workers or most, options.workers)
    paid, saved = total(tally.spent.values()), total(tally.saved.values())
    usage = paid.plus(saved)
    calls, read, written = (round(n * factor) for n in usage[:3])
    seconds = _seconds_without_cache(stage.seconds, paid, saved)
    return Estimate(
        stage.name, round(stage.came * factor), round(stage.failed * factor), calls, read, written,
        usage.cost * factor, None if seconds is None else seconds * factor / at_once,
    )  # fmt: skip


def _seconds_without_cache(seconds: float, paid: Usage, saved: Usage) -> float | None:
    """How long a sample would have taken without the cache, whose answers take no time."""
    if not saved.calls:
        return seconds
    return seconds * (paid.calls + saved.calls) / paid.calls if paid.calls else None
