"""Find clips by what they show: by words, by a picture, or by another clip."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError
from ...models.encoders.choice import EncoderOptions, model_of
from ...models.encoders.vectors import VectorChoiceError, choose_model
from ..release.table import caption_views

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import Build

_BLOCK = 8192  # vectors that are compared at once
_OF = {False: "clip_id IS NOT NULL AND caption_id IS NULL", True: "clip_id IS NOT NULL AND caption_id IS NOT NULL"}


class Hit(NamedTuple):
    """A clip that was found."""

    clip_id: str
    score: float  # cosine, -1 to 1
    caption: str


def find_clips(build: Build, query: str, top: int, encoder: str = "", in_captions: bool = False) -> list[Hit]:
    """The clips nearest to a query, the nearest first; every stored vector is compared.

    Args:
        build: with vectors of clips, such as ``captioners.clip_embeddings`` makes, or of captions.
        query: the id of a clip, the path of a picture, or words.
        top: how many.
        encoder: whose vectors; otherwise those of the only one.
        in_captions: compare with captions and not with what clips show.

    Raises:
        UserError: the build has no vectors, or of several encoders; the picture cannot be read; the query's encoder is
            not installed, or knows no texts or no pictures.
    """
    with build.connect() as db:
        model = _model(db, encoder, in_captions)
        wanted = _clip_vector(db, query, model, in_captions)
        if wanted is None:
            wanted = _encode(build, query, model)
        scores = _scores(db, wanted, model, in_captions)
        scores.pop(query, None)  # a clip is nearest to itself
        nearest = sorted(scores, key=lambda clip_id: (-scores[clip_id], clip_id))[:top]
        said = _captions(db, nearest)
    return [Hit(clip_id, round(scores[clip_id], 4), said.get(clip_id, "")) for clip_id in nearest]


def _model(db: duckdb.DuckDBPyConnection, encoder: str, in_captions: bool) -> str:
    found = db.execute(f"SELECT DISTINCT model FROM embeddings WHERE {_OF[in_captions]}").fetchall()
    owner, step = ("captions", "text_embeddings") if in_captions else ("clips", "clip_embeddings")
    try:
        return choose_model((str(model) for (model,) in found), encoder, owner, "--encoder")
    except VectorChoiceError as error:
        hint = "" if found else f"captioners.{step} makes them; docs/view.md says how"
        raise UserError(str(error), hint) from None


def _clip_vector(
    db: duckdb.DuckDBPyConnection, query: str, model: str, in_captions: bool
) -> NDArray[np.float32] | None:
    """The mean vector of the clip that the query names; None where it names none."""
    found = db.execute(
        f"SELECT vector FROM embeddings WHERE model = ? AND clip_id = ? AND {_OF[in_captions]}", [model, query]
    ).fetchall()
    return np.array([vector for (vector,) in found], np.float32).mean(axis=0) if found else None


def _encode(build: Build, query: str, model: str) -> NDArray[np.float32]:
    """The vector of a picture or of words, by the encoder that the build used."""
    options = _options(build, model)
    picture = _read_picture(query)
    with options.open_encoder() as encoder:
        if model_of(encoder) != model:
            said = f"the build's vectors are of {model}, and {model_of(encoder)} is installed"
            raise UserError(said, "install what the build used, or build again")
        found = encoder.texts([query]) if picture is None else encoder.images([picture])
    made: NDArray[np.float32] = found[0]
    return made


def _options(build: Build, model: str) -> EncoderOptions:
    """The options of the step whose encoder made the vectors."""
    names = {field.name for field in fields(EncoderOptions)}
    for step in build.lock["steps"]:
        options = {name: value for name, value in step["options"].items() if name in names}
        if options.get("encoder") == model.partition(" (")[0] or step["options"].get("pretrained", "") in model.split():
            return EncoderOptions(**options)
    return EncoderOptions(encoder=model.partition(" (")[0])


def _read_picture(query: str) -> NDArray[np.uint8] | None:
    """``(H, W, 3)`` uint8 RGB; None where the query is no path of a file."""
    path = Path(query).expanduser()
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if data is None:
        return None
    import cv2

    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise UserError(f"{path} is no picture that can be read", "JPEG, PNG and WebP can be")
    shown: Any = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return np.asarray(shown, np.uint8)


def _scores(
    db: duckdb.DuckDBPyConnection, wanted: NDArray[np.float32], model: str, in_captions: bool
) -> dict[str, float]:
    """The best cosine of each clip's vectors."""
    import pyarrow as pa

    wanted = wanted / max(float(np.linalg.norm(wanted)), 1e-12)
    query = f"SELECT clip_id, vector::FLOAT[] AS vector FROM embeddings WHERE model = $model AND {_OF[in_captions]}"
    best: dict[str, float] = {}
    for batch in pa.RecordBatchReader.from_stream(db.sql(query, params={"model": model})):
        for start in range(0, batch.num_rows, _BLOCK):
            part = batch.slice(start, _BLOCK)
            vectors = np.asarray(part.column("vector").flatten(), np.float32).reshape(part.num_rows, -1)
            if vectors.shape[1] != len(wanted):
                raise UserError(f"vectors of {model} have {vectors.shape[1]} numbers, and the query's {len(wanted)}")
            cosines = vectors @ wanted / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
            for clip_id, cosine in zip(part.column("clip_id").to_pylist(), cosines.tolist(), strict=True):
                if cosine > best.get(clip_id, -2.0):
                    best[clip_id] = cosine
    return best


def _captions(db: duckdb.DuckDBPyConnection, clip_ids: list[str]) -> dict[str, str]:
    import pyarrow as pa

    db.register("_hits", pa.table({"clip_id": pa.array(clip_ids, pa.string())}))
    db.execute("CREATE TEMP VIEW _of_hits AS FROM captions SEMI JOIN _hits USING (clip_id)")
    db.execute(caption_views("_of_hits"))
    return dict(db.execute("SELECT clip_id, text FROM _chosen").fetchall())
