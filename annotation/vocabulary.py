"""A vocabulary of tags for a whole dataset, and each caption's tags as its numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import pyarrow as pa

from ..engine.contract.errors import UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import Global, Step, StepContext
from ..models.encoders.choice import TEXTS, EncoderOptions
from ..schemas import Clip, Col, TagLabels, Tags, Video
from .vocabularies.frozen import Vocabulary, VocabularyEntry
from .vocabularies.synonyms import WORDNET, find_wordnet, merge, read_synonyms, wordnet_groups
from .vocabularies.targets import Floats, l1_normal, multi_hot, write_indices, write_sparse, write_tensor

if TYPE_CHECKING:
    import duckdb

_DENSE_BYTES = 2 << 30


class VocabularyInput(NamedTuple):
    """A clip, its video, and the tags of its captions (and all others)."""

    clip: Clip
    video: Video
    tags: list[Tags]


@dataclass(frozen=True)
class VocabularyStep(Global[VocabularyInput, TagLabels]):
    """Keep the tags that most captions have, give them numbers, and tell each caption's tags by these.

    TagAlign's labels (Liu et al. 2023, https://arxiv.org/abs/2312.14149): two ranked lists, of objects and of
    attributes; what of a caption's tags is on them becomes its target. Tags are counted by the captions that have them;
    synonyms are counted as one. Objects come first, then attributes, then pairs, each by captions, then by name.

    The build folder's ``<sheet>`` gets ``vocabulary.json`` (give it to a later build with ``frozen``, so that numbers
    stay), ``tags.txt`` (a tag a line), ``counts.csv``, ``index.json`` (``{file: [number, …]}``; the clip's file, or the
    source's address), ``targets.npz`` (sparse), and where asked for a dense array of targets and vectors of the tags.
    """

    objects: Annotated[int, Col("how many objects it keeps at most", low=0)] = 10_000
    attributes: Annotated[int, Col("how many attributes", low=0)] = 2_000
    pairs: Annotated[int, Col("how many (attribute, object) pairs", low=0)] = 0
    min_captions: Annotated[int, Col("a tag that fewer captions have is left out", low=1)] = 1
    max_share: Annotated[float, Col("a tag that a larger share of all captions has is left out", low=0, high=1)] = 1.0
    stop: Annotated[tuple[str, ...], Col("tags that are left out")] = ()
    synonyms: Annotated[
        str, Col("`wordnet`, or a table of groups (csv, a group a line, the chosen tag first); empty: none")
    ] = ""
    frozen: Annotated[str, Col("a vocabulary.json, or a text file with an object a line, to be used as it is")] = ""
    targets: Annotated[
        str,
        Col(
            "a dense array besides: `multi_hot` has 1 for each tag, in `l1` all of a caption's sum to 1",
            choices=("", "multi_hot", "l1"),
        ),
    ] = ""
    format: Annotated[str, Col("of dense arrays", choices=("npy", "safetensors"))] = "safetensors"
    embeddings: Annotated[EncoderOptions | None, Col("a text encoder for vectors of the tags")] = None
    templates: Annotated[tuple[str, ...], Col("texts that are encoded, `{}` is the tag; vectors are averaged")] = (
        "{}",
    )
    sheet: Annotated[str, Col("name of its folder in the build folder")] = "vocabulary"

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for files that are not there, an encoder without texts, and what is no name or no template."""
        if not self.sheet or Path(self.sheet).name != self.sheet or self.sheet.startswith("."):
            raise UserError(f"annotation.vocabulary.sheet is {self.sheet!r}: it must be a plain folder name")
        for name, file in (("frozen", self.frozen), ("synonyms", self.synonyms.removeprefix(WORDNET))):
            if file and not Path(file).expanduser().is_file():
                raise UserError(f"annotation.vocabulary.{name}: there is no file {file}")
        if self.embeddings:
            self.embeddings.check_options("annotation.vocabulary.embeddings")
            if self.embeddings.encoder not in TEXTS:
                said = f"annotation.vocabulary.embeddings: {self.embeddings.encoder} is no encoder of texts here"
                raise UserError(said, f"encoders of texts: {', '.join(TEXTS)}")
        if not self.templates or not all("{}" in template for template in self.templates):
            raise UserError("annotation.vocabulary.templates: each must have {} where the tag goes")

    def requirements(self) -> Sequence[Requirement]:
        """What the encoder loads."""
        return self.embeddings.requirements() if self.embeddings else ()

    def revision(self) -> str:
        """The encoder's."""
        return self.embeddings.revision() if self.embeddings else ""

    def external_digest(self, context: StepContext) -> str:
        """A digest of the frozen vocabulary and of the table of synonyms."""
        import hashlib

        files = [Path(file).expanduser() for file in (self.frozen, self.synonyms) if file and file != WORDNET]
        return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[TagLabels]:
        """Write the folder; then each caption's numbers, in order of the captions' ids."""
        vocabulary = self._vocabulary(db)
        found = _label(db, vocabulary)
        self._write(db, context, vocabulary, found)
        yield from found

    def _vocabulary(self, db: duckdb.DuckDBPyConnection) -> Vocabulary:
        if self.frozen:
            return Vocabulary.read(Path(self.frozen).expanduser())
        [(captions,)] = db.execute("SELECT count(*) FROM tags").fetchall()
        entries: list[VocabularyEntry] = []
        for kind, most in (("object", self.objects), ("attribute", self.attributes), ("pair", self.pairs)):
            entries += self._entries(db, kind, captions)[:most] if most else []
        return Vocabulary(tuple(entries))

    def _entries(self, db: duckdb.DuckDBPyConnection, kind: str, captions: int) -> list[VocabularyEntry]:
        one = {str(tag): int(n) for tag, n in db.execute(_COUNTS.format(_TAGS[kind], "tag")).fetchall()}
        merged = self._merge_synonyms(one) if kind == "object" else {}
        if merged:
            db.register("merged", pa.table({"tag": list(merged), "chosen": list(merged.values())}))
            counts = db.execute(_COUNTS.format(_MERGED.format(_TAGS[kind]), "tag")).fetchall()
            db.unregister("merged")
        else:
            counts = list(one.items())
        ranked = sorted(((str(tag), int(n)) for tag, n in counts), key=lambda item: (-item[1], item[0]))
        stop = {word.lower() for word in self.stop}
        others: dict[str, list[str]] = {}
        for tag, chosen in sorted(merged.items()):
            others.setdefault(chosen, []).append(tag)
        return [
            VocabularyEntry(tag, kind, n, tuple(others.get(tag, ())))
            for tag, n in ranked
            if tag not in stop and n >= self.min_captions and n <= self.max_share * captions
        ]

    def _merge_synonyms(self, documents: Mapping[str, int]) -> dict[str, str]:
        if not self.synonyms:
            return {}
        if self.synonyms == WORDNET:
            return merge(wordnet_groups(find_wordnet(), documents), documents, keep_first=False)
        return merge(read_synonyms(Path(self.synonyms).expanduser()), documents, keep_first=True)

    def _write(
        self, db: duckdb.DuckDBPyConnection, context: StepContext, vocabulary: Vocabulary, rows: list[TagLabels]
    ) -> None:
        folder = context.root / self.sheet
        folder.mkdir(parents=True, exist_ok=True)
        labels, size = [row.numbers for row in rows], len(vocabulary.entries)
        with closing(_Replacer(folder)) as files:
            vocabulary.write(files.path("vocabulary.json"))
            names = "".join(f"{entry.tag}\n" for entry in vocabulary.entries)
            files.path("tags.txt").write_text(names, encoding="utf-8")
            files.path("counts.csv").write_text(_counts(vocabulary, labels), encoding="utf-8")
            write_indices(files.path("index.json"), _by_file(db, rows))
            write_sparse(files.path("targets.npz"), [row.caption_id for row in rows], labels, size)
            if self.targets:
                if len(rows) * size * 4 > _DENSE_BYTES:
                    said = f"annotation.vocabulary: {len(rows)} captions by {size} tags are too much for a dense array"
                    raise UserError(said, "leave `targets` empty: targets.npz has them all")
                dense = multi_hot(labels, size) if self.targets == "multi_hot" else l1_normal(labels, size)
                write_tensor(files.path(f"targets.{self.format}"), "targets", dense)
            if self.embeddings is not None and size:
                vectors = self._vectors(self.embeddings, [entry.tag for entry in vocabulary.entries])
                write_tensor(files.path(f"embeddings.{self.format}"), "embeddings", vectors)

    def _vectors(self, options: EncoderOptions, tags: Sequence[str]) -> Floats:
        """``(tags, D)`` float32, of length 1: the mean over the templates."""
        total: Floats | None = None
        with options.open_encoder() as encoder:
            for template in self.templates:
                vectors = np.asarray(encoder.texts([template.replace("{}", tag) for tag in tags]), np.float32)
                total = vectors if total is None else total + vectors
        assert total is not None
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12), np.float32)


