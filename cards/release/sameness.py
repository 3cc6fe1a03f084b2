"""Signs that captions were not written about their clips: too many are alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.contract.words import number_of

if TYPE_CHECKING:
    import duckdb

SAMPLE = 20_000
"""Captions that are looked at, drawn by the hash of their clips' ids; the same ones each time."""
_FEWEST = 20  # captions of which shares say anything
_PHRASE, _OPENING = 5, 3  # words

SIGNS = {
    "same": ("are the same text, but for case, numbers and marks", 0.05),
    "phrase": (f"hold the same {_PHRASE} words in a row", 0.3),
    "opening": (f"begin with the same {_OPENING} words", 0.5),
    "teacher": ("of one teacher are the same text, but for case, numbers and marks", 0.1),
    "language": ("are in another language than most", 0.2),
    "length": ("have under a quarter of the usual number of words, or over four times as many", 0.1),
}
"""What is looked for: in words, and the share above which a report tells of it."""

_SAMPLE = """
CREATE OR REPLACE TEMP TABLE _looked_at AS
SELECT clip_id, teacher, language, text, len(words) AS n, words, array_to_string(words, ' ') AS plain
FROM (SELECT *, regexp_extract_all(lower(text), '[\\p{{L}}\\p{{M}}'']+') AS words
      FROM (SELECT clip_id, {teacher}, {language}, caption AS text FROM {table} WHERE trim(caption) <> ''
            ORDER BY hash(clip_id) LIMIT {sample}))
"""
_MOST = {
    "same": "SELECT '', min(text), count(*), (SELECT count(*) FROM _looked_at) FROM _looked_at WHERE n > 0"
            " GROUP BY plain",
    "phrase": f"""SELECT '', phrase, count(*), (SELECT count(*) FROM _looked_at) FROM (
        SELECT DISTINCT clip_id, array_to_string(words[place:place + {_PHRASE - 1}], ' ') AS phrase
        FROM (SELECT clip_id, words, unnest(range(1, n - {_PHRASE - 2})) AS place FROM _looked_at)) GROUP BY phrase""",
    "opening": f"""SELECT '', array_to_string(words[1:{_OPENING}], ' '), count(*), (SELECT count(*) FROM _looked_at)
        FROM _looked_at WHERE n > {_OPENING} GROUP BY 2""",
    "teacher": """SELECT teacher, text, c, whole FROM (
        SELECT teacher, min(text) AS text, count(*) AS c, sum(count(*)) OVER (PARTITION BY teacher) AS whole
        FROM _looked_at WHERE n > 0 GROUP BY teacher, plain)""",
    "language": """SELECT '', min(text), count(*), (SELECT count(*) FROM _looked_at) FROM _looked_at
        WHERE language <> (SELECT mode(language) FROM _looked_at)""",
    "length": """SELECT '', min(text), count(*), (SELECT count(*) FROM _looked_at)
        FROM _looked_at, (SELECT median(n) AS usual FROM _looked_at) WHERE n < usual / 4 OR n > usual * 4""",
}  # fmt: skip


class Sameness(NamedTuple):
    """A sign, and how many captions show it.

    Attributes:
        sign: a key of ``SIGNS``.
        captions: that show it.
        of: captions that were looked at.
        example: what they share, or one of them.
        teacher: whose they are, for the sign ``teacher``.
    """

    sign: str
    captions: int
    of: int
    example: str
    teacher: str

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.captions / self.of

    def told(self) -> str:
        """It as a sentence."""
        what, _ = SIGNS[self.sign]
        by = f" ({self.teacher})" if self.teacher else ""
        return f"{100 * self.share:.0f} % of {number_of(self.of, 'caption')}{by} {what}: {self.example[:80]}"


def find_sameness(db: duckdb.DuckDBPyConnection, table: str) -> list[Sameness]:
    """The share of captions that show each sign, in the order of ``SIGNS``; nothing of fewer than 20 captions.

    Args:
        db: a database.
        table: a table or a query in brackets, a row a clip: ``clip_id``, ``caption``, and maybe ``teacher`` and
            ``language``.
    """
    columns = {name for name, *_ in db.execute(f"DESCRIBE FROM {table}").fetchall()}
    if not {"clip_id", "caption"} <= columns:
        return []
    teacher, language = (name if name in columns else f"'' AS {name}" for name in ("teacher", "language"))
    db.execute(_SAMPLE.format(table=table, sample=SAMPLE, teacher=teacher, language=language))
    [(captions,)] = db.execute("SELECT count(*) FROM _looked_at").fetchall()
    return list(_find(db)) if captions >= _FEWEST else []


def find_notable_sameness(db: duckdb.DuckDBPyConnection, table: str) -> list[Sameness]:
    """Those signs that so many captions show as hardly happens by chance."""
    return [one for one in find_sameness(db, table) if one.share > SIGNS[one.sign][1]]


def _find(db: duckdb.DuckDBPyConnection) -> Iterator[Sameness]:
    for sign, query in _MOST.items():
        found = db.execute(f"FROM ({query}) AS _(teacher, example, n, whole) WHERE whole >= {_FEWEST}"
                           " ORDER BY n / whole DESC, example LIMIT 1").fetchall()  # fmt: skip
        for teacher, example, n, whole in found:
            if n > 1 or sign in ("language", "length") and n:
                yield Sameness(sign, int(n), int(whole), str(example), str(teacher))


def check_limits(limits: Mapping[str, float]) -> None:
    """Raise ``UserError`` for limits of signs that there are none of, or that are no shares."""
    for sign, share in limits.items():
        if sign not in SIGNS:
            raise UserError(f"cards.dataset.sameness: there is no sign {sign!r}", f"there are {', '.join(SIGNS)}")
        if not 0 <= share <= 1:
            raise UserError(f"cards.dataset.sameness: {sign} is {share:g}: it must be a share, from 0 to 1")


def refuse_sameness(found: list[Sameness], limits: Mapping[str, float]) -> None:
    """Raise ``UserError`` where more captions are alike than the recipe allows."""
    over = [one for one in found if one.sign in limits and one.share > limits[one.sign]]
    if over:
        allowed = "; ".join(f"{one.sign}: {limits[one.sign]:g}" for one in over)
        hint = f"look at what wrote them; cards.dataset.sameness allows {allowed}"
        raise UserError(f"captions are alike: {over[0].told()}", hint, [one.told() for one in over[1:]])
