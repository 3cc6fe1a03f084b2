"""Captions as people left them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from ..engine.contract.options import digest
from ..engine.contract.step import Site, Split, Work
from ..schemas import Caption, Clip, Col, Review


class Judged(NamedTuple):
    """A clip, its captions, and what people said of them."""

    clip: Clip
    captions: list[Caption]
    reviews: list[Review] = []


@dataclass(frozen=True)
class Edits(Split[Judged, Caption]):
    """Put people's corrections in the place of the captions that they corrected; later steps read only the result.

    A caption that more people reject than accept or mend is left out. One that at least as many mend as accept is
    replaced by the text that most of them wrote (the first person's, by name, among equals). The others stay as
    they are. A text that someone wrote without choosing a caption to start from stands beside them.
    """

    unjudged: Annotated[
        str, Col("captions that nobody answered about, of clips that someone did", choices=("keep", "drop"))
    ] = "keep"

    cost = "row"
    batch = 512
    narrows = True

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Judged, Caption]]:
        """Nothing to load."""
        yield lambda rows: [self._captions(row) for row in rows]

    def _captions(self, row: Judged) -> list[Caption]:
        if not row.reviews or not row.captions:
            return row.captions
        left: list[Caption] = []
        for caption in row.captions:
            said = [review for review in row.reviews if review.caption_id == caption.caption_id]
            left += self._left(caption, said)
        written = [review for review in row.reviews if review.caption_id is None and review.verdict == "edit"]
        return [*left, *(_rewritten(row.captions[0], written, False) if written else ())]

    def _left(self, caption: Caption, said: Sequence[Review]) -> Sequence[Caption]:
        verdicts = Counter(review.verdict for review in said)
        if not said:
            return [caption] if self.unjudged == "keep" else []
        if verdicts["reject"] > verdicts["accept"] + verdicts["edit"]:
            return []
        if verdicts["edit"] and verdicts["edit"] >= verdicts["accept"]:
            return _rewritten(caption, [review for review in said if review.verdict == "edit"], True)
        return [caption]


def _rewritten(caption: Caption, edits: Sequence[Review], is_parent: bool) -> list[Caption]:
    """The text that most people wrote, as a caption of its own; who wrote it stands in the reviews alone."""
    written = Counter(review.text for review in sorted(edits, key=lambda review: review.person))
    text, _ = written.most_common(1)[0]
    if is_parent and text == caption.text:
        return [caption]
    parents = [caption.caption_id] if is_parent else []
    made = f"{caption.clip_id}_person_{digest('rewrite', parents, text)[:8]}"
    return [
        Caption(
            made, caption.video_id, caption.clip_id, "person", "rewrite", text, parents,
            model="person", revision="1", language=caption.language,
        )
    ]  # fmt: skip
