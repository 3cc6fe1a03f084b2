"""Some of the clips, drawn by rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..engine.contract.errors import UserError, nearest
from ..engine.contract.measures import measured_scores
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..engine.expressions.expression import columns_of, connect, name_groups
from ..models.encoders.spread import farthest_first, spherical_kmeans
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..schemas import Caption, Clip, Col, Embedding, Score, Tags, Video
from .sampling.choice import Flags, cap_groups, cap_tags, seeded_ranks, take_strata

if TYPE_CHECKING:
    import duckdb


class SampleInput(NamedTuple):
    """A clip, its video, and what there is of it (and of all others)."""

    clip: Clip
    video: Video
    captions: list[Caption] = []
    scores: list[Score] = []
    tags: list[Tags] = []
    embeddings: list[Embedding] = []


@dataclass(frozen=True)
class SampleStep(Global[SampleInput, Drop]):
    """Keep a part of the clips: at random, by strata, under caps, or unlike each other.

    First the caps: ``most`` clips of each stratum, ``tag_most`` for each object that captions name. Then, of what is
    left, ``n`` clips or a ``share``: at random, in proportion to the strata or as many of each (``even``); or spread
    over the clips' vectors (``kmeans``: evenly over ``n`` clusters; ``farthest``: each the least like those before it).
    Chance follows from ``seed`` and the clip's id alone, so that a smaller sample is a part of a larger one, and other
    clips change nothing; ``kmeans`` is the exception.

    ``by`` is a SQL expression that names a clip's stratum: over ``seconds``, ``video_id``, ``uri``, ``uploader``,
    ``license``, ``kind``, ``title``, ``width_px``, ``height_px``, ``caption``, ``teacher``, ``language`` (of the first
    caption), ``host`` (of the address), and scores by their names, such as ``topic``. Reasons: ``stratum_full``,
    ``tag_full``, ``not_drawn``.
    """

    n: Annotated[int | None, Col("how many clips stay at most", low=0)] = None
    share: Annotated[float | None, Col("which share of the clips stays", low=0, high=1)] = None
    by: Annotated[str, Col("SQL expression (DuckDB's) of a clip's stratum; empty: all are one")] = ""
    even: Annotated[bool, Col("as many of each stratum as there are, in place of their shares")] = False
    most: Annotated[int | None, Col("clips of one stratum at most", low=0)] = None
    tag_most: Annotated[
        int | None, Col("a clip leaves if so many before it have each of its captions' objects", low=1)
    ] = None
    spread: Annotated[
        str, Col("how `n` or `share` is drawn: at random, or over vectors", choices=("random", "kmeans", "farthest"))
    ] = "random"
    encoder: Annotated[str, Col("for `kmeans` and `farthest`: whose vectors of clips; empty: the only one's")] = ""
    seed: Annotated[int, Col("of all that is drawn", low=0)] = 0

    memory_mb = 3000

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for what leaves nothing to do, and for an expression that names what is not there."""
        if self.n is not None and self.share is not None:
            raise UserError("filters.sample: `n` and `share` say the same: give one of them")
        if self.n is None and self.share is None and self.most is None and self.tag_most is None:
            raise UserError("filters.sample has nothing to do", "give n, share, most or tag_most")
        if self.spread != "random" and self.n is None and self.share is None:
            raise UserError(f"filters.sample.spread is {self.spread}, and neither n nor share says how many it takes")
        if (self.even or self.most is not None) and not self.by:
            raise UserError("filters.sample: `even` and `most` need strata", "give by, such as by: video_id")
        known = [*_BASE, *(name.lower() for name in measured_scores(earlier))]
        for column in sorted(self._columns()):
            if column not in known:
                raise UserError(f"filters.sample.by: there is no column or score {column}{nearest(column, known)}")

    def _columns(self) -> set[str]:
        if not self.by:
            return set()
        try:
            with connect() as db:
                return columns_of(db, self.by)
        except UserError as error:
            raise UserError(f"filters.sample.by: {error.message}", error.hint) from None

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """A verdict for every clip that is not taken, in order of their ids.

        Raises:
            UserError: the expression does not fit, or there are no vectors to spread over.
        """
        clips = [(str(clip), str(video)) for clip, video in db.execute(_IDS).fetchall()]
        ranks = seeded_ranks([clip for clip, _ in clips], self.seed)
        strata = self._strata(db) if self.by else np.zeros(len(clips), np.int64)
        reasons = np.full(len(clips), "", object)
        if self.most is not None:
            reasons[~cap_groups(strata, ranks, self.most)] = "stratum_full"
        if self.tag_most is not None:
            left = np.flatnonzero(reasons == "")
            tags = dict(db.execute(_TAGS).fetchall())
            stays = cap_tags([tags.get(clips[at][0]) or () for at in left.tolist()], ranks[left], self.tag_most)
            reasons[left[~stays]] = "tag_full"
        left = np.flatnonzero(reasons == "")
        stays = self._draw(db, [clips[at][0] for at in left.tolist()], strata[left], ranks[left], len(clips))
        reasons[left[~stays]] = "not_drawn"
        for (clip_id, video_id), reason in zip(clips, reasons.tolist(), strict=True):
            if reason:
                yield Drop(clip_id, video_id, str(reason))

    def _draw(self, db: duckdb.DuckDBPyConnection, clips: list[str], strata: Any, ranks: Any, total: int) -> Flags:
        if self.n is None and self.share is None:
            return np.ones(len(clips), bool)
        wanted = self.n if self.n is not None else round(total * (self.share or 0.0))
        if self.spread == "random":
            return take_strata(strata, ranks, wanted, self.even)
        places, vectors = self._vectors(db, clips)
        order = np.argsort(ranks[places], kind="stable")  # so that the first by chance is the first of equals
        places, vectors = places[order], vectors[order]
        stays = np.zeros(len(clips), bool)
        if self.spread == "farthest":
            stays[places[farthest_first(vectors, wanted)]] = True
        elif len(places):
            labels = spherical_kmeans(vectors, max(1, wanted), self.seed).labels
            stays[places[take_strata(labels, np.arange(len(places)), wanted, even=True)]] = True
        return stays

    def _vectors(self, db: duckdb.DuckDBPyConnection, clips: list[str]) -> tuple[Any, Any]:
        """Places of the clips that have a vector, and these, ``(N, D)``."""
        models = [str(model) for (model,) in db.execute(_MODELS).fetchall()]
        try:
            model = choose_model(models, self.encoder, "filters.sample: clips")
        except VectorChoiceError as error:
            raise UserError(str(error), "" if models else "add captioners.clip_embeddings before it") from None
        held = {str(clip): vector for clip, vector in db.execute(_VECTORS, [model]).fetchall()}
        places = [at for at, clip in enumerate(clips) if clip in held]
        return np.array(places, np.int64), np.array([held[clips[at]] for at in places], np.float32)

    def _strata(self, db: duckdb.DuckDBPyConnection) -> Any:
        """The number of each clip's stratum, in order of their names."""
        scores = sorted(self._columns() - set(_BASE))
        sums = "".join(f', max(value) FILTER (lower(name) = ?) AS "{name}"' for name in scores)
        query = _TABLE.format(f"SELECT clip_id{sums} FROM scores GROUP BY clip_id")
        table = pa.RecordBatchReader.from_stream(db.sql(query, params=scores)).read_all()
        try:
            with connect() as judge:
                names = ["" if name is None else name for name in name_groups(judge, self.by, table)]
        except UserError as error:
            raise UserError(f"filters.sample.by: {error.message}", error.hint) from None
        return np.unique(np.array(names, np.str_), return_inverse=True)[1]


