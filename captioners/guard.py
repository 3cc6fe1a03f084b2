"""Rewrites checked against what they were made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import AsyncFunction, BatchFunction, RowAnswer, Step, StepContext, each_row
from ..models.chat.model import ChatModel
from ..models.chat.prompt import DATA_CHARS, load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..models.text import spacy_pipelines
from ..models.text.english_parser import MODEL, EnglishParser, english_revision, load_english
from ..schemas import Caption, Clip, Col, Segment, Video
from .text.author import Author
from .text.faithful import OF_SPEECH, describe_finding, find_unsupported
from .text.ids import caption_id, is_fake
from .text.speech import speech_text

_CHECKED = ("rewrite", "merge")  # kinds that a language model made of other texts


class GuardInput(NamedTuple):
    """A clip, its captions, and the texts that a rewrite may draw on beside them."""

    clip: Clip
    captions: list[Caption]
    segments: list[Segment] = []
    video: list[Video] = []


class CaptionCheck(NamedTuple):
    """A caption, what it was made of, and the words that none of that has."""

    caption: Caption
    sources: list[Caption]
    transcript: str
    words: list[str]


@dataclass(frozen=True)
class RepairAnswer:
    """What the model is asked for."""

    caption: Annotated[str, Col("the corrected caption")]


@dataclass(frozen=True)
class Guard(ChatStep[GuardInput, Caption]):
    """Find nouns, attributes, numbers and names in rewrites that no source has; keep, repair or replace the rewrite.

    The sources of a caption of the kind ``rewrite`` or ``merge`` are its parents, theirs in turn, the clip's transcript
    and the video's title and description. Words are compared by lemma, with a few synonyms; a noun may become one of
    its kind (a man a person), never the other way; numbers are compared by value. ``repair`` asks the model once to
    write it again without the words, and checks again; if it still does not hold, or with ``replace``, the longest
    visual source takes its place. A caption with nothing to take its place is kept. ``finding`` says what was found
    and done. Later steps read only what comes out here: every other caption passes unchanged, under a new id. So it
    stands right after the rewrite, before scores and ``captioners.select``; a rewrite whose parents it cannot read is
    an error row (``no_sources``). Captions in other languages than English pass unchecked.

    The prompt may use ``text``, ``words``, ``sources`` (texts) and ``transcript``.
    """

    version = 2

    replaces_inputs = True

    on_finding: Annotated[str, Col("what becomes of an unfaithful rewrite", choices=("keep", "repair", "replace"))] = (
        "replace"
    )
    prompt: Annotated[str, Col("for `repair`: one that ships, the path of a .j2 file, or the template itself")] = (
        "guard"
    )
    allow: Annotated[list[str], Col("lemmas that need no source")] = field(default_factory=list)
    spoken: Annotated[list[str], Col("teachers that are not visual: they never take a rewrite's place")] = field(
        default_factory=lambda: ["speech", "title", "sound"]
    )
    parser: Annotated[str, Col("spaCy pipeline for English: the name of an installed package, or a folder")] = MODEL

    def __post_init__(self) -> None:
        if self.on_finding != "repair":  # no model is loaded
            object.__setattr__(self, "cost", "cpu")
            object.__setattr__(self, "memory_mb", 600)

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a model that there is not, or a prompt that is absent or broken."""
        if self.on_finding == "repair":
            super().check(earlier)
            load_prompt(self.prompt).check(
                {"text": "A dog.", "words": ["dog"], "sources": ["A cat."], "transcript": "Run!"}
            )

    def requirements(self) -> Sequence[Requirement]:
        """The parser, and for repairs what the model takes."""
        parser = spacy_pipelines.requirements(self.parser)
        return [*parser, *super().requirements()] if self.on_finding == "repair" else parser

    def paid_models(self) -> Sequence[str]:
        """The model, if it repairs and is on a server."""
        return super().paid_models() if self.on_finding == "repair" else ()

    def revision(self) -> str:
        """The parser; for repairs the prompt's text and the model's weights."""
        parts = [english_revision(self.parser)]
        return "\0".join(
            [*parts, load_prompt(self.prompt).text, super().revision()] if self.on_finding == "repair" else parts
        )

    def rows_per_call(self) -> int:
        """Rows that make good use of the model; more where none is asked."""
        return super().rows_per_call() if self.on_finding == "repair" else 64

    def max_concurrency(self) -> int:
        """Questions that its servers take at once."""
        return super().max_concurrency() if self.on_finding == "repair" else 0

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[GuardInput, Caption]]:
        """Load the parser, and the model for repairs."""
        english = load_english(self.parser)
        if self.on_finding == "repair":
            with super().open(context) as work:
                yield work
        else:
            yield each_row(lambda row: self._check_without_model(row, english))

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[GuardInput, Caption]]:
        """Load the parser, and connect to the servers."""
        load_english(self.parser)
        async with super().open_async(context) as work:
            yield work

    async def answer(self, row: GuardInput, model: ChatModel) -> list[Caption]:
        """One caption for each that it reads."""
        english = load_english(self.parser)
        found = self._found(row, english)
        return [self._accept(c) if not c.words else await self._repair(row, c, model, english) for c in found]

    def _check_without_model(self, row: GuardInput, english: EnglishParser) -> RowAnswer[Caption]:
        """The same without a model."""
        try:
            found = self._found(row, english)
        except RowError as error:
            return error
        settle = self._keep if self.on_finding == "keep" else self._replace
        return [settle(c) if c.words else self._accept(c) for c in found]

    def _found(self, row: GuardInput, english: EnglishParser) -> list[CaptionCheck]:
        heard = speech_text(row.clip, row.segments)
        transcript = heard.text if heard else ""
        by_id = {c.caption_id: c for c in row.captions}
        found = []
        for caption in sorted(row.captions, key=lambda c: c.caption_id):
            sources = _ancestors(caption, by_id) if _is_checkable(caption) else []
            checked = CaptionCheck(caption, sources, transcript, [])
            if _is_checkable(caption) and all(_is_english(s) for s in sources):
                checked = checked._replace(words=self._find_unsupported(caption.text, checked, row, english))
            found.append(checked)
        return found

    def _find_unsupported(self, text: str, checked: CaptionCheck, row: GuardInput, english: EnglishParser) -> list[str]:
        about = [part for v in row.video for part in (v.title, v.description[:DATA_CHARS])]
        told = [*(c.text for c in checked.sources), checked.transcript, *about]
        allowed = {word.lower() for word in self.allow}
        if checked.transcript or any(c.teacher in self.spoken for c in checked.sources):
            allowed |= OF_SPEECH
        return find_unsupported(english.parse(text), [english.parse(t) for t in dict.fromkeys(told) if t], allowed)

    async def _repair(
        self, row: GuardInput, checked: CaptionCheck, model: ChatModel, english: EnglishParser
    ) -> Caption:
        caption, prompt = checked.caption, self.open_prompt(self.prompt)
        values: dict[str, Any] = {
            "text": caption.text, "words": checked.words, "sources": [c.text for c in checked.sources],
            "transcript": checked.transcript,
        }  # fmt: skip
        if len(caption.text) > DATA_CHARS:
            return self._replace(checked)  # the prompt would hold a part of it only
        try:
            given = await ask_structured(model, self.model, prompt.messages(values), RepairAnswer)
            author = Author(
                self, model, prompt.hash, self.model.seed, caption.teacher, caption.kind, caption.language or "en"
            )  # fmt: skip
            made = author.caption(row.clip, given.value.caption, given.raw, [caption])
        except RowError:
            return self._replace(checked)
        if self._find_unsupported(made.text, checked, row, english):
            return self._replace(checked)
        return replace(made, finding=describe_finding(checked.words, "repaired"))

    def _accept(self, checked: CaptionCheck) -> Caption:
        return self._stands(checked.caption, checked.caption, checked.caption.finding)

    def _keep(self, checked: CaptionCheck) -> Caption:
        return self._stands(checked.caption, checked.caption, describe_finding(checked.words, "kept"))

    def _replace(self, checked: CaptionCheck) -> Caption:
        """The best source in the place of the rewrite."""
        real = [c for c in checked.sources if not is_fake(c)]
        visual = [c for c in real if c.teacher not in self.spoken]
        teachers = [c for c in visual if c.kind == "teacher"]
        if not (able := teachers or visual):
            return self._keep(checked)
        best = min(able, key=lambda c: (-len(c.text), c.caption_id))
        return self._stands(best, checked.caption, describe_finding(checked.words, "replaced"))

    def _stands(self, text: Caption, read: Caption, finding: str) -> Caption:
        """A caption with the text of one that was read, in the place of one."""
        parents = list(dict.fromkeys([read.caption_id, text.caption_id]))
        made = caption_id(self, read.clip_id, text.teacher, read.kind, parents)
        return replace(text, caption_id=made, kind=read.kind, parents=parents, finding=finding)


def _is_checkable(caption: Caption) -> bool:
    return caption.kind in _CHECKED and _is_english(caption) and not is_fake(caption)


def _is_english(caption: Caption) -> bool:
    return caption.language.split("-")[0].lower() in ("en", "")


def _ancestors(caption: Caption, by_id: dict[str, Caption]) -> list[Caption]:
    """What a caption was made of, however many steps ago. Raises ``RowError`` where a parent is not there."""
    found: dict[str, Caption] = {}
    ahead = list(caption.parents)
    while ahead:
        parent = by_id.get(key := ahead.pop(0))
        if parent is None:
            raise RowError(
                f"{caption.caption_id} was made of {key}, which the guard does not read; "
                "put captioners.guard right after the rewrite, and name the teachers' step too in its `from:`",
                "no_sources",
            )
        if key not in found:
            found[key] = parent
            ahead += parent.parents
    return list(found.values())
