"""What a text says is not there, or not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Token


def is_absent(noun: Token) -> bool:
    """Does the text deny it: `no X`, `not a X`, `without X`, `is not wearing X`, `there is no A or X`?"""
    determiner = None
    for child in noun.lefts:
        if child.dep_ in ("neg", "preconj") and child.lower_ in ("not", "neither"):
            return True
        if child.dep_ == "det" and determiner is None:
            determiner = child
    if determiner is not None and determiner.lower_ in ("no", "neither"):
        return True
    return _is_absent_by_role(noun, determiner)


def _is_absent_by_role(noun: Token, determiner: Token | None) -> bool:
    if noun.dep_ == "conj":
        joiner, owned = conjunction(noun), determiner is not None and determiner.lower_ != "any"
        return (joiner in ("or", "nor") or (joiner in ("and", "") and not owned)) and is_absent(noun.head)
    head = noun.head
    if noun.dep_ == "pobj":
        return head.lower_ == "without" or (head.lower_ == "of" and head.head.lower_ in ("lack", "absence", "devoid"))
    return noun.dep_ in ("dobj", "attr") and (is_denied(head) or head.lemma_ == "lack")


def conjunction(token: Token) -> str:
    """The conjunction that joins a token to the one before: `and`, `or`, `but`; empty for a comma."""
    return next((c.lower_ for c in reversed(list(token.head.children)) if c.dep_ == "cc" and c.i < token.i), "")


def is_denied(token: Token) -> bool:
    """Does `not` or `neither` stand with it?"""
    return any(c.dep_ == "neg" or (c.dep_ == "preconj" and c.lower_ == "neither") for c in token.children)
