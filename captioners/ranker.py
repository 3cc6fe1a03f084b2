"""A score learned from human picks: how likely people would pick a caption among its clip's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Global, StepContext
from ..engine.storage.files import replace_file, write_json
from ..engine.storage.hashes import hash_share
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..models.people.agreement import percent_agreement
from ..models.people.picks import MajorityPick, Pick, majority, read_picks
from ..schemas import Caption, Col, Embedding, Review, Score
from .ranking.fit import Floats, RankerTraining, RankingExample, fit
from .ranking.fit import RankerWeights as Learned

if TYPE_CHECKING:
    import duckdb

NAME = "ranker"
MODEL_FILE, REPORT_FILE = "ranker.npz", "ranker.json"


class RankerInput(NamedTuple):
    """Captions, with the vectors of clips and captions; what is measured of them already, and what people chose."""

    caption: Caption
    embeddings: list[Embedding]
    scores: list[Score] = []
    reviews: list[Review] = []


class ClipCandidates(NamedTuple):
    """One clip's captions in order of their ids, and the vectors of all."""

    video_id: str
    clip_id: str
    clip: Floats  # (D,)
    ids: list[str]
    captions: Floats  # (K, E)


@dataclass(frozen=True)
class Ranker(Global[RankerInput, Score]):
    """Learn from people's picks which captions they prefer, and score every caption by it (``ranker``).

    Reads vectors of clips and captions (`captioners.clip_embeddings`, `captioners.text_embeddings`) and the picks of a
    file, or of an `annotation.review` before it (``kind: choose`` and ``apply: false``); learns on those clips that
    people chose for, and scores all. Clips of which people found all captions bad are not learned from, as
    published. A share of the picked videos is held out: ``ranker.json`` in the step's folder reports how
    often the first caption by score is the picked one (R@1) there, beside chance, the cosine of the vectors,
    the scores that are there already, and how often two people pick the same; ``ranker.npz`` holds the weights. Same
    inputs, same weights.
    """

    measures = (NAME,)
    memory_mb = 2000

    picks: Annotated[
        Path | None,
        Col("csv file or Label Studio export with people's picks; null: their choices in earlier reviews", local=True),
    ] = None
    clip_encoder: Annotated[
        str, Col("model of the clips' vectors, or its name without version; empty: the only one's")
    ] = ""
    caption_encoder: Annotated[
        str, Col("model of the captions' vectors, or its name without version; empty: the only one's")
    ] = ""
    held_out: Annotated[float, Col("share of picked videos that it is tested on", low=0, high=0.9)] = 0.2
    epochs: Annotated[int, Col("rounds over the picks", low=1, high=10000)] = 60
    rank: Annotated[int, Col("rank of the bilinear term", low=1, high=1024)] = 32
    own_weight: Annotated[float, Col("weight of a clip's own other captions as negatives", low=0)] = 1.0
    other_weight: Annotated[float, Col("weight of other clips' captions as negatives", low=0)] = 0.01
    seed: Annotated[int, Col("of the first weights and the order of learning", low=0)] = 0

    def external_digest(self, context: StepContext) -> str:
        """The picks' content; empty where they are rows of reviews."""
        if self.picks is None:
            return ""
        try:
            return hashlib.sha256(self.picks.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"cannot read the picks {self.picks}: {error.strerror}") from None

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Score]:
        """Learn, test, save, and score."""
        where = str(self.picks or "the reviews before")
        picked = majority(read_picks(self.picks) if self.picks else _review_pairs(db))
        clips = {c.clip_id: c for c in self._candidates(db)}
        known = [p for p in picked if p.clip_id in clips]
        good = [p for p in known if p.caption_id in clips[p.clip_id].ids]
        bad = sum(not p.caption_id for p in known)
        if not good:
            said = f"none of the {len(picked)} picked clips of {where} is here with its picked caption"
            hint = "the ids must be those of this build's captions, before captioners.select"
            if bad:
                hint += f"; of {bad} clips all captions are bad, and from those nothing is learned"
            raise UserError(said, hint)
        tested = [p for p in good if hash_share(clips[p.clip_id].video_id) < self.held_out]
        learned = [p for p in good if hash_share(clips[p.clip_id].video_id) >= self.held_out]
        if not learned:  # all are of a few videos, and it must learn from some
            tested, learned = [], good
        how = RankerTraining(
            epochs=self.epochs, rank=self.rank, own_weight=self.own_weight, other_weight=self.other_weight,
            seed=self.seed,
        )  # fmt: skip
        model = fit([_choice(clips[p.clip_id], p) for p in learned], how)
        folder = context.folder()
        name = f"{NAME} {_save(model, folder / MODEL_FILE)}"
        told: dict[str, Any] = {"picked": len(picked), "all_bad": bad, "unknown": len(picked) - len(good) - bad}
        told |= {"learned_from": len(learned), "held_out": len(tested)}
        told |= evaluate_model(model, clips, tested) | {"scores": _by_scores(db, clips, tested)}
        write_json(folder / REPORT_FILE, told | {"agreement": percent_agreement(one.votes for one in known)})
        for clip in clips.values():
            for caption, value in zip(clip.ids, model.scores(clip.clip, clip.captions), strict=True):
                score = round(float(value), 5)
                yield Score(f"{caption}_{NAME}", clip.video_id, clip.clip_id, caption, NAME, score, name)

    def _candidates(self, db: duckdb.DuckDBPyConnection) -> Iterator[ClipCandidates]:
        """Every clip whose vectors are there, by id."""
        clip_model = _encoder(db, "clip_id IS NOT NULL AND caption_id IS NULL", self.clip_encoder, "clips")
        text_model = _encoder(db, "caption_id IS NOT NULL", self.caption_encoder, "captions")
        found = db.execute(
            """
            SELECT c.video_id, c.clip_id, c.caption_id, t.vector, v.vectors
            FROM captions c
            JOIN embeddings t ON t.caption_id = c.caption_id AND t.model = ?
            JOIN (SELECT clip_id, list(vector ORDER BY embedding_id) AS vectors FROM embeddings
                  WHERE caption_id IS NULL AND clip_id IS NOT NULL AND model = ? GROUP BY clip_id) v
              ON v.clip_id = c.clip_id
            ORDER BY c.clip_id, c.caption_id
            """,
            [text_model, clip_model],
        )
        held: list[tuple[str, str, str, Floats, Floats]] = []
        while rows := found.fetchmany(4096):
            for video, clip, caption, vector, vectors in rows:
                if held and held[0][1] != clip:
                    yield _together(held)
                    held = []
                mean = np.asarray(np.mean(np.asarray(vectors, np.float32), axis=0), np.float32)
                held.append((video, clip, caption, np.asarray(vector, np.float32), mean))
        if held:
            yield _together(held)


