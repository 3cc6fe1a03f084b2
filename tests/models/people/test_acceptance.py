"""Plans that are known from tables, and decisions that keep their promise."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from cliploom.models.people.acceptance import AcceptancePlan, release_acceptance, wilson
from cliploom.schemas import Clip, Review, to_arrow


@pytest.mark.parametrize(("allowed", "size"), [(0, 59), (1, 93), (2, 124)])
def test_sizes_for_large_populations_are_those_of_the_tables(allowed: int, size: int) -> None:
    assert AcceptancePlan(10_000_000, allowed=allowed).sample_size() == size


def test_small_populations_need_fewer_and_never_more_than_all() -> None:
    assert AcceptancePlan(100).sample_size() == 39  # with 6 bad of 100: C(94, 39) / C(100, 39) is just below 5 %
    assert AcceptancePlan(10).sample_size() == 10
    assert AcceptancePlan(0).sample_size() == 0


def test_it_is_decided_as_soon_as_the_rest_cannot_matter() -> None:
    plan = AcceptancePlan(10_000_000, allowed=1)
    assert plan.decide(0, 0)[:2] == ("open", 92)
    assert plan.decide(50, 1)[:2] == ("open", 42)
    assert plan.decide(92, 1)[:2] == ("accepted", 0)
    assert plan.decide(92, 0)[:2] == ("accepted", 0)  # the 93rd may be bad
    assert plan.decide(3, 2)[:2] == ("rejected", 0)


def test_what_is_not_good_enough_passes_at_most_one_time_in_twenty() -> None:
    dice, plan = np.random.default_rng(1), AcceptancePlan(1000, allowed=1)
    size, passed = plan.sample_size(), 0
    for _ in range(3000):
        bad = int(dice.hypergeometric(51, 949, size))
        passed += plan.decide(size - bad, bad).state == "accepted"
    assert passed / 3000 <= 0.06


def test_wilson_is_as_published() -> None:
    assert wilson(81, 263) == pytest.approx((0.30798, 0.25529, 0.36620), abs=2e-4)  # Newcombe (1998), table I
    assert wilson(0, 0) == (0, 0, 1)


def test_the_reviews_of_a_build_decide() -> None:
    clips = [Clip(f"c{i}", "v", 0.0, 1.0, []) for i in range(30)]

    def decide(verdicts: list[str], *more: Review) -> tuple[str, int]:
        rows = [Review(f"r{i}", "v", f"c{i}", f"c{i}_a", "ann", v, task_id=f"t{i}") for i, v in enumerate(verdicts)]
        rows += more
        with duckdb.connect() as db:
            db.register("clips", to_arrow(Clip, clips))
            db.register("reviews", to_arrow(Review, rows))
            found = release_acceptance(db, share=0.9)
        return found.state, found.more

    size = AcceptancePlan(30, 0.9).sample_size()
    assert decide([]) == ("open", size)
    assert decide(["accept"] * 10 + ["cannot_tell"]) == ("open", size - 10)
    assert decide(["accept"] * size) == ("accepted", 0)
    assert decide(["accept", "edit"]) == ("rejected", 0)
    known = Review("k", "v", "c20", "c20_a", "ann", "reject", task_id="t20", gold=True)
    dissent = Review("d", "v", "c0", "c0_a", "bo", "reject", task_id="t0", holds=False)
    assert decide(["accept"] * 10, known, dissent) == ("open", size - 10)