_BASE = (
    "clip_id", "video_id", "seconds", "start_s", "end_s", "uri", "host", "uploader", "license", "kind", "title",
    "width_px", "height_px", "fps", "caption", "teacher", "language",
)  # fmt: skip
_IDS = "SELECT clip_id, video_id FROM clips ORDER BY clip_id"
_TABLE = """
SELECT c.clip_id, c.video_id, c.end_s - c.start_s AS seconds, c.start_s, c.end_s, v.uri,
    regexp_extract(v.uri, '^[a-z]+://([^/]+)', 1) AS host, v.uploader, v.license, v.kind, v.title, v.width_px,
    v.height_px, v.fps, t.text AS caption, t.teacher, t.language, s.* EXCLUDE (clip_id)
FROM clips c LEFT JOIN videos v USING (video_id) LEFT JOIN (
    SELECT * FROM captions QUALIFY row_number() OVER (PARTITION BY clip_id ORDER BY caption_id) = 1
) t ON t.clip_id = c.clip_id LEFT JOIN ({}) s ON s.clip_id = c.clip_id ORDER BY c.clip_id
"""
_TAGS = "SELECT clip_id, list_distinct(flatten(list(objects))) FROM tags GROUP BY clip_id"
_MODELS = "SELECT DISTINCT model FROM embeddings WHERE caption_id IS NULL AND clip_id IS NOT NULL ORDER BY model"
_VECTORS = """
SELECT clip_id, vector FROM embeddings WHERE model = ? AND caption_id IS NULL AND clip_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY clip_id ORDER BY embedding_id) = 1
"""