def _review_pairs(db: duckdb.DuckDBPyConnection) -> list[Pick]:
    """What people chose in reviews; an answer that does not hold counts no more than one that cannot tell."""
    rows = db.execute(
        """
        SELECT clip_id, CASE verdict WHEN 'accept' THEN caption_id ELSE '' END, person FROM reviews
        WHERE kind = 'choose' AND verdict IN ('accept', 'reject') AND coalesce(holds, true) ORDER BY review_id
        """
    ).fetchall()
    if not rows:
        said = "captioners.ranker has no picks, and nobody chose a caption in a review before it"
        raise UserError(
            said, "name a file with `picks`, or put `annotation.review: {kind: choose, apply: false}` before"
        )
    return [Pick(*row) for row in rows]


def evaluate_model(
    model: Learned, clips: Mapping[str, ClipCandidates], tested: Sequence[MajorityPick]
) -> dict[str, float | None]:
    """R@1 of the model, of chance and of the cosine on clips that it has not learned from."""
    if not tested:
        return {"r_at_1": None, "chance": None, "cosine": None}
    hits, chance, near = [], [], []
    for one in tested:
        clip = clips[one.clip_id]
        at = clip.ids.index(one.caption_id)
        hits.append(int(np.argmax(model.scores(clip.clip, clip.captions))) == at)
        chance.append(1 / len(clip.ids))
        if clip.clip.shape[0] == clip.captions.shape[1]:
            near.append(int(np.argmax(clip.captions @ clip.clip)) == at)
    cosine = float(np.mean(near)) if near else None
    return {"r_at_1": float(np.mean(hits)), "chance": float(np.mean(chance)), "cosine": cosine}


def _by_scores(
    db: duckdb.DuckDBPyConnection, clips: Mapping[str, ClipCandidates], tested: Sequence[MajorityPick]
) -> dict[str, float]:
    """R@1 of every score that captions have, by its name; a caption without it comes last."""
    hits: dict[str, int] = {}
    names = [str(n) for (n,) in db.execute("SELECT DISTINCT name FROM scores WHERE caption_id IS NOT NULL").fetchall()]
    for name in sorted(names) if tested else ():
        rows = db.execute("SELECT caption_id, value FROM scores WHERE name = ?", [name]).fetchall()
        values = dict(rows)
        for one in tested:
            ids = clips[one.clip_id].ids
            best = max(ids, key=lambda i: (values.get(i, float("-inf")), -ids.index(i)))
            hits[name] = hits.get(name, 0) + (best == one.caption_id)
    return {name: n / len(tested) for name, n in hits.items()}


def _together(held: Sequence[tuple[str, str, str, Floats, Floats]]) -> ClipCandidates:
    mean = held[0][4]
    unit = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return ClipCandidates(held[0][0], held[0][1], unit, [h[2] for h in held], np.stack([h[3] for h in held]))


def _choice(clip: ClipCandidates, picked: MajorityPick) -> RankingExample:
    return RankingExample(clip.clip, clip.captions, clip.ids.index(picked.caption_id))


def _encoder(db: duckdb.DuckDBPyConnection, condition: str, wanted: str, what: str) -> str:
    rows = db.execute(f"SELECT DISTINCT model FROM embeddings WHERE {condition}").fetchall()
    try:
        return choose_model((str(row[0]) for row in rows), wanted, f"captioners.ranker: {what}", f"{what[:-1]}_encoder")
    except VectorChoiceError as error:
        raise UserError(str(error), "" if rows else "embed them first") from None


def _save(model: Learned, path: Path) -> str:
    """Write the weights; their hash."""
    with replace_file(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **model.weights)
    digest = hashlib.blake2b(digest_size=8)
    for name in sorted(model.weights):
        digest.update(model.weights[name].tobytes())
    return digest.hexdigest()