class _Replacer:
    """Files that are put in their places together, once all are written."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._parts = folder, list[Path]()

    def path(self, name: str) -> Path:
        stem, dot, end = name.rpartition(".")
        self._parts.append(self._folder / f"{stem}.part{dot}{end}")
        return self._parts[-1]

    def close(self) -> None:
        for part in self._parts:
            if part.is_file():
                os.replace(part, part.with_name(part.name.replace(".part.", ".")))


def _label(db: duckdb.DuckDBPyConnection, vocabulary: Vocabulary) -> list[TagLabels]:
    told = list(vocabulary.items())
    columns = {"kind": [k for k, _, _ in told], "tag": [t for _, t, _ in told], "number": [n for _, _, n in told]}
    types = pa.schema([("kind", pa.string()), ("tag", pa.string()), ("number", pa.int32())])
    db.register("vocabulary", pa.table(columns, schema=types))
    found = db.execute(_LABELS).fetchall()
    db.unregister("vocabulary")
    version = vocabulary.version
    return [
        TagLabels(str(t), str(v), str(c), str(a), list(map(int, numbers)), version) for t, v, c, a, numbers in found
    ]


def _by_file(db: duckdb.DuckDBPyConnection, rows: Sequence[TagLabels]) -> dict[str, list[int]]:
    files = dict(db.execute(_FILES).fetchall())
    found: dict[str, set[int]] = {}
    for row in rows:
        found.setdefault(str(files[row.clip_id]), set()).update(row.numbers)
    return {file: sorted(numbers) for file, numbers in found.items()}


def _counts(vocabulary: Vocabulary, labels: Sequence[Sequence[int]]) -> str:
    """A csv: each tag, and how many captions of this dataset have it."""
    size = len(vocabulary.entries)
    totals = np.bincount(np.array([n for numbers in labels for n in numbers], np.int64), minlength=size)
    quoted = [entry.tag.replace('"', '""') for entry in vocabulary.entries]
    lines = [f'{i},{entry.kind},"{quoted[i]}",{totals[i]}' for i, entry in enumerate(vocabulary.entries)]
    return "\n".join(["number,kind,tag,captions", *lines]) + "\n"


_TAGS = {
    "object": "SELECT tags_id, unnest(objects) AS tag FROM tags",
    "attribute": "SELECT tags_id, unnest(attributes) AS tag FROM tags",
    "pair": "SELECT tags_id, p.attribute || ' ' || p.object AS tag FROM (SELECT tags_id, unnest(pairs) AS p FROM tags)",
}
_COUNTS = "SELECT {1}, count(DISTINCT tags_id) FROM ({0}) GROUP BY {1}"
_MERGED = "SELECT tags_id, coalesce(chosen, t.tag) AS tag FROM ({0}) t LEFT JOIN merged m ON m.tag = t.tag"
_LABELS = f"""
WITH told AS (
    {" UNION ALL ".join(f"SELECT '{kind}' AS kind, tags_id, tag FROM ({query})" for kind, query in _TAGS.items())}
), found AS (
    SELECT tags_id, list_sort(list(DISTINCT number)) AS numbers
    FROM told JOIN vocabulary USING (kind, tag) GROUP BY tags_id
)
SELECT t.tags_id, t.video_id, t.clip_id, t.caption_id, coalesce(numbers, []) FROM tags t LEFT JOIN found USING (tags_id)
ORDER BY t.tags_id
"""
_FILES = "SELECT c.clip_id, coalesce(c.file, v.uri) FROM clips c JOIN videos v USING (video_id)"
