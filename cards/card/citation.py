"""How to cite a dataset, and the papers that its recipe follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ...engine.contract.errors import UserError
from ..release.words import short_text

_ARXIV = re.compile(r"(?:arxiv:|https?://arxiv\.org/(?:abs|pdf)/)?(\d{4}\.\d{4,5})(?:v\d+)?(?:\.pdf)?", re.IGNORECASE)
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/\S+)", re.IGNORECASE)


class Citation(NamedTuple):
    """One thing to cite: its BibTeX, or a link where no more is known."""

    bibtex: str
    link: str


def paper(text: str) -> Citation:
    """What a recipe says of a paper: BibTeX, an arXiv id, a DOI or an address.

    Raises:
        UserError: it is none of them.
    """
    plain = text.strip()
    if re.match(r"@\w+\s*\{", plain) and plain.endswith("}"):
        return Citation(plain, "")
    if found := _ARXIV.fullmatch(plain):
        return Citation("", f"https://arxiv.org/abs/{found[1]}")
    if found := _DOI.fullmatch(plain):
        return Citation("", f"https://doi.org/{found[1]}")
    if re.fullmatch(r"https?://[^\s<>\"'`()]+", plain):
        return Citation("", plain)
    raise UserError(
        f"cards.dataset.papers: {plain[:60]!r} is no paper",
        "give BibTeX, an arXiv id such as arXiv:2402.19479, or a DOI",
    )


def own_citation(name: str, title: str, authors: Sequence[str], homepage: str, version: str) -> Citation:
    """BibTeX of the dataset itself, of what is known: no year and no author where nobody told them."""
    key = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "dataset"
    fields = {"title": title, "author": " and ".join(authors)}
    fields |= {"howpublished": f"\\url{{{homepage}}}" if homepage.startswith(("http://", "https://")) else ""}
    fields |= {"note": f"Made with cliploom {version}" if version else "Made with cliploom"}
    lines = [f"  {field} = {{{_plain(text)}}}" for field, text in fields.items() if text]
    return Citation(f"@misc{{{key},\n" + ",\n".join(lines) + "\n}", "")


def _plain(text: str) -> str:
    """Text that cannot end its field or its block: in one line, with as many brackets opened as closed."""
    flat = re.sub(r"[<>`]", "", re.sub(r"\s+", " ", short_text(text))).strip()
    depth = 0
    for character in flat:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            break
    return flat if depth == 0 else re.sub(r"[{}]", "", flat)
