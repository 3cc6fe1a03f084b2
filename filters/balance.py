"""Captions balanced by what they are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Drop, Global, StepContext
from ..engine.storage.files import write_json
from ..schemas import Caption, Col, Score, TagLabels
from .balancing.probabilities import (
    Counts,
    Doubles,
    Keys,
    Places,
    drawn,
    draws,
    entry_counts,
    entry_probabilities,
    p_to_t,
    t_to_p,
    text_keys,
    text_probabilities,
)

if TYPE_CHECKING:
    import duckdb

REPORT_FILE = "balance.json"
_HEAD = 50  # entries that the report names
_ONE = np.array([2**63], np.uint64)  # stands for the entry in draws of one caption a clip
_FETCHED = 20_000
_SCORE = "balance_probability"


class BalanceInput(NamedTuple):
    """A caption and its entries (and those of all others)."""

    caption: Caption
    labels: list[TagLabels]


class BalanceTexts(NamedTuple):
    """All captions in order of their ids, and which entry is in which."""

    ids: list[tuple[str, str, str]]  # caption, video, clip
    language: Any  # (N,) str
    text: Places
    entry: Places


@dataclass(frozen=True)
class Balance(Global[BalanceInput, Score]):
    """Keep all captions with rare entries, and of frequent entries as many as ``t`` (MetaCLIP's balancing).

    Xu et al. 2023 (https://arxiv.org/abs/2309.16671): an entry that more than ``t`` captions have draws each of them
    with the probability ``t / captions``, others always; a caption stays if any of its entries draws it. Entries come
    from ``annotation.concepts``, or from ``annotation.vocabulary``. Each draw follows from ``seed``, the caption's id
    and the entry, so it is the same whatever else is there. Published values: 20,000 for 400 million pairs, 170,000 for
    2.5 billion. Where ``p`` is given, ``t`` is the count at which the tail has that share of all matches.

    Scores: ``balance_probability`` of every caption with entries. ``balance.json`` in the step's folder tells head and
    tail. A clip none of whose captions stays is left without: ``filters.keep: {where: n_captions > 0}`` drops it.
    Reasons: ``no_entry``, ``other_text`` (of ``one_per_clip``), ``not_drawn``.
    """

    t: Annotated[float, Col("captions of an entry above which it belongs to the head", low=1)] = 20_000.0
    p: Annotated[float | None, Col("share of all matches that are the tail's, in place of t", low=0, high=1)] = None
    per_language: Annotated[
        bool, Col("count by language; `t` is that of `language`, others get one with the same share of the tail (v2)")
    ] = False
    language: Annotated[str, Col("the language that `t` is meant for, where each has its own")] = "en"
    one_per_clip: Annotated[bool, Col("first choose one caption with entries of each clip, at random")] = False
    keep_unmatched: Annotated[bool, Col("captions without any entry stay")] = False
    seed: Annotated[int, Col("of the draws", low=0)] = 0

    memory_mb = 2000
    measures = (_SCORE,)

    def drops(self) -> bool:
        """It does, though it writes rows."""
        return True

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Score | Drop]:
        """Scores and verdicts, in order of the captions' ids.

        Raises:
            UserError: captions have entries of several lists.
        """
        found = db.execute("SELECT DISTINCT vocabulary FROM tag_labels ORDER BY vocabulary").fetchall()
        if len(found) > 1:
            versions = ", ".join(str(version) for (version,) in found)
            raise UserError(f"filters.balance: captions have entries of {versions}", "choose one step with `from:`")
        texts = _read(db)
        keys, report = text_keys(caption for caption, _, _ in texts.ids), dict[str, Any]()
        probabilities = self._probabilities(texts, report)
        chances = np.zeros(len(texts.ids))
        stays = np.zeros(len(texts.ids), bool)
        for language, values in probabilities.items():
            mine = texts.language[texts.text] == language if self.per_language else slice(None)
            text, entry = texts.text[mine], texts.entry[mine]
            chances = np.maximum(chances, text_probabilities(text, entry, values, len(keys)))
            stays |= drawn(text, entry, values, keys, self.seed)
        reasons = self._reasons(texts, keys, stays)
        report |= {"captions": len(keys), "expected": round(float(chances.sum()), 1), "kept": reasons.count("")}
        write_json(context.folder() / REPORT_FILE, report)
        has_entry = np.bincount(texts.text, minlength=len(keys)) > 0
        for at, (caption_id, video_id, clip_id) in enumerate(texts.ids):
            if has_entry[at]:
                value = round(float(chances[at]), 6)
                yield Score(f"{caption_id}_{_SCORE}", video_id, clip_id, caption_id, _SCORE, value, f"t={report['t']}")
            if reasons[at]:
                yield Drop(caption_id, video_id, reasons[at])

    def _probabilities(self, texts: BalanceTexts, report: dict[str, Any]) -> dict[str, Doubles]:
        """By language (or for all): each entry's probability."""
        size = int(texts.entry.max(initial=-1)) + 1
        if not self.per_language:
            counts = entry_counts(texts.entry, size)
            t = self.t if self.p is None else p_to_t(counts, self.p)
            report |= _report(counts, t)
            return {"": entry_probabilities(counts, t)}
        of = texts.language[texts.text]
        counts_by = {str(one): entry_counts(texts.entry[of == one], size) for one in np.unique(of)}
        main = counts_by.get(self.language, np.zeros(size, np.int64))
        share = t_to_p(main, self.t) if self.p is None else self.p
        limits = {one: float(p_to_t(counts, share)) for one, counts in counts_by.items()}
        if self.p is None:
            limits[self.language] = self.t
        report["t"] = limits.get(self.language, self.t)
        report["languages"] = {one: _report(counts, limits[one]) for one, counts in counts_by.items()}
        return {one: entry_probabilities(counts, limits[one]) for one, counts in counts_by.items()}

    def _reasons(self, texts: BalanceTexts, keys: Keys, stays: Any) -> list[str]:
        """Why each leaves; empty for those that stay."""
        reasons = np.where(stays, "", "not_drawn").astype(object)
        has_entry = np.bincount(texts.text, minlength=len(keys)) > 0
        reasons[~has_entry] = "" if self.keep_unmatched else "no_entry"
        if self.one_per_clip:
            able = has_entry | self.keep_unmatched
            reasons[able & ~_chosen([clip for _, _, clip in texts.ids], keys, able, self.seed)] = "other_text"
        return [str(reason) for reason in reasons]


def _chosen(clips: Sequence[str], keys: Keys, able: Any, seed: int) -> Any:
    """Of each clip's texts that can be chosen the one with the smallest draw."""
    _, clip = np.unique(np.array(clips, np.str_), return_inverse=True)
    order = np.lexsort((draws(seed, keys, _ONE), ~able, clip))
    chosen = np.zeros(len(keys), bool)
    if len(order):
        chosen[order[np.concatenate([[True], np.diff(clip[order]) > 0])]] = True
    return chosen & able


def _report(counts: Counts, t: float) -> dict[str, Any]:
    """Head and tail of entries, and of matches."""
    head = counts > t
    best = np.lexsort((np.arange(len(counts)), -counts))[: min(_HEAD, int(head.sum()))]
    return {
        "t": t,
        "p": round(t_to_p(counts, t), 6),
        "entries": {"matched": int((counts > 0).sum()), "head": int(head.sum())},
        "matches": {"all": int(counts.sum()), "head": int(counts[head].sum())},
        "head": [{"number": int(n), "captions": int(counts[n]), "probability": t / int(counts[n])} for n in best],
    }


def _read(db: duckdb.DuckDBPyConnection) -> BalanceTexts:
    found = db.execute(_QUERY)
    ids, languages, sizes, parts = list[tuple[str, str, str]](), list[str](), list[int](), list[Places]()
    while rows := found.fetchmany(_FETCHED):
        ids += [(str(caption), str(video), str(clip)) for caption, video, clip, *_ in rows]
        languages += [str(language) for *_, language, _ in rows]
        sizes += [len(numbers) for *_, numbers in rows]
        parts.append(np.array([n for *_, numbers in rows for n in numbers], np.int64))
    text = np.repeat(np.arange(len(ids)), sizes)
    return BalanceTexts(ids, np.array(languages, np.str_), text, np.concatenate([np.zeros(0, np.int64), *parts]))


_QUERY = """
SELECT c.caption_id, c.video_id, c.clip_id, c.language, coalesce(l.numbers, [])
FROM captions c LEFT JOIN tag_labels l ON l.caption_id = c.caption_id ORDER BY c.caption_id
"""
