"""Steps that wait for servers: many rows at once, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asks
import pytest

from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.usage import Budget, Price, Usage, UsageCounter, UsageTotals, read_usage
from cliploom.engine.estimate import estimate
from cliploom.engine.execution.runner import RunOptions

PROGRAM = (sys.executable, "-c", "import asks; asks.main()")


def build(root: Path, **settings: Any) -> dict[str, str]:
    return run_build(asks.recipe(**settings), root, RunOptions(workers=2)).waiting


def said(root: Path) -> dict[str, str]:
    with Build.read(root).connect() as db:
        return dict(db.execute("SELECT clip_id, text FROM captions").fetchall())


def asked(log: Path) -> Counter[str]:
    return Counter(line.split()[1] for line in log.read_text().splitlines()) if log.exists() else Counter()


def test_every_row_is_asked_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert build(tmp_path / "b", log=str(log)) == {}
    assert said(tmp_path / "b") == {f"v{v:05d}_{k}": f"Seen: v{v:05d}_{k}." for v in range(10) for k in range(3)}
    assert set(asked(log).values()) == {1}
    build(tmp_path / "b", log=str(log))
    assert asked(log).total() == 30


def test_a_row_in_trouble_is_one_row(tmp_path: Path) -> None:
    log = tmp_path / "log"
    build(tmp_path / "b", log=str(log), trouble=True)
    with Build.read(tmp_path / "b").connect() as db:
        errors = db.execute("SELECT id, kind FROM errors ORDER BY id").fetchall()
        verdicts = db.execute("SELECT id, video_id, reason, detail FROM verdicts").fetchall()
    assert errors == [("v00001_1", "TransientError"), ("v00002_2", "refused"), ("v00003_0", "timeout")]
    assert verdicts == [("v00004_1_half", "v00004", "half", "the second half")]
    assert len(said(tmp_path / "b")) == 26
    assert {clip: n for clip, n in asked(log).items() if n > 1} == {"v00001_1": 4}
    [stage] = [s for s in Build.read(tmp_path / "b").funnel() if s.table == "captions"]
    assert (stage.came, stage.done, stage.dropped, stage.parts, stage.failed) == (30, 27, 0, 1, 3)


def test_a_server_that_is_gone_leaves_a_build_to_go_on_with(tmp_path: Path) -> None:
    root, gone, log = tmp_path / "b", tmp_path / "server", tmp_path / "log"
    waiting = build(root, gone=str(gone), log=str(log))
    assert waiting == {"asks.Ask": "the server is gone"}
    assert Build.read(root).waiting() == waiting
    before = said(root)
    assert {clip for clip in before if clip > "v00004_9"} == set()
    log.unlink()
    gone.touch()
    assert build(root, gone=str(gone), log=str(log)) == {}
    assert len(said(root)) == 30
    assert not asked(log).keys() & before.keys()
    assert Build.read(root).waiting() == {}


def test_a_budget_stops_the_build_and_a_raised_one_goes_on(tmp_path: Path) -> None:
    root, log = tmp_path / "b", tmp_path / "log"
    waiting = build(root, log=str(log), budget=Budget(max_calls=12))
    assert "max_calls: 12 of 12" in waiting["asks.Ask"]
    assert asked(log).total() == 12
    assert read_usage(root) == {"asks.Ask": UsageTotals({"toy": Usage(12, 120, 60, 0.0)}, {})}
    prices = {"toy": Price(1e5, 2e5)}  # two a call
    waiting = build(root, log=str(log), budget=Budget(max_cost=20.0, prices=prices))
    assert "max_cost" in waiting["asks.Ask"]
    assert build(root, log=str(log)) == {}
    assert len(said(root)) == 30


def take(usage: UsageCounter, prompt_tokens: int, completion_tokens: int) -> None:
    async def go() -> None:
        async with usage.call("m", 0, 0) as call:
            call.ends(prompt_tokens, completion_tokens)

    asyncio.run(go())


def test_the_count_of_other_steps_is_in_the_total(tmp_path: Path) -> None:
    first, second = (UsageCounter(tmp_path, name, Budget(max_tokens=1000)) for name in ("one", "two"))
    take(first, 70, 20)
    assert second.total() == Usage(1, 70, 20, 0.0)  # in this process at once
    first.close()
    take(second, 5, 5)
    assert second.total() == Usage(2, 75, 25, 0.0)


def ask_all(*spends: UsageCounter, rows: int, takes: tuple[int, int] = (1000, 100), wait_s: float = 0.005) -> list[Any]:
    """Many calls at once, of several steps, each of which takes more than was thought."""

    async def one(usage: UsageCounter) -> None:
        async with usage.call("big", 100, 50) as call:
            await asyncio.sleep(wait_s)
            call.ends(*takes)

    async def go() -> list[Any]:
        calls = [one(usage) for _ in range(rows) for usage in spends]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(go())


def test_calls_under_way_count_in_a_limit(tmp_path: Path) -> None:
    budget = Budget(max_cost=0.02, prices={"big": Price(1.0, 10.0)})  # a call costs 0.002
    one, two = (UsageCounter(tmp_path, name, budget) for name in ("one", "two"))
    answers = ask_all(one, two, rows=16)
    assert one.total().cost <= 0.02
    assert answers.count(None) == 10  # and not one less
    assert {str(a).partition(";")[0] for a in answers if a} == {"the budget is spent (max_cost: 0.02 of 0.02)"}


def test_a_limit_that_the_next_call_might_break_is_spent(tmp_path: Path) -> None:
    usage = UsageCounter(tmp_path, "one", Budget(max_tokens=3000))
    answers = ask_all(usage, rows=16)
    assert answers.count(None) == 2
    assert "max_tokens: 2,200 of 3,000, and the next question may take 1,100" in str(answers[-1])
    assert ask_all(UsageCounter(tmp_path, "two", Budget(max_calls=5)), rows=16).count(None) == 3


def test_calls_that_fail_leave_what_was_kept_for_them(tmp_path: Path) -> None:
    usage = UsageCounter(tmp_path, "one", Budget(max_tokens=200))

    async def go() -> None:
        for _ in range(5):
            with pytest.raises(OSError, match="gone"):
                async with usage.call("m", 100, 50):
                    raise OSError("gone")
        async with usage.call("m", 100, 50) as call:
            call.ends(100, 50)

    asyncio.run(go())
    assert usage.total() == Usage(6, 100, 50)


def test_a_budget_is_read_from_a_recipe() -> None:
    head = "name: x\nbudget: {max_cost: 5, prices: {big: {input: 0.1, output: 0.4}}}\n"
    text = head + "steps:\n  - builders.folder: {path: x}\n"
    assert read_recipe(text, "r.yaml").budget == Budget(max_cost=5, prices={"big": Price(0.1, 0.4)})


@pytest.mark.slow
def test_killed_builds_end_in_the_same_bytes(tmp_path: Path) -> None:
    settings = {"last": 60, "wait_s": 0.01}
    build(tmp_path / "clean", **settings)
    dice = random.Random(7)
    root = tmp_path / "killed"
    for _ in range(5):
        started = subprocess.Popen(
            [*PROGRAM, str(root), json.dumps(settings)], env=None, cwd=Path(asks.__file__).parent
        )
        time.sleep(dice.uniform(0.4, 1.2))
        started.send_signal(signal.SIGKILL)
        started.wait()
    build(root, **settings)
    assert tables(root) == tables(tmp_path / "clean")


def tables(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob("tables/**/rows-*.parquet")}


def test_an_estimate_multiplies_a_sample(tmp_path: Path) -> None:
    log = tmp_path / "log"
    prices = {"toy": Price(1e5, 2e5)}
    recipe = asks.recipe(last=19, log=str(log), budget=Budget(prices=prices))
    sample, found = estimate(recipe, tmp_path / "b", 4, RunOptions(workers=2))
    assert sample == (4, 20, {})
    assert asked(log).total() == 12
    by_step = {one.step: one for one in found}
    one = by_step["asks.Ask"]
    assert (one.rows, one.failed, one.calls, one.prompt_tokens, one.completion_tokens) == (60, 0, 60, 600, 300)
    assert abs(one.cost - 120.0) < 1e-6
    assert by_step["toys.Pieces"].rows == 20


def test_answers_from_the_cache_make_an_estimate_no_cheaper_and_no_quicker(tmp_path: Path) -> None:
    def asked_s(known: str) -> float | None:
        _, found = estimate(asks.recipe(wait_s=0.02, known=known), tmp_path / "b", 4, RunOptions(workers=2))
        [one] = [one for one in found if one.step == "asks.Ask"]
        assert (one.rows, one.calls, one.prompt_tokens) == (30, 30, 300)
        return one.seconds

    least_s = 30 * 0.02 / 8  # of as many questions, on eight lanes
    assert (asked_s("none") or 0) >= least_s
    assert (asked_s("_1") or 0) >= least_s  # a third of them is known
    assert asked_s("") is None
