"""Language models in worker processes: what they use is counted in the runner, and limits hold for all of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import asks
import pytest
import toys

from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import Waiting
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.usage import Budget, Price, Usage, UsageCounter, read_usage
from cliploom.engine.contract.usage_relay import UsageRelay, WorkerUsageCounter
from cliploom.engine.execution.runner import RunOptions


def build(root: Path, budget: Budget, **settings: object) -> dict[str, str]:
    use = StepUse(asks.AskHere(**settings), workers=2)  # type: ignore[arg-type]
    steps = (toys.Numbers(last=9), toys.Pieces(), use)
    return run_build(Recipe("asks", steps, shards=4, budget=budget), root, RunOptions(workers=2)).waiting


def asked(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()]


def test_two_processes_never_take_more_than_is_allowed_and_all_of_it(tmp_path: Path) -> None:
    log, prices = tmp_path / "log", {"toy": Price(1e4, 1e4)}  # one a call
    waiting = build(tmp_path / "b", Budget(max_cost=17.0, prices=prices), log=str(log))
    assert waiting["asks.AskHere"].startswith("the budget is spent (max_cost: 17 of 17)")
    [usage] = read_usage(tmp_path / "b")["asks.AskHere"].spent.values()
    assert usage._replace(cost=round(usage.cost, 6)) == Usage(17, 60 * 17, 40 * 17, 17.0)
    assert len(asked(log)) == 17
    assert len({pid for *_, pid in asked(log)}) == 2


def test_calls_of_a_worker_that_dies_are_counted_and_keep_nothing_aside(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert build(tmp_path / "b", Budget(max_tokens=100_000), log=str(log), dies="v00003_1") == {}
    [usage] = read_usage(tmp_path / "b")["asks.AskHere"].spent.values()
    assert usage.calls == len(asked(log)) > 30
    assert len({clip for _, clip, _ in asked(log)}) == 30


def test_a_relay_that_is_closed_gives_back_what_was_kept_for_its_calls(tmp_path: Path) -> None:
    counter = UsageCounter(tmp_path, "one", Budget(max_tokens=100))
    relay, other = UsageRelay(counter), UsageRelay(counter)
    done = relay.ask("begin", "m", Usage(0, 10, 10))
    relay.ask("end", done, Usage(0, 10, 10))
    assert relay.ask("begin", "m", Usage(0, 40, 40)) is not None
    assert other.ask("begin", "m", Usage(0, 40, 40)) is None, "it must wait for the first"
    relay.close()
    assert other.ask("begin", "m", Usage(0, 40, 40)) is not None
    assert other.ask("total") == Usage(3, 10, 10)
    with pytest.raises(Waiting, match="max_tokens: 20 of 100, and the next question may take 200"):
        UsageRelay(UsageCounter(tmp_path, "one", Budget(max_tokens=100))).ask("begin", "m", Usage(0, 100, 100))


def test_a_counter_that_goes_to_a_worker_takes_the_limits_along_and_no_count() -> None:
    made = pickle.loads(pickle.dumps(UsageCounter(Path("b"), "one", Budget(max_calls=3))))
    assert isinstance(made, WorkerUsageCounter) and made.budget == Budget(max_calls=3)
    with pytest.raises(RuntimeError, match="in a worker process of a build"):
        made.begin("m", Usage())
