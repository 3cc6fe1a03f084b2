"""A vocabulary that changes no more: its tags have numbers, and its version says which it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from ...engine.contract.errors import UserError

KINDS = ("object", "attribute", "pair")


@dataclass(frozen=True)
class VocabularyEntry:
    """One tag of a vocabulary.

    Attributes:
        tag: the tag that stands for all its synonyms; a pair is `red car`.
        kind: object, attribute or pair.
        documents: captions that have it, when the vocabulary was made.
        synonyms: other tags that count as it.
    """

    tag: str
    kind: str
    documents: int = 0
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Tags by number: ``entries[i]`` is tag ``i``."""

    entries: tuple[VocabularyEntry, ...]
    _numbers: dict[tuple[str, str], int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for number, entry in enumerate(self.entries):
            for tag in (entry.tag, *entry.synonyms):
                if self._numbers.setdefault((entry.kind, tag), number) != number:
                    raise UserError(f"the vocabulary has the {entry.kind} {tag!r} twice")

    @cached_property
    def version(self) -> str:
        """The first 12 digits of the SHA-256 of its tags and synonyms in order: another version, other numbers."""
        told = [[entry.kind, entry.tag, *entry.synonyms] for entry in self.entries]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:12]

    def numbers(self, tags: Iterable[tuple[str, str]]) -> list[int]:
        """The numbers of ``(kind, tag)``, each once and in order, without those that are not in it."""
        return sorted({self._numbers[tag] for tag in tags if tag in self._numbers})

    def items(self) -> Iterator[tuple[str, str, int]]:
        """``kind, tag, number`` of every tag and synonym."""
        yield from ((kind, tag, number) for (kind, tag), number in self._numbers.items())

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        told = {"version": self.version, "tags": [asdict(entry) for entry in self.entries]}
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """What ``write`` wrote, or a text file with one object a line (a list of tags that was published).

        Raises:
            UserError: there is no such file, it is neither, or its tags are not those of its version.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the vocabulary {path}: {error}") from None
        if path.suffix != ".json":
            return cls(tuple(VocabularyEntry(tag, "object") for line in text.splitlines() if (tag := line.strip())))
        try:
            told = json.loads(text)
            made = cls(tuple(_entry(tag) for tag in told["tags"]))
            version = told["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is no vocabulary: {error}", "give the vocabulary.json of an earlier build"
            ) from None
        if version != made.version:
            said = f"{path} says that it is version {version}, and its tags are those of {made.version}"
            raise UserError(said, "take its `version` out of use by making it again, or restore the file")
        return made


def _entry(told: dict[str, object]) -> VocabularyEntry:
    tag, kind, documents, synonyms = told["tag"], told["kind"], told.get("documents", 0), told.get("synonyms", [])
    if not isinstance(tag, str) or not isinstance(kind, str) or kind not in KINDS or not isinstance(documents, int):
        raise ValueError(f"what is {told!r}?")
    if not isinstance(synonyms, list) or not all(isinstance(synonym, str) for synonym in synonyms):
        raise ValueError(f"what are the synonyms of {tag!r}?")
    return VocabularyEntry(tag, kind, documents, tuple(synonyms))
