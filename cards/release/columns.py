"""The columns of the published table, declared as rows are: name, type, meaning, unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from ...schemas import Col, Pair, arrow_schema
from ...schemas.features import features_yaml
from ...schemas.media import KINDS
from .words import short_text

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "file_name"  # what VideoFolder looks for
SCORE = "score_"
_FILES = b"files"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the captions that a clip has."""

    text: Annotated[str, Col("the caption")]
    start_s: Annotated[float | None, Col("start of what it is about; null: the whole clip", unit="s")]
    end_s: Annotated[float | None, Col("end of it, or the same for a single frame", unit="s")]
    teacher: Annotated[str, Col("who said it")]
    kind: Annotated[str, Col("its role")]
    model: Annotated[str, Col("the model that wrote it, or the rule")]


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the published table: one clip. Columns that a build has no data for are left out."""

    file_name: Annotated[str, Col("the clip's own file, relative to this table; `datasets` gives the file itself")]
    clip_id: Annotated[str, Col("id of the clip: the video's id and the times in milliseconds")]
    video_id: Annotated[str, Col("id of the source; all clips of one are in one split")]
    kind: Annotated[str, Col("what the source is: an image's clip is `[0, 0]`, a text has no picture", choices=KINDS)]
    start_s: Annotated[float, Col("start of the clip in its source", unit="s")]
    end_s: Annotated[float, Col("end of the clip in its source, exclusive", unit="s")]
    duration_s: Annotated[float, Col("length of the clip", unit="s", low=0)]
    shots: Annotated[int, Col("number of shots in the clip", low=0)]
    caption: Annotated[str, Col("the caption")]
    teacher: Annotated[str, Col("who said the caption; `review` for a person's correction")]
    model: Annotated[str, Col("the model that wrote the caption, or the rule; `person` for a correction")]
    captions: Annotated[
        list[Candidate],
        Col("the clip's captions that are no copies of others: of the whole clip, then of moments in it by time"),
    ]
    objects: Annotated[list[str] | None, Col("lemmas of the caption's nouns")]
    attributes: Annotated[list[str] | None, Col("lemmas of the caption's attributes")]
    pairs: Annotated[list[Pair] | None, Col("which attribute describes which object")]
    transcript: Annotated[str | None, Col("what is said inside the clip")]
    review: Annotated[
        str | None,
        Col(
            "what most people said of the caption, or of the one that it corrects; null: nobody was asked",
            choices=("accept", "edit", "reject", "cannot_tell"),
        ),
    ]
    reviewers: Annotated[int, Col("how many people answered about the clip", low=0)]
    title: Annotated[str, Col("title of the source, empty where unknown")]
    uploader: Annotated[str, Col("who published the source, empty where unknown")]
    uri: Annotated[str, Col("where the source came from: a URL, or a path inside the source folder")]
    license: Annotated[str, Col("licence of the source, as it was stated there, empty where unknown")]
    source_sha256: Annotated[str, Col("SHA-256 of the source's file, hexadecimal")]
    width_px: Annotated[int | None, Col("width of the source as shown: upright, with square pixels", unit="px", low=1)]
    height_px: Annotated[
        int | None, Col("height of the source as shown: upright, with square pixels", unit="px", low=1)
    ]
    coded_width_px: Annotated[int | None, Col("width of the source as it is stored", unit="px", low=1)]
    coded_height_px: Annotated[int | None, Col("height of the source as it is stored", unit="px", low=1)]
    file_width_px: Annotated[int | None, Col("width of the clip's own file as shown", unit="px", low=1)]
    file_height_px: Annotated[int | None, Col("height of the clip's own file as shown", unit="px", low=1)]
    damaged: Annotated[float | None, Col("share of the clip's frames that are damaged in the source", low=0, high=1)]
    fps: Annotated[float | None, Col("average frame rate of the source", unit="1/s", low=0)]


def score_columns(names: Iterable[str]) -> dict[str, str]:
    """A column name for each score name, in order: ``conse`` becomes ``score_conse``."""
    made: dict[str, str] = {}
    for name in sorted(names):
        column = plain = SCORE + (re.sub(r"\W+", "_", name).strip("_").lower() or "unnamed")
        number = 2
        while column in made.values():
            column, number = f"{plain}_{number}", number + 1
        made[name] = column
    return made


def release_schema(
    missing: Iterable[str], scores: Mapping[str, str], models: Mapping[str, Sequence[str]] | None = None
) -> pa.Schema:
    """The schema of a release without the columns ``missing``, with one column a score before ``title``.

    ``scores`` are columns by name of the score, ``models`` what measured each.
    """
    import pyarrow as pa

    whole, left_out = arrow_schema(Example), set(missing)
    fields = [field for field in whole if field.name not in left_out]
    at = next(i for i, field in enumerate(fields) if field.name == "title")
    made = [
        pa.field(column, pa.float64(), metadata={"doc": _score_doc(name, (models or {}).get(name, ()))})
        for name, column in scores.items()
    ]
    return pa.schema([*fields[:at], *made, *fields[at:]])


def files_of(schema: pa.Schema) -> str:
    """What the files of a release's clips are: ``video``, ``image``, or ``mixed``; empty where there are none."""
    if FILE not in schema.names:
        return ""
    return ((schema.field(FILE).metadata or {}).get(_FILES) or b"video").decode()


def name_files(schema: pa.Schema, kind: str) -> pa.Schema:
    """The schema that says so."""
    at = schema.get_field_index(FILE)
    field = schema.field(at)
    return schema.set(at, field.with_metadata({**(field.metadata or {}), _FILES: kind.encode()}))


def file_kind(schema: pa.Schema) -> str:
    """The feature of ``datasets`` that holds them: ``image``, or ``video``, which keeps files of both kinds as well."""
    return "image" if files_of(schema) == "image" else "video"


def file_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """As VideoFolder and ImageFolder of ``datasets`` give a table: the file itself in the place of its name."""
    kind = file_kind(schema)
    return [{"name": kind, "dtype": kind} if f["name"] == FILE else f for f in features_yaml(schema)]


def _score_doc(name: str, models: Sequence[str]) -> str:
    by = f", measured by {', '.join(models[:3])}{' and others' if models[3:] else ''}" if models else ""
    return short_text(f"the score {name} of the clip or its caption{by}")
