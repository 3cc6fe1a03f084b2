"""Clips that a benchmark's test set has, or another set that must stay apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from ..engine.contract.errors import UserError
from ..engine.contract.step import Drop, Global, Step, StepContext
from ..models.encoders.vectors import VectorChoiceError, choose_model
from ..models.text.lines import read_lines
from ..schemas import Caption, Clip, Col, Embedding, Frame, Video
from ..schemas.ids import SAME_TIME_S
from .diversity.cosine import cosine_pairs
from .hashes.duplicate_groups import MIRROR
from .hashes.neighbours import near_pairs
from .outside.lists import names_of, read_digests, read_hashes, read_ids, read_vectors
from .texts.minhash import near_texts, normal_text

if TYPE_CHECKING:
    import duckdb


class LeakageInput(NamedTuple):
    """A clip, its video, and what there is of it."""

    clip: Clip
    video: Video
    frames: list[Frame] = []
    captions: list[Caption] = []
    embeddings: list[Embedding] = []


@dataclass(frozen=True)
class Leakage(Global[LeakageInput, Drop]):
    """Drop clips that are on lists of what must not be in the dataset, such as the test clips of benchmarks.

    By what a list has: names of sources, SHA-256 of files, perceptual hashes of frames, vectors of clips, texts of
    captions. A name is a video's id, its address, its file name with or without ending, or its YouTube id. A clip is on
    a list of hashes if ``share`` of its frames are within ``max_bits`` of one of them, mirrored or not. Reasons:
    ``leak_id``, ``leak_file``, ``leak_picture``, ``leak_vector``, ``leak_text``.
    """

    ids: Annotated[str, Col("names of sources, the first cell of each line")] = ""
    sha256: Annotated[str, Col("SHA-256 of files, one a line")] = ""
    phashes: Annotated[str, Col("64-bit perceptual hashes of pictures, 16 hexadecimal digits, one a line")] = ""
    vectors: Annotated[str, Col("vectors of clips or pictures, a .npy file (M, D)")] = ""
    texts: Annotated[str, Col("texts, one a line")] = ""
    max_bits: Annotated[int, Col("bits in which like hashes differ at most", low=0, high=16)] = 8
    share: Annotated[float, Col("share of a clip's frames that must be like one of the list", low=0.05, high=1)] = 0.5
    min_cosine: Annotated[float, Col("cosine from which on a vector is like one of the list", low=0, high=1)] = 0.95
    encoder: Annotated[str, Col("whose vectors to compare; empty: the only one's")] = ""
    min_similarity: Annotated[
        float, Col("share of runs of three words that a text has in common with one of the list", low=0.3, high=1)
    ] = 1.0

    memory_mb = 3000

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` without any list, and for files that are not there."""
        if not self._files():
            raise UserError("filters.leakage needs a list", "give one of ids, sha256, phashes, vectors, texts")
        for name, file in self._files().items():
            if not file.is_file():
                raise UserError(f"filters.leakage.{name}: there is no file {file}")

    def external_digest(self, context: StepContext) -> str:
        """A digest of the lists."""
        return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in self._files().values())

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """A verdict for every clip that is on a list, in order of their ids; the first reason counts.

        Raises:
            UserError: a list is none, or what it is compared with is not there.
        """
        reasons: dict[str, str] = {}
        for name, file in self._files().items():
            found: set[str] = getattr(self, f"_by_{name}")(db, file)
            reasons |= {clip_id: _REASONS[name] for clip_id in found if clip_id not in reasons}
        for clip_id, video_id in db.execute("SELECT clip_id, video_id FROM clips ORDER BY clip_id").fetchall():
            if clip_id in reasons:
                yield Drop(clip_id, video_id, reasons[clip_id])

    def _by_ids(self, db: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
        listed = read_ids(file)
        rows = db.execute("SELECT clip_id, video_id, uri FROM clips JOIN videos USING (video_id)").fetchall()
        return {clip for clip, video, uri in rows if video in listed or not listed.isdisjoint(names_of(str(uri)))}

    def _by_sha256(self, db: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
        listed = read_digests(file)
        rows = db.execute("SELECT clip_id, sha256 FROM clips JOIN videos USING (video_id)").fetchall()
        return {clip for clip, digest in rows if digest in listed}

    def _by_phashes(self, db: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
        listed = read_hashes(file)
        found: dict[str, Any] = dict(db.execute(_FRAMES).fetchnumpy())
        clip, hashes = found["clip_id"].astype(str), found["hash"]
        like = near_any(listed, hashes, self.max_bits)
        names, place = np.unique(clip, return_inverse=True)
        share = np.bincount(place, like) / np.maximum(np.bincount(place), 1) if len(names) else np.zeros(0)
        return set(names[share >= self.share - 1e-9].tolist())

    def _by_vectors(self, db: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
        listed = read_vectors(file)
        made = "SELECT DISTINCT model FROM embeddings WHERE caption_id IS NULL AND clip_id IS NOT NULL ORDER BY model"
        try:
            model = choose_model(
                (str(m) for (m,) in db.execute(made).fetchall()), self.encoder, "filters.leakage: clips"
            )
        except VectorChoiceError as error:
            raise UserError(str(error)) from None
        rows = db.execute(_VECTORS, [model]).fetchall()
        if not rows:
            return set()
        vectors = np.array([vector for _, vector in rows], np.float16)
        if vectors.shape[1] != listed.shape[1]:
            said = f"{file} has vectors of {listed.shape[1]} numbers, {model} of {vectors.shape[1]}"
            raise UserError(f"filters.leakage: {said}", "encode the list with the encoder of the recipe")
        return {str(rows[n][0]) for p in cosine_pairs(vectors, self.min_cosine, listed) for n in p.one.tolist()}

    def _by_texts(self, db: duckdb.DuckDBPyConnection, file: Path) -> set[str]:
        listed = [line for line in read_lines(file) if normal_text(line)]
        rows = db.execute("SELECT clip_id, text FROM captions ORDER BY caption_id").fetchall()
        known = {normal_text(line) for line in listed}
        found = {str(clip) for clip, text in rows if normal_text(str(text)) in known}
        if self.min_similarity < 1:
            pairs = near_texts([*listed, *(str(text) for _, text in rows)], self.min_similarity)
            across = (pairs.one < len(listed)) & (pairs.other >= len(listed))
            found |= {str(rows[n - len(listed)][0]) for n in pairs.other[across].tolist()}
        return found

    def _files(self) -> dict[str, Path]:
        return {name: Path(file).expanduser() for name in _REASONS if (file := getattr(self, name))}


def near_any(listed: Any, hashes: Any, max_bits: int) -> Any:
    """Whether each of ``hashes`` is within ``max_bits`` bits of one that is listed, or of its mirror, ``(N,)`` bool."""
    like = np.zeros(len(hashes), bool)
    for view in (np.uint64(0), MIRROR):
        for near in near_pairs(listed, hashes ^ view, max_bits):
            like[near.query] = True
    return like


_REASONS = {
    "ids": "leak_id", "sha256": "leak_file", "phashes": "leak_picture", "vectors": "leak_vector", "texts": "leak_text",
}  # fmt: skip
_FRAMES = f"""
SELECT clip_id, ('0x' || phash)::UBIGINT AS hash FROM clips JOIN frames USING (video_id)
WHERE time_s >= start_s - {SAME_TIME_S} AND (time_s < end_s - {SAME_TIME_S} OR time_s = start_s)
"""
_VECTORS = """
SELECT clip_id, vector FROM embeddings WHERE model = ? AND caption_id IS NULL AND clip_id IN (SELECT clip_id FROM clips)
ORDER BY embedding_id
"""
