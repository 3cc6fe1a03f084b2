"""``croissant.json``: the dataset in Croissant 1.1, with the fields of its vocabulary for responsible AI.

Sources: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html. What nothing in the
build answers is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.words import number_of
from ..release.columns import files_of
from ..release.facts import Facts
from ..release.licenses import card_license
from ..release.provenance import Provenance, StepRecord
from .card import CardContents, CardOptions
from .citation import own_citation
from .figures import shorten
from .limits import limits_of

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "croissant.json"
PARQUET = "application/x-parquet"
_CONTEXT = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/", "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "separator": "cr:separator", "source": "cr:source",
    "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}


def write_croissant(
    folder: Path, tables: Mapping[str, list[Path]], wishes: CardOptions, facts: Facts, story: Provenance,
    contents: CardContents,
) -> None:  # fmt: skip
    """Write the file into a dataset folder whose tables are written; ``tables`` are its Parquet files by split."""
    title = wishes.title or story.name
    license_ = card_license(wishes.license)
    told: dict[str, Any] = {
        "@context": _CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": title, "description": _description(wishes, facts),
        "license": license_.name or license_.id, "keywords": ["cliploom", *facts.kinds, *wishes.tags],
        "citeAs": own_citation(story.name, title, wishes.authors, wishes.homepage, story.version).bibtex,
        **({"url": wishes.homepage} if wishes.homepage.startswith(("http://", "https://")) else {}),
        **({"inLanguage": wishes.language} if wishes.language else {}),
        **({"creator": [{"@type": "sc:Person", "name": name} for name in wishes.authors]} if wishes.authors else {}),
        **{f"rai:{name}": text for name, text in _responsible(wishes, facts, story, contents) if text},
        "distribution": [_files(folder, split, paths) for split, paths in tables.items()],
        "recordSet": [
            record_set(split, f"the clips of the split {split}", facts.schema, RecordFiles(f"files-{split}"))
            for split in tables
        ],
    }  # fmt: skip
    (folder / FILE).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _description(wishes: CardOptions, facts: Facts) -> str:
    clips, seconds = sum(s.examples for s in facts.splits), sum(s.seconds for s in facts.splits)
    kind = {"video": "video ", "image": "image "}.get(files_of(facts.schema), "")
    what = f"Clips as {kind}files" if wishes.with_files else f"Clips as times of their {facts.source}s"
    caption = ", each with a caption" if facts.captions else ""
    videos = number_of(sum(len(s.videos) for s in facts.splits), facts.source.removeprefix("source "))
    return f"{what}: {number_of(clips, 'clip')} of {videos}, {seconds:,.0f} s{caption}."


def _files(folder: Path, split: str, paths: list[Path]) -> dict[str, Any]:
    inside = paths[0].relative_to(folder)
    includes = inside.as_posix()
    if len({path.parent for path in paths}) > 1:  # parts of a split
        includes = f"{split}/*/{inside.name}"
    elif len(paths) > 1:
        includes = f"{inside.parent.as_posix()}/{split}-*.parquet"
    return file_set(f"files-{split}", f"the tables of the split {split}", [includes], PARQUET)


def file_set(name: str, about: str, includes: Sequence[str], encoding: str, inside: str = "") -> dict[str, Any]:
    """Files by patterns, of the folder or inside another set of files."""
    return {
        "@type": "cr:FileSet", "@id": name, "name": name, "description": about,
        **({"containedIn": {"@id": inside}} if inside else {}), "encodingFormat": encoding,
        "includes": includes[0] if len(includes) == 1 else list(includes),
    }  # fmt: skip


class RecordFiles(NamedTuple):
    """Where the rows of a record set are: columns of Parquet files, or a JSON file a row."""

    name: str  # of the file set
    is_json: bool = False

    def source(self, *path: str) -> dict[str, Any]:
        """A column, or what is at a path in it."""
        files = {"fileSet": {"@id": self.name}}
        if self.is_json:
            return {**files, "extract": {"jsonPath": ".".join(["$", *path])}}
        inner = {"transform": [{"jsonPath": path[1]}]} if len(path) > 1 else {}
        return {**files, "extract": {"column": path[0]}, **inner}


def record_set(name: str, about: str, schema: pa.Schema, files: RecordFiles, key: str = "clip_id") -> dict[str, Any]:
    """The rows of a table; ``key`` is the column that tells them apart, empty where none does."""
    return {
        "@type": "cr:RecordSet", "@id": name, "name": name, "description": about,
        **({"key": {"@id": f"{name}/{key}"}} if key else {}),
        "field": [_field(f"{name}/{field.name}", field, files) for field in schema],
    }  # fmt: skip


def _field(name: str, field: pa.Field, files: RecordFiles) -> dict[str, Any]:
    import pyarrow as pa

    doc = (field.metadata or {}).get(b"doc", b"").decode()
    made: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name, **({"description": doc} if doc else {})}
    type_, column = field.type, field.name
    if pa.types.is_list(type_):
        made["repeated"] = True
        type_ = type_.value_type
    if pa.types.is_struct(type_):
        parts = [
            {
                "@type": "cr:Field", "@id": f"{name}/{part.name}", "name": f"{name}/{part.name}",
                "dataType": _TYPES.get(str(part.type), "sc:Text"), "source": files.source(column, part.name),
            }
            for part in type_
        ]  # fmt: skip
        return {**made, "subField": parts}
    return {**made, "dataType": _TYPES.get(str(type_), "sc:Text"), "source": files.source(column)}


def _responsible(
    wishes: CardOptions, facts: Facts, story: Provenance, contents: CardContents
) -> Iterator[tuple[str, Any]]:
    """Names and texts of the vocabulary; an empty text is left out."""
    yield "dataCollection", _steps(story, lambda step: step.kind.startswith("builders."))
    licences = ", ".join(f"{shorten(s.license) or 'no licence stated'}: {s.videos:,}" for s in facts.sources[:10])
    videos = sum(len(split.videos) for split in facts.splits)
    yield "dataCollectionRawData", f"{videos:,} {facts.source}s, by licence as their sources state it ({licences})."
    yield "dataPreprocessingProtocol", [f"{s.name}: {s.about}" for s in story.steps if s.kind.startswith("filters.")]
    drops = (f"{s.name} dropped {n:,} ({why})" for s in story.stages for why, n in s.reasons.items())
    yield "dataManipulationProtocol", "; ".join(drops)
    yield (
        "dataAnnotationProtocol",
        [f"{s.name}: {s.about}" for s in story.steps if s.kind.startswith(("captioners.", "annotation."))],
    )
    yield (
        "machineAnnotationTools",
        sorted(
            {
                f"{m.name} {m.revision}".strip()
                for m in story.models
                if m.role in ("captions", "tags", "speech", "evidence")
            }
        ),
    )
    yield "dataAnnotationAnalysis", _agreement(contents)
    yield "dataLimitations", limits_of(wishes.with_files, facts)
    yield "dataBiases", "No measure of bias was taken. The card shows how durations, words, tags and sources spread."
    yield (
        "personalSensitiveInformation",
        f"The {facts.source}s may show people who were not asked; nobody looked for them.",
    )
    yield "dataReleaseMaintenancePlan", _plan(wishes, contents)


def _steps(story: Provenance, wanted: Any) -> str:
    chosen: list[StepRecord] = [step for step in story.steps if wanted(step)]
    return " ".join(f"{step.name}: {step.about}" for step in chosen)


def _agreement(contents: CardContents) -> list[str]:
    found = contents.reviews
    if found is None:
        return []
    told = [
        f"{number_of(found.people, 'person', 'people')} gave {number_of(found.answers, 'answer')}"
        f" about {number_of(found.clips, 'clip')}."
    ]
    if found.agreement is not None:
        alpha = f", Krippendorff's alpha {found.alpha:.2f}" if found.alpha is not None else ""
        questions = number_of(found.shared, "question")
        told.append(f"{100 * found.agreement:.1f} % of the pairs of answers to {questions} agree{alpha}.")
    return told


def _plan(wishes: CardOptions, contents: CardContents) -> str:
    whom = f"Ask {wishes.contact}" if wishes.contact else "Ask whoever publishes the dataset"
    told = f"{whom} to take a video down: its rows and files leave with the next release, their number stays."
    gone = contents.rights.takedown_videos if contents.rights else 0
    return f"{told} Taken down so far: {number_of(gone, 'video')}."
