"""Tags of captions by a language model: another teacher beside the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from ..engine.contract.step import Step
from ..models.chat.model import ChatModel, ChatModelOptions
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..schemas import Caption, Col, Pair, TagMention, TagRelation, Tags
from .parse.grounding import CaptionWords


@dataclass(frozen=True)
class ObjectAnswer:
    """One object, and what it is like."""

    name: Annotated[str, Col("the noun in the singular, with the nouns before it")]
    attributes: Annotated[list[str], Col("what the caption says it is like")] = field(default_factory=list)
    number: Annotated[int | None, Col("how many there are, where the caption has a number", low=0)] = None


@dataclass(frozen=True)
class RelationAnswer:
    """What one object does to another."""

    subject: Annotated[str, Col("an object of the list")]
    relation: Annotated[str, Col("a verb as a lemma, or a preposition")]
    object: Annotated[str, Col("an object of the list")]


@dataclass(frozen=True)
class TagsAnswer:
    """What the model is asked for."""

    objects: Annotated[list[ObjectAnswer], Col("everything that can be seen")]
    relations: Annotated[list[RelationAnswer], Col("between two of them")] = field(default_factory=list)


@dataclass(frozen=True)
class LlmTags(ChatStep[Caption, Tags]):
    """Objects, attributes, pairs and relations of each caption by a language model, as ``annotation.tags`` writes them.

    What the model tells that the caption has not is left out: an object's and an attribute's words must stand in the
    caption, in any number. Rows have ids of their own, so that both steps may be in one recipe;
    ``annotation.tag_agreement`` tells how far they agree.
    """

    model: Annotated[ChatModelOptions, Col("the model: `embedded`, `fake`, or its options")] = field(
        default_factory=lambda: ChatModelOptions(max_tokens=400)
    )
    prompt: Annotated[
        str, Col("a prompt that ships, the path of a .j2 file, or the template itself: it may use `caption`")
    ] = "tags"

    depends_on = ("text",)

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown model, or a prompt that is absent or broken."""
        super().check(earlier)
        load_prompt(self.prompt).check({"caption": "A dog runs."})

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: Caption, model: ChatModel) -> list[Tags]:
        """One row; ``RowError`` for an answer that is not as asked."""
        messages = self.open_prompt(self.prompt).messages({"caption": row.text})
        told, _ = await ask_structured(model, self.model, messages, TagsAnswer)
        return [_tags(row, told, f"{model.name} {model.revision}".strip())]


def _tags(caption: Caption, told: TagsAnswer, model: str) -> Tags:
    words = CaptionWords(caption.text)
    named = ((_plain(said.name), said) for said in told.objects)
    objects = {name: said for name, said in named if words.find(name)}
    pairs = [
        Pair(attribute, name)
        for name, said in objects.items()
        for attribute in map(_plain, said.attributes)
        if words.find(attribute) and attribute not in objects
    ]
    relations = [
        TagRelation(_plain(one.subject), _plain(one.relation), _plain(one.object))
        for one in told.relations
        if {_plain(one.subject), _plain(one.object)} <= objects.keys()
    ]
    attributes = list(dict.fromkeys(pair.attribute for pair in pairs))
    mentions = sorted(_mentions(words, objects, attributes), key=lambda mention: (mention.start or 0, mention.kind))
    return Tags(
        f"{caption.caption_id}_llm", caption.video_id, caption.clip_id, caption.caption_id, list(objects), attributes,
        list(dict.fromkeys(pairs)), model, mentions, list(dict.fromkeys(relations)),
    )  # fmt: skip


def _mentions(words: CaptionWords, objects: dict[str, ObjectAnswer], attributes: Sequence[str]) -> Iterator[TagMention]:
    """The first place of each."""
    for name, said in objects.items():
        start, end = words.find(name) or (None, None)
        yield TagMention(name, "object", start, end, said.number)
    for attribute in attributes:
        start, end = words.find(attribute) or (None, None)
        yield TagMention(attribute, "attribute", start, end)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
