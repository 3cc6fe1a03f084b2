"""What flows between the steps: one row type per table, declared once."""

from .arrow import arrow_schema, from_arrow, to_arrow
from .check import are_sound, problem, unwritable
from .col import Col, Field, Row, id_name, memoize, row_fields
from .media import Chapter, Clip, Doubles, Floats, Frame, Shot, Signals, Sound, Span, Subtitle, Video
from .text import (
    Box,
    Caption,
    DatasetEntry,
    Drift,
    Embedding,
    Evidence,
    Halfs,
    Label,
    Pair,
    Review,
    ReviewMark,
    Score,
    Segment,
    TagLabels,
    TagMention,
    TagRelation,
    Tags,
    Word,
)

ROWS: tuple[type[Row], ...] = (
    Video, Signals, Frame, Sound, Shot, Clip, Segment, Drift, Evidence, Caption, Tags, TagLabels, Embedding, Score,
    Review, DatasetEntry,
)  # fmt: skip
"""Every row type, in the order in which a build makes them."""

__all__ = [
    "Box", "Caption", "Chapter", "Clip", "Col", "DatasetEntry", "Doubles", "Drift", "Embedding", "Evidence", "Field",
    "Floats", "Frame", "Halfs", "Label", "Pair", "ROWS", "Review", "ReviewMark", "Row", "Score", "Segment", "Shot",
    "Signals", "Sound", "Span", "Subtitle", "TagLabels", "TagMention", "TagRelation", "Tags", "Video", "Word",
    "are_sound", "arrow_schema", "from_arrow", "id_name", "memoize", "problem", "row_fields", "to_arrow",
    "unwritable",
]  # fmt: skip
