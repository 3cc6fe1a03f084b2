"""One row per clip, with a column for all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from ...schemas import Caption, Clip, Field, Score, Tags, Video, arrow_schema, memoize, row_fields, to_arrow


class KeepInput(NamedTuple):
    """A clip with what was said and measured of it."""

    clip: Clip
    captions: list[Caption] = []
    scores: list[Score] = []
    tags: list[Tags] = []
    videos: list[Video] = []


_MADE = {
    "seconds": pa.float64(),  # length of the clip
    "n_shots": pa.int64(),
    "n_captions": pa.int64(),
    "caption": pa.string(),  # the first by id; null without one, as the next three
    "caption_words": pa.int64(),  # separated by blanks
    "teacher": pa.string(),
    "language": pa.string(),
    "objects": pa.list_(pa.string()),  # of its captions, each once; empty without tags, as the next three
    "n_objects": pa.int64(),
    "attributes": pa.list_(pa.string()),
    "n_attributes": pa.int64(),
}


@memoize
def base_schema() -> pa.Schema:
    """The columns that every clip has: its own, those of its captions and tags, and those of its video."""
    video = [pa.field(f.name, arrow_schema(Video).field(f.name).type) for f in _video_fields()]
    made = [pa.field(name, type_) for name, type_ in _MADE.items()]
    return pa.schema([*arrow_schema(Clip).remove_metadata(), *made, *video])


def full_schema(scores: Iterable[str]) -> pa.Schema:
    """The base columns and one number for each score; a score with the name of a base column has none."""
    base = base_schema()
    taken = {name.lower() for name in base.names}
    return pa.schema([*base, *(pa.field(s, pa.float64()) for s in scores if s.lower() not in taken)])


_CLIP_MADE = {"seconds": ("start_s", "end_s"), "n_shots": ("shots",)}


def clip_columns_for(names: frozenset[str]) -> list[str]:
    """The columns of clips that ``clip_table`` makes these of, in lower case; none where one is not of the clip."""
    own = {name.lower(): (name,) for name in arrow_schema(Clip).names} | _CLIP_MADE
    if not names <= own.keys():
        return []
    return sorted({column for name in names for column in own[name]}) or ["start_s"]  # of `true` too


def clip_table(clips: pa.Table) -> pa.Table:
    """A table of some columns of clips, and what is made of these."""
    import pyarrow.compute as pc

    made = {}
    if {"start_s", "end_s"} <= {*clips.column_names}:
        made["seconds"] = pc.subtract(clips.column("end_s"), clips.column("start_s"))
    if "shots" in clips.column_names:
        made["n_shots"] = pc.list_value_length(clips.column("shots")).cast(pa.int64())
    return pa.table({**dict(zip(clips.column_names, clips.columns, strict=True)), **made})


def to_table(rows: Sequence[KeepInput], scores: Iterable[str]) -> pa.Table:
    """The clips as a table of the full schema."""
    schema = full_schema(scores)
    columns = to_arrow(Clip, [row.clip for row in rows]).columns
    made = [_caption_columns(row) for row in rows]
    numbers = [_numbers(row) for row in rows]
    found: list[Any] = [*columns]
    found += [pa.array([one[name] for one in made], type_) for name, type_ in _MADE.items()]
    for field in _video_fields():
        values = [getattr(row.videos[0], field.name) if row.videos else None for row in rows]
        found.append(pa.array(values, schema.field(field.name).type))
    found += [pa.array([one.get(s.lower()) for one in numbers], pa.float64()) for s in schema.names[len(found) :]]
    return pa.Table.from_arrays(found, schema=schema)


def _caption_columns(row: KeepInput) -> dict[str, Any]:
    first = row.captions[0] if row.captions else None
    said = _caption_lineage(row)
    tags = [tags for tags in row.tags if tags.caption_id in said]
    objects = list(dict.fromkeys(word for one in tags for word in one.objects))
    attributes = list(dict.fromkeys(word for one in tags for word in one.attributes))
    return {
        "seconds": row.clip.seconds,
        "n_shots": len(row.clip.shots),
        "n_captions": len(row.captions),
        "caption": first.text if first else None,
        "caption_words": len(first.text.split()) if first else None,
        "teacher": first.teacher if first else None,
        "language": first.language if first else None,
        "objects": objects,
        "n_objects": len(objects),
        "attributes": attributes,
        "n_attributes": len(attributes),
    }


def _numbers(row: KeepInput) -> dict[str, float]:
    """The clip's scores and those of its captions, by name in lower case; the highest where there are several."""
    said, found = _caption_lineage(row), dict[str, float]()
    for score in row.scores:
        if score.caption_id is None or score.caption_id in said:
            name = score.name.lower()
            found[name] = max(found.get(name, score.value), score.value)
    return found


def _caption_lineage(row: KeepInput) -> set[str]:
    """Its captions and what they were chosen or made from: a caption that was not chosen has no say."""
    return {id_ for caption in row.captions for id_ in (caption.caption_id, *caption.parents)}


@memoize
def _video_fields() -> tuple[Field, ...]:
    taken = {*arrow_schema(Clip).names, *_MADE}
    plain = (str, int, float, bool)
    return tuple(f for f in row_fields(Video) if f.type in plain and not f.col.local and f.name not in taken)
