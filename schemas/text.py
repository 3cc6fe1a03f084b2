"""Rows about what is said: transcripts, evidence, captions, tags, scores, vectors, reviews and the release."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import numpy as np

from .col import Col, Row

Halfs = np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word."""

    start_s: Annotated[float, Col("start", unit="s")]
    end_s: Annotated[float, Col("end", unit="s")]
    text: Annotated[str, Col("the word, without its leading space")]


@dataclass(frozen=True, slots=True)
class Segment(Row):
    """One sentence (or cue) of a transcript."""

    table: ClassVar[str] = "segments"
    segment_id: Annotated[str, Col("the video's id, the source and the times in milliseconds")]
    video_id: Annotated[str, Col("the video")]
    start_s: Annotated[float, Col("start", unit="s")]
    end_s: Annotated[float, Col("end", unit="s")]
    text: Annotated[str, Col("what is said")]
    words: Annotated[list[Word], Col("word times, where the source has them")]
    language: Annotated[str, Col("BCP 47 code, empty where unknown")]
    source: Annotated[str, Col("`subtitle` or the speech model")]
    no_speech: Annotated[float | None, Col("the model's probability of no speech", low=0, high=1)] = None
    compression: Annotated[float | None, Col("zlib ratio of the text: above 2.4 it repeats itself", low=0)] = None
    log_prob: Annotated[float | None, Col("mean log probability of the tokens", high=0)] = None
    repetition: Annotated[
        float | None, Col("share of its words that are said for the fourth time in a row, or more often", low=0, high=1)
    ] = None
    doubt: Annotated[
        str,
        Col(
            "what speaks against its having been said; empty for nothing, and for subtitles",
            choices=("", "repetition", "no_speech", "compression", "log_prob"),
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class Drift(Row):
    """How far a transcript is from the sound that it belongs to.

    A moment ``t`` of the sound is at ``offset_s + rate * t`` in the transcript.
    """

    table: ClassVar[str] = "drifts"
    drift_id: Annotated[str, Col("the video's id, and the transcript's source and language")]
    video_id: Annotated[str, Col("the video")]
    source: Annotated[str, Col("`subtitle` or the speech model")]
    language: Annotated[str, Col("BCP 47 code of the transcript, empty where unknown")]
    offset_s: Annotated[float, Col("by how much it is late; below 0: early", unit="s")]
    rate: Annotated[float, Col("seconds of it for a second of the sound; 1 where it does not drift", low=0)]
    agreement: Annotated[float, Col("correlation with when somebody speaks, as it stands", low=-1, high=1)]
    mended_agreement: Annotated[float, Col("the same without offset and drift", low=-1, high=1)]
    state: Annotated[
        str,
        Col(
            "what it is taken for; `unsure` where it hardly agrees with the sound at all",
            choices=("in_time", "off", "unsure"),
        ),
    ]
    mended: Annotated[bool, Col("its sentences were moved")]


@dataclass(frozen=True, slots=True)
class Label:
    """A name and how sure its model is of it."""

    name: Annotated[str, Col("the name")]
    score: Annotated[float, Col("probability", low=0, high=1)]


@dataclass(frozen=True, slots=True)
class Box:
    """One object found in one frame; the box is relative to the picture."""

    name: Annotated[str, Col("COCO class")]
    score: Annotated[float, Col("confidence", low=0, high=1)]
    time_s: Annotated[float, Col("time of the frame", unit="s")]
    x: Annotated[float, Col("left edge", low=0, high=1)]
    y: Annotated[float, Col("top edge", low=0, high=1)]
    w: Annotated[float, Col("width", low=0, high=1)]
    h: Annotated[float, Col("height", low=0, high=1)]


@dataclass(frozen=True, slots=True)
class Evidence(Row):
    """What small models and plain measures see and hear in a clip."""

    table: ClassVar[str] = "evidence"
    evidence_id: Annotated[str, Col("the clip's id")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    boxes: Annotated[list[Box], Col("objects found in its frames")]
    labels: Annotated[list[Label], Col("mean ImageNet posteriors over its frames, the ten best first")]
    colours: Annotated[list[str], Col("names of its main colours, the largest area first")]
    brightness: Annotated[float, Col("mean brightness of its frames", low=0, high=255)]
    motion: Annotated[float, Col("mean motion of its frames", low=0, high=255)]
    texts: Annotated[list[str], Col("text read on the screen, in order of appearance")]
    sounds: Annotated[list[Label], Col("AudioSet classes heard in it, the best first")]
    models: Annotated[list[str], Col("package and version of every model that was asked")]


@dataclass(frozen=True, slots=True)
class Caption(Row):
    """One text about a clip, and everything needed to make it again."""

    table: ClassVar[str] = "captions"
    caption_id: Annotated[str, Col("the clip's id, the teacher and a hash of what the text was made from")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    teacher: Annotated[str, Col("who said it; `fake` for the dry-run teacher")]
    kind: Annotated[
        str,
        Col(
            "its role; `source` for one that came with the video",
            choices=("teacher", "source", "rewrite", "merge", "choice", "translation", "differential", "edit"),
        ),
    ]
    text: Annotated[str, Col("the caption")]
    parents: Annotated[list[str], Col("ids of the captions that it was made from")]
    model: Annotated[str, Col("the model that wrote it, or the rule")]
    revision: Annotated[str, Col("version of the model or of the rule")]
    prompt_hash: Annotated[str, Col("hash of the prompt file, empty without a prompt")] = ""
    raw: Annotated[str, Col("the model's answer as it came")] = ""
    seed: Annotated[int | None, Col("sampling seed")] = None
    language: Annotated[str, Col("BCP 47 code")] = "en"
    finding: Annotated[str, Col("what `captioners.guard` found unsupported, and what it did; empty for nothing")] = ""
    start_s: Annotated[float | None, Col("start of what it is about; null: the whole clip", unit="s")] = None
    end_s: Annotated[float | None, Col("end of it, or the same for a single frame", unit="s")] = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An attribute and the object that it describes."""

    attribute: Annotated[str, Col("lemma of the attribute")]
    object: Annotated[str, Col("lemma of the object")]


@dataclass(frozen=True, slots=True)
class TagMention:
    """One place where a caption names a tag."""

    tag: Annotated[str, Col("the object or attribute")]
    kind: Annotated[str, Col("object or attribute", choices=("object", "attribute"))]
    start: Annotated[int | None, Col("its first character in the caption; null where its words are not there", low=0)]
    end: Annotated[int | None, Col("the character after its last", low=0)]
    number: Annotated[int | None, Col("of an object, how many the caption names: `two dogs`", low=0)] = None


@dataclass(frozen=True, slots=True)
class TagRelation:
    """What one object does to another, or where it is to it."""

    subject: Annotated[str, Col("the object that does it")]
    relation: Annotated[str, Col("verb, particle and preposition as lemmas: `ride`, `sit on`, `in front of`")]
    object: Annotated[str, Col("the object that it is done to")]


@dataclass(frozen=True, slots=True)
class Tags(Row):
    """Objects, attributes and their pairs, parsed from one caption (TagAlign's supervision)."""

    table: ClassVar[str] = "tags"
    tags_id: Annotated[str, Col("the caption's id; with `_llm` after it where a language model read it")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str, Col("the caption")]
    objects: Annotated[list[str], Col("lemmas of the nouns, in order, each once")]
    attributes: Annotated[list[str], Col("lemmas of the attributes, in order, each once")]
    pairs: Annotated[list[Pair], Col("attribute and object")]
    model: Annotated[str, Col("parser and version")]
    mentions: Annotated[list[TagMention], Col("every place where the caption names one of them, in order")] = field(
        default_factory=list
    )
    relations: Annotated[list[TagRelation], Col("relations between objects, each once")] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TagLabels(Row):
    """The tags of one caption that are in a vocabulary, by their numbers: a target for training."""

    table: ClassVar[str] = "tag_labels"
    labels_id: Annotated[str, Col("the id of the tags")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str, Col("the caption")]
    numbers: Annotated[list[int], Col("places in the vocabulary's list, from 0, ascending, each once")]
    vocabulary: Annotated[str, Col("version of the vocabulary")]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Row):
    """A vector of a frame, a clip or a text."""

    table: ClassVar[str] = "embeddings"
    embedding_id: Annotated[str, Col("what it is of, and the model")]
    video_id: Annotated[str, Col("the video")]
    model: Annotated[str, Col("the encoder")]
    vector: Annotated[Halfs, Col("L2-normalised vector, (D,) float16", low=-1, high=1)]
    clip_id: Annotated[str | None, Col("the clip that it is of")] = None
    frame_id: Annotated[str | None, Col("the frame that it is of")] = None
    caption_id: Annotated[str | None, Col("the caption that it is of")] = None


@dataclass(frozen=True, slots=True)
class Score(Row):
    """One named number about a clip or a caption."""

    table: ClassVar[str] = "scores"
    score_id: Annotated[str, Col("what it is about, and its name")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str | None, Col("the caption; null for a score of the clip itself")]
    name: Annotated[str, Col("its name, as `filters.keep` and `captioners.select` call it")]
    value: Annotated[float, Col("the number")]
    model: Annotated[str, Col("what measured it")]
    note: Annotated[str, Col("why, in the words of what measured it; empty for plain measures")] = ""


@dataclass(frozen=True, slots=True)
class ReviewMark:
    """One thing that is put on a clip: a grade, a tag, a text in a slot, a span, a cut, or a box on a frame."""

    name: Annotated[str, Col("its axis, tag, slot or label; the number of the span that it lies in, from 1")]
    text: Annotated[str, Col("the text of a slot or an event, otherwise empty")] = ""
    value: Annotated[float | None, Col("the grade; null where it cannot be told, and for what has none")] = None
    start_s: Annotated[float | None, Col("start, or the time of a cut or of a box's frame, in the video", unit="s")] = (
        None
    )
    end_s: Annotated[float | None, Col("end, in the video", unit="s")] = None
    x: Annotated[float | None, Col("left edge of a box, relative to the picture", low=0, high=1)] = None
    y: Annotated[float | None, Col("top edge", low=0, high=1)] = None
    w: Annotated[float | None, Col("width", low=0, high=1)] = None
    h: Annotated[float | None, Col("height", low=0, high=1)] = None


@dataclass(frozen=True, slots=True)
class Review(Row):
    """One person's answer to one task."""

    table: ClassVar[str] = "reviews"
    outlives: ClassVar[tuple[str, ...]] = ("caption_id",)
    review_id: Annotated[str, Col("the task and the person")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    caption_id: Annotated[str | None, Col("the caption that was judged or chosen; null for none of them")]
    person: Annotated[str, Col("who answered, as they call themselves")]
    verdict: Annotated[
        str,
        Col("the answer; `mark` where it is the marks", choices=("accept", "edit", "reject", "cannot_tell", "mark")),
    ]
    text: Annotated[str, Col("the corrected text, or a remark")] = ""
    seconds: Annotated[float | None, Col("time spent", unit="s", low=0)] = None
    kind: Annotated[
        str,
        Col(
            "what was asked",
            choices=(
                "judge", "choose", "edit", "rate", "moments", "saliency", "spans", "tags", "cuts", "boxes", "slots",
                "events",
            ),
        ),
    ] = "judge"  # fmt: skip
    task_id: Annotated[str, Col("the task: what it is about, and a hash of all that it showed")] = ""
    marks: Annotated[list[ReviewMark], Col("what the person put down")] = field(default_factory=list)
    gold: Annotated[bool | None, Col("for a task whose right answer is known: is this it? null for others")] = None
    rule: Annotated[
        str,
        Col(
            "what decided which answer to the task holds; empty where each counts",
            choices=("", "majority", "unanimous", "weighted", "dawid_skene", "senior"),
        ),
    ] = ""
    holds: Annotated[bool | None, Col("does this answer hold? null where each counts, or too few are there yet")] = None


@dataclass(frozen=True, slots=True)
class DatasetEntry(Row):
    """One example of the finished dataset: where a clip went."""

    table: ClassVar[str] = "entries"
    entry_id: Annotated[str, Col("the clip's id")]
    video_id: Annotated[str, Col("the video")]
    clip_id: Annotated[str, Col("the clip")]
    split: Annotated[str, Col("its split; all clips of a video are in one")]
    file: Annotated[str | None, Col("its file, relative to the dataset folder; null for a virtual clip")] = None
