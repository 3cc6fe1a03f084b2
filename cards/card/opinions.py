"""Who wrote what was published and what people thought of it: shares, win rates, verdicts and agreement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...models.people.agreement import krippendorff_alpha, percent_agreement
from ..release.facts import PUBLISHED
from ..release.table import TEACHER

if TYPE_CHECKING:
    import duckdb


class TeacherRecord(NamedTuple):
    """One teacher's part in the published captions."""

    teacher: str
    clips: int  # published clips that it has a caption of
    wins: int  # of these, clips whose published caption is its own

    @property
    def rate(self) -> float:
        """Share of its clips that it won."""
        return self.wins / self.clips if self.clips else 0.0


class ReviewSummary(NamedTuple):
    """What people answered in a build, whether or not the clip was published."""

    people: int
    answers: int
    clips: int
    verdicts: list[tuple[str, int]]
    shared: int  # questions that two people or more answered
    agreement: float | None  # share of pairs of answers to one question that are the same
    alpha: float | None  # Krippendorff's, for names without order
    edited: float | None  # share of the answers about captions that corrected one
    gold: float | None  # share of the answers to known tasks that are right
    dissent: int  # answers that do not hold, where a rule decided


_TEACHERS = f"""
WITH candidates AS (
    SELECT clip_id, caption_id, {TEACHER} AS teacher FROM captions
    WHERE kind NOT IN ('choice', 'differential') AND start_s IS NULL
)
SELECT t.teacher, count(DISTINCT t.clip_id) AS clips,
    count(DISTINCT t.clip_id) FILTER (list_contains(c.family, t.caption_id)) AS wins
FROM candidates t JOIN _families c USING (clip_id)
GROUP BY t.teacher ORDER BY wins DESC, clips DESC, t.teacher
"""


def read_teachers(db: duckdb.DuckDBPyConnection, build: duckdb.DuckDBPyConnection) -> list[TeacherRecord]:
    """Every teacher of a caption of a whole published clip.

    ``build`` holds all captions, those among which a step chose too; ``db`` has the views that
    ``release.table.prepare`` made, of what was published.
    """
    families = f"SELECT clip_id, family FROM _chosen SEMI JOIN {PUBLISHED} USING (clip_id)"
    build.register("_families", db.sql(families).to_arrow_table())
    return [TeacherRecord(*row) for row in build.execute(_TEACHERS).fetchall()]


_SHARES = """
SELECT avg((verdict = 'edit')::INT) FILTER (kind IN ('judge', 'choose', 'edit')), avg(gold::INT),
    count(*) FILTER (NOT holds)
FROM reviews
"""


def read_reviews(db: duckdb.DuckDBPyConnection) -> ReviewSummary | None:
    """The answers in a build's table ``reviews``; None where nobody answered. Names of people are not read out."""
    rows = db.execute(
        "SELECT lower(person), clip_id, coalesce(caption_id, ''), verdict FROM reviews ORDER BY review_id"
    ).fetchall()
    if not rows:
        return None
    questions = _questions(rows)
    values = [list(answers.values()) for answers in questions.values()]
    verdicts = Counter(verdict for *_, verdict in rows)
    people, clips = {person for person, *_ in rows}, {clip for _, clip, *_ in rows}
    shared = [answers for answers in values if len(answers) > 1]
    [(edited, right, dissent)] = db.execute(_SHARES).fetchall()
    return ReviewSummary(
        len(people), len(rows), len(clips), verdicts.most_common(), len(shared), percent_agreement(shared),
        krippendorff_alpha(shared), edited, right, dissent,
    )  # fmt: skip


def _questions(rows: Iterable[tuple[str, str, str, str]]) -> Mapping[tuple[str, str], dict[str, str]]:
    """Answers by question and person: a question is a caption, or a clip where people choose among its captions."""
    rows = list(rows)
    chooses = max(Counter((person, clip) for person, clip, *_ in rows).values()) == 1
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for person, clip, caption, verdict in rows:
        chosen = f"{verdict} {caption}" if chooses and verdict == "accept" else verdict
        found[clip, "" if chooses else caption][person] = chosen
    return found
