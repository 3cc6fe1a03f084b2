"""The ranker learns what a cosine cannot know."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from cliploom.captioners.ranking.fit import RankerTraining, RankingExample, fit

Floats = NDArray[np.float32]


class Task(NamedTuple):
    learn: list[RankingExample]
    test: list[RankingExample]


def unit(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)


def task(seed: int, wide: int = 32, deep: int = 32, clips: int = 1500, noise: float = 0.1) -> Task:
    """Eight captions a clip; the best agrees with the clip through a hidden low-rank map; some picks are random."""
    dice = np.random.default_rng(seed)
    left, right = (dice.standard_normal((n, 6)) for n in (wide, deep))
    made = []
    for _ in range(clips):
        clip = unit(dice.standard_normal(wide).astype(np.float32))
        captions = unit(dice.standard_normal((8, deep)).astype(np.float32))
        picked = int(np.argmax((clip @ left) @ (captions @ right).T))
        if dice.random() < noise:
            picked = int(dice.integers(8))
        made.append(RankingExample(clip, captions, picked))
    return Task(made[:-300], made[-300:])


def hits(scores: list[Floats], choices: list[RankingExample]) -> float:
    return float(np.mean([int(np.argmax(s)) == c.picked for s, c in zip(scores, choices, strict=True)]))


@pytest.mark.parametrize(("wide", "deep"), [(32, 32), (24, 40)])
def test_it_finds_the_hidden_preference(wide: int, deep: int) -> None:
    learn, test = task(3, wide, deep)
    model = fit(learn)
    found = hits([model.scores(c.clip, c.captions) for c in test], test)
    assert found > 0.5, found
    if wide == deep:
        cosine = hits([c.captions @ c.clip for c in test], test)
        assert cosine < 0.25 < found / 2


def test_it_is_deterministic_and_the_seed_counts() -> None:
    learn, _ = task(1, clips=500)
    one, two, other = fit(learn), fit(learn), fit(learn, RankerTraining(seed=1))
    assert all(np.array_equal(one.weights[k], two.weights[k]) for k in one.weights)
    assert not np.array_equal(one.weights["a"], other.weights["a"])


def test_the_gradients_are_those_of_the_loss() -> None:
    from cliploom.captioners.ranking import fit as module

    learn, _ = task(5, clips=320)
    how, some = RankerTraining(), learn[:5]
    dice = np.random.default_rng(0)
    weights = {k: w.astype(np.float64) for k, w in module._begin(some[0], 4, dice).items()}
    weights["prior"] = dice.standard_normal(32)

    def loss() -> float:
        total = 0.0
        for clip in some:
            exps = 0.0
            for other in some:
                scores = module._scores(weights, clip.clip[None], other.captions)[0].astype(np.float64)  # type: ignore[arg-type]
                exps += float(np.exp(scores).sum()) * (how.own_weight if other is clip else how.other_weight)
                if other is clip:
                    best = float(scores[clip.picked])
            total += np.log(exps) - best
        return total / len(some)

    slopes = module._gradients(weights, some, how)  # type: ignore[arg-type]
    for name, place in (("a", (3, 1)), ("b", (7, 2)), ("prior", (4,)), ("cosine", (0,))):
        before, step = weights[name][place], 1e-2
        weights[name][place] = before + step
        up = loss()
        weights[name][place] = before - step
        down = loss()
        weights[name][place] = before
        assert slopes[name][place] == pytest.approx((up - down) / (2 * step), rel=0.03, abs=2e-4), name


def test_captions_of_other_clips_hardly_count() -> None:
    learn, test = task(9)
    own, alike = fit(learn), fit(learn, RankerTraining(other_weight=1.0))
    assert hits([own.scores(c.clip, c.captions) for c in test], test) > hits(
        [alike.scores(c.clip, c.captions) for c in test], test
    )


def test_negatives_that_do_not_count_leave_finite_weights() -> None:
    learn, _ = task(3, clips=320)
    fitted = fit(learn[:40], RankerTraining(epochs=2, own_weight=0.0, other_weight=0.0))
    assert all(np.isfinite(weights).all() for weights in fitted.weights.values())


def test_there_must_be_picks() -> None:
    with pytest.raises(ValueError, match="no picks"):
        fit([])
