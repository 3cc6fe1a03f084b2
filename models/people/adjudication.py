"""One answer out of several people's: by majority, by how right each person usually is, or by a senior."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Votes = Mapping[str, Hashable]
"""What each person said of one thing."""


class Ruling(NamedTuple):
    """The answer that holds."""

    value: Hashable | None  # None: it is left to a senior
    rule: str  # `majority`, `unanimous`, `weighted`, `dawid_skene` or `senior`
    dissent: tuple[str, ...]  # who said something else, by name


def by_majority(votes: Votes) -> Ruling:
    """What most said; what as many said as something else is left to a senior."""
    return _make_ruling(votes, Counter(votes.values()), "majority")


def by_unanimity(votes: Votes) -> Ruling:
    """What everyone said."""
    said = list(dict.fromkeys(votes.values()))
    return Ruling(said[0] if len(said) == 1 else None, "unanimous", ())


def by_weight(votes: Votes, accuracy: Mapping[str, float]) -> Ruling:
    """What has the most weight: the log odds of each person's accuracy on gold items; of 0.6 where there is none."""
    weights: Counter[Hashable] = Counter()
    for person, value in votes.items():
        right = min(max(accuracy.get(person, 0.6), 0.05), 0.99)
        weights[value] += np.log(right / (1 - right))
    return _make_ruling(votes, weights, "weighted")


def by_senior(votes: Votes, senior: str) -> Ruling:
    """What a senior said; nothing where they have not answered."""
    if senior not in votes:
        return Ruling(None, "senior", ())
    value = votes[senior]
    return Ruling(value, "senior", tuple(sorted(name for name, said in votes.items() if said != value)))


def dawid_skene(answers: Sequence[Votes], rounds: int = 50) -> list[Ruling]:
    """The likeliest answers, where each person confuses answers in a way of their own (Dawid and Skene 1979, by EM)."""
    labels = sorted({value for votes in answers for value in votes.values()}, key=str)
    people = sorted({person for votes in answers for person in votes})
    if not labels:
        return [Ruling(None, "dawid_skene", ()) for _ in answers]
    said = np.full((len(answers), len(people)), -1)
    for i, votes in enumerate(answers):
        for person, value in votes.items():
            said[i, people.index(person)] = labels.index(value)
    truth = np.stack([(said == k).sum(axis=1) for k in range(len(labels))], axis=1) + 1e-9
    truth = truth / truth.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        prior = np.log(truth.mean(axis=0) + 1e-12)
        scores = np.tile(prior, (len(answers), 1))
        for p in range(len(people)):
            mistakes = np.stack([truth[said[:, p] == k].sum(axis=0) for k in range(len(labels))], axis=1) + 0.01
            chances = np.log(mistakes / mistakes.sum(axis=1, keepdims=True))
            there = said[:, p] >= 0
            scores[there] += chances[:, said[there, p]].T
        truth = np.exp(scores - scores.max(axis=1, keepdims=True))
        truth = truth / truth.sum(axis=1, keepdims=True)
    found = [labels[int(k)] for k in truth.argmax(axis=1)]
    return [
        Ruling(value, "dawid_skene", tuple(sorted(name for name, own in votes.items() if own != value)))
        for value, votes in zip(found, answers, strict=True)
    ]


def _make_ruling(votes: Votes, weights: Counter[Hashable], rule: str) -> Ruling:
    best = weights.most_common(2)
    if not best or (len(best) == 2 and best[0][1] == best[1][1]):
        return Ruling(None, rule, ())
    value = best[0][0]
    return Ruling(value, rule, tuple(sorted(name for name, said in votes.items() if said != value)))
