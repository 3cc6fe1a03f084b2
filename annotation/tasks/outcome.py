"""What the answers of several people come to, for the captions of one clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, NamedTuple

from ...schemas import Col
from ..forms.form import CAPTION_KINDS

if TYPE_CHECKING:
    import duckdb

REJECTED, UNREVIEWED = "rejected", "unreviewed"
EDITED, NOT_CHOSEN = "edited", "not_chosen"
MOMENT = "differential"  # the kind of captions about a moment


class Judgement(NamedTuple):
    """One person's answer, as far as it decides."""

    caption_id: str | None  # None: about none of the captions, or all
    person: str
    verdict: str
    text: str


class Text(NamedTuple):
    """A caption that people were asked about."""

    caption_id: str
    text: str
    kind: str = "teacher"
    teacher: str = ""
    language: str = ""
    start_s: float | None = None
    end_s: float | None = None

    @property
    def is_whole(self) -> bool:
        """Is it about the whole clip, and not about a moment of it?"""
        return self.kind != MOMENT and self.start_s is None


class Correction(NamedTuple):
    """A text that people wrote."""

    text: str
    parent: str | None  # id of the caption that it corrects; None for one of their own


@dataclass
class Outcome:
    """What becomes of a clip and its captions. ``dropped`` is by caption id."""

    dropped: dict[str, str] = field(default_factory=dict)
    written: list[Correction] = field(default_factory=list)
    reason: str = ""  # why the clip leaves; empty for one that stays


@dataclass(frozen=True)
class Rules:
    """How answers decide."""

    kind: Annotated[str, Col("judge or edit each caption, or choose among a clip's", choices=CAPTION_KINDS)] = "judge"
    unreviewed: Annotated[str, Col("what nobody gave a verdict on", choices=("keep", "drop"))] = "keep"
    tie: Annotated[str, Col("what as many are for as against", choices=("keep", "drop"))] = "keep"

    def outcome(self, texts: Sequence[Text], answers: Sequence[Judgement]) -> Outcome:
        """Count people: who accepts or edits is for a caption, who rejects is against it, who cannot tell is neither.

        A clip leaves when none of its captions is left (of those about the whole clip, where it has any).
        """
        clear = [answer for answer in answers if answer.verdict != "cannot_tell"]
        found = self._chosen(texts, clear) if self.kind == "choose" else self._judge_texts(texts, clear)
        counted = [text for text in texts if text.is_whole] or texts
        left = [text for text in counted if found.dropped.get(text.caption_id, EDITED) == EDITED]
        if not left and not any(correction.parent is None for correction in found.written):
            found.reason = REJECTED if REJECTED in found.dropped.values() else UNREVIEWED if self._strict else ""
        return found

    @property
    def _strict(self) -> bool:
        return self.unreviewed == "drop"

    def _judge_texts(self, texts: Sequence[Text], answers: Sequence[Judgement]) -> Outcome:
        found = Outcome()
        for text in texts:
            own = [answer for answer in answers if answer.caption_id == text.caption_id]
            if reason := self._against(own):
                found.dropped[text.caption_id] = reason
            else:
                _correct(found, text, own)
        return found

    def _chosen(self, texts: Sequence[Text], answers: Sequence[Judgement]) -> Outcome:
        candidates = [text for text in texts if text.is_whole]
        reason = self._against(answers)
        votes = Counter(_chose(answer) for answer in answers if answer.verdict != "reject")
        if reason or not votes:
            return Outcome({text.caption_id: reason for text in candidates} if reason else {})
        found, most = Outcome(), max(votes.values())
        for text in candidates:
            if votes[Correction("", text.caption_id)] == most:
                _correct(found, text, [answer for answer in answers if answer.caption_id == text.caption_id])
            else:
                found.dropped[text.caption_id] = NOT_CHOSEN
        found.written += sorted(vote for vote, n in votes.items() if n == most and vote.parent is None)
        return found

    def _against(self, answers: Sequence[Judgement]) -> str:
        """Why what the answers are about leaves; "" where it stays."""
        if not answers:
            return UNREVIEWED if self._strict else ""
        ahead = sum(-1 if answer.verdict == "reject" else 1 for answer in answers)
        return REJECTED if ahead < 0 or (ahead == 0 and self.tie == "drop") else ""


def _chose(answer: Judgement) -> Correction:
    """What a vote is for: a caption, or a text of one's own."""
    return Correction("" if answer.caption_id else answer.text, answer.caption_id)


def _correct(found: Outcome, text: Text, answers: Sequence[Judgement]) -> None:
    """Put the text that most people wrote in the place of one that at least as many edited as accepted."""
    verdicts = Counter(answer.verdict for answer in answers)
    if not verdicts["edit"] or verdicts["edit"] < verdicts["accept"]:
        return
    in_order = sorted((a for a in answers if a.verdict == "edit"), key=lambda answer: answer.person)
    [(best, _)] = Counter(answer.text for answer in in_order).most_common(1)
    if best != text.text:
        found.dropped[text.caption_id] = EDITED
        found.written.append(Correction(best, text.caption_id))


_QUERY = """
SELECT clip_id, c.video_id, texts, coalesce(answers, []) FROM (
    SELECT clip_id, any_value(video_id) AS video_id,
        list(row(caption_id, text, kind, teacher, language, start_s, end_s) ORDER BY caption_id) AS texts
    FROM captions GROUP BY clip_id
) c {join} JOIN (
    SELECT clip_id, list(row(caption_id, person, verdict, text) ORDER BY review_id) AS answers
    FROM {reviews} WHERE coalesce(holds, true) GROUP BY clip_id
) USING (clip_id) ORDER BY clip_id
"""


class Decision(NamedTuple):
    """A clip, and what becomes of it."""

    clip_id: str
    video_id: str
    texts: list[Text]
    outcome: Outcome


def outcomes(db: duckdb.DuckDBPyConnection, rules: Rules, reviews: str = "reviews") -> Iterator[Decision]:
    """What becomes of the clips of the view ``captions``, by id: of those that people answered about, or of all."""
    found = db.execute(_QUERY.format(reviews=reviews, join="LEFT" if rules.unreviewed == "drop" else ""))
    while batch := found.fetchmany(1024):
        for clip_id, video_id, told, answers in batch:
            texts = [Text(*values) for values in told]
            yield Decision(clip_id, video_id, texts, rules.outcome(texts, [Judgement(*values) for values in answers]))
