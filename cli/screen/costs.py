"""What models cost, on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from pathlib import Path

from ...engine.contract.recipe import Recipe
from ...engine.contract.usage import Usage, read_usage, total
from ...engine.contract.words import number_of
from ...engine.estimate import Estimate, estimate
from ...engine.execution.runner import RunOptions
from .formatting import duration, number
from .interrupts import stoppable
from .progress import progress
from .tables import Column, print_table


def print_estimate(recipe: Recipe, root: Path, videos: int, options: RunOptions, json: bool) -> None:
    """Try a few videos, and print what all of them would take."""
    with stoppable("cliploom plan --estimate"), progress(json) as listeners:
        sample, found = estimate(recipe, root, videos, options, listeners)
    if json:
        print(dumps({**sample._asdict(), "steps": [one._asdict() for one in found]}, ensure_ascii=False))
        return
    names = ("rows", "calls", "tokens in", "tokens out", "cost", "time")
    print_table(
        [Column("step"), *(Column(name, "right") for name in names)], [_line(one) for one in [*found, _all(found)]]
    )
    of = number_of(sample.of, "video")
    print(f"\nfrom {sample.videos:,} of {of}; steps overlap, so the whole may take less than the sum")
    for one in found:
        if one.seconds is None:
            print(f"how long {one.step} takes is not known: the cache had all its answers")
    for step, why in sample.waiting.items():
        print(f"{step} was not finished: {why}")


def cost_line(root: Path) -> str:
    """What a build's models have cost so far, in a line; "" where none was asked."""
    tallies = read_usage(root).values()
    paid = total(usage for tally in tallies for usage in tally.spent.values())
    saved = total(usage for tally in tallies for usage in tally.saved.values())
    if not paid.calls and not saved.calls:
        return ""
    cached = f", {number_of(saved.calls, 'answer')} from the cache" if saved.calls else ""
    return f"models: {_calls(paid)}{cached}"


def _calls(usage: Usage) -> str:
    cost = f", {_money(usage.cost)}" if usage.cost else ""
    return f"{number_of(usage.calls, 'call')}, {usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out{cost}"


def _money(cost: float) -> str:
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.4g}"


def _line(one: Estimate) -> list[str]:
    numbers = [number(n) for n in (one.rows, one.calls, one.prompt_tokens, one.completion_tokens)]
    time = "?" if one.seconds is None else duration(one.seconds) if one.seconds else ""
    return [one.step, *numbers, _money(one.cost) if one.cost else "", time]


def _all(found: Sequence[Estimate]) -> Estimate:
    sums = zip(*(one[3:] for one in found), strict=True)
    calls, read, written, cost, seconds = (sum(n for n in column if n is not None) for column in sums)
    return Estimate("all", 0, 0, int(calls), int(read), int(written), float(cost), float(seconds))
