"""Is a release good enough to go out? What its recipe asks for, and what people's answers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError, nearest
from ...engine.contract.words import number_of
from ...engine.execution.build_folder import read_lock
from ...engine.storage.sql import quote_literal
from ...models.people.acceptance import release_acceptance
from ...schemas import DatasetEntry, Review
from .findings import Finding
from .source import DatasetSource

_CLIPS = "(SELECT clip_id FROM entries UNION SELECT clip_id FROM reviews SEMI JOIN clips USING (clip_id))"


class AcceptanceTerms(NamedTuple):
    """What a recipe asks for before a release.

    Attributes:
        bad: at most this share of the clips is bad, from 0 to below 1.
        confidence: that it is so, above 0 and below 1.
        allowed: bad ones among those that people look at; more need more answers, and fail fewer good releases.
    """

    bad: float = 0.05
    confidence: float = 0.95
    allowed: int = 0


def make_terms(options: Mapping[str, float]) -> AcceptanceTerms | None:
    """The terms of the option ``acceptance`` of cards.dataset; None where it asks for nothing.

    Raises:
        UserError: a name or a number that cannot be.
    """
    for name in options:
        if name not in AcceptanceTerms._fields:
            known = ", ".join(AcceptanceTerms._fields)
            said = f"cards.dataset.acceptance has no {name}{nearest(name, AcceptanceTerms._fields)}"
            raise UserError(said, f"it has {known}")
    if not options:
        return None
    terms = AcceptanceTerms(options.get("bad", 0.05), options.get("confidence", 0.95), int(options.get("allowed", 0)))
    whole = terms.allowed == options.get("allowed", 0) and terms.allowed >= 0
    if not (0 <= terms.bad < 1 and 0 < terms.confidence < 1 and whole):
        said = f"cards.dataset.acceptance is {dict(options)}"
        raise UserError(said, "`bad` and `confidence` are shares such as 0.05 and 0.95, `allowed` is a number of clips")
    return terms


def check_acceptance(source: DatasetSource) -> Iterator[Finding]:
    """What the recipe of a dataset asks of people's answers, and is not there."""
    lock = source.build.lock if source.build is not None else read_lock(source.root) or {}
    terms = _terms(lock)
    if terms is None:
        return
    asked = f"at most {100 * terms.bad:g} % bad clips with {100 * terms.confidence:g} % confidence"
    if source.build is None:
        yield Finding(f"its recipe asks for {asked}, and its reviews are not here", "publish the build's own folder")
        return
    chosen = choosing_reviews(lock)
    with source.build.connect() as db:
        names = ", ".join(map(quote_literal, chosen))
        counted = f"(SELECT * FROM reviews WHERE _step NOT IN ({names}))" if chosen else "reviews"
        found = release_acceptance(db, 1 - terms.bad, terms.confidence, terms.allowed, _CLIPS, counted)
    looked = f"of {number_of(found.good + found.bad, 'clip')} that people looked at, {found.bad:,} bad"
    looked += "".join(
        f"; answers to {name} say nothing of all clips, because of `{why}`" for name, why in chosen.items()
    )
    if found.state == "open":
        more = number_of(found.more, "more good review")
        yield Finding(f"its recipe asks for {asked}: {more} needed; so far, {looked}", _REVIEW)
    elif found.state == "rejected":
        mend = "mend what is bad, or drop it by a filter, and have other clips reviewed"
        yield Finding(f"its recipe asks for {asked}, and allows {terms.allowed:,}: {looked}", mend)


_REVIEW = "let annotation.review ask more with `order: random`: `cliploom review push`, then build again"


def choosing_reviews(lock: Mapping[str, Any]) -> dict[str, str]:
    """The tables of reviews whose tasks were not drawn by chance from all that there is, each with the option why."""
    found: dict[str, str] = {}
    for step in lock.get("steps", ()):
        options = step.get("options") or {}
        why = {name: options.get(name) for name in ("order", "strata", "since")}
        said = [f"{name}: {value}" for name, value in why.items() if value and value != "random"]
        names = [table["name"] for table in step.get("tables", ()) if table.get("table") == Review.table]
        found |= {name: said[0] for name in names if said}
    return found


def require_acceptance(source: DatasetSource) -> None:
    """Raise ``UserError`` for a release that its recipe does not let out yet."""
    for finding in check_acceptance(source):
        raise UserError(f"this release is not accepted: {finding.what}", finding.mend)


def _terms(lock: Mapping[str, Any]) -> AcceptanceTerms | None:
    options = [
        step.get("options") or {}
        for step in lock.get("steps", ())
        if any(table.get("table") == DatasetEntry.table for table in step.get("tables", ()))
    ]
    return make_terms(options[-1].get("acceptance") or {}) if options else None
