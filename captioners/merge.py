"""Several captions of a clip merged into one paragraph, each in the place that its kind has in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..schemas import Caption, Clip, Col, Segment
from .text.author import Author
from .text.ids import FAKE, caption_id, is_fake, is_teacher_name, readable
from .text.speech import SpeechText, speech_text


class MergeInput(NamedTuple):
    """A clip, its captions, and its video's transcript."""

    clip: Clip
    captions: list[Caption]
    segments: list[Segment] = []


class CaptionGroups(NamedTuple):
    """A clip's captions by what they are about, each text once."""

    visual: list[Caption]
    speech: list[Caption]
    sound: list[Caption]
    title: list[Caption]
    heard: SpeechText | None  # the transcript, where no caption tells it

    @property
    def captions(self) -> list[Caption]:
        """All of them."""
        return [*self.visual, *self.speech, *self.sound, *self.title]


@dataclass(frozen=True)
class MergeAnswer:
    """What the model is asked for."""

    paragraph: Annotated[str, Col("the paragraph")]


@dataclass(frozen=True)
class Merge(ChatStep[MergeInput, Caption]):
    """Merge a clip's captions into one paragraph, from what is seen, said and heard and from its title.

    As MMTrail (Chi et al. 2024, arXiv:2407.20962) does, whose prompt is not published. Teachers that no option names
    are visual; the visual ones come in the order of ``visual``, which is meant to be that of time, the others after
    them. The prompt may use ``visual`` and ``sound`` (lists, each with ``teacher`` and ``text``), ``speech``, ``title``
    and ``seconds``. A clip of which there is only one text keeps it unchanged, and no model is asked; one without any
    gets none. A dry run's captions are left out where there are real ones.
    """

    version = 2

    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = (
        "merge_modalities"
    )
    teacher: Annotated[str, Col("the name under which `captioners.select` knows its captions")] = "merge"
    visual: Annotated[list[str], Col("teachers of what is seen, in the order of time")] = field(default_factory=list)
    speech: Annotated[list[str], Col("teachers of what is said")] = field(default_factory=lambda: ["speech"])
    sound: Annotated[list[str], Col("teachers of what is heard")] = field(default_factory=lambda: ["sound"])
    title: Annotated[list[str], Col("teachers of what it is called")] = field(default_factory=lambda: ["title"])
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a teacher in two places, an unknown model, or a prompt that is absent or broken."""
        super().check(earlier)
        named = [*self.visual, *self.speech, *self.sound, *self.title]
        for name in named:
            if named.count(name) > 1:
                raise UserError(f"captioners.merge: the teacher {name} is listed twice", "what does it speak of?")
        if not is_teacher_name(self.teacher) or (self.teacher == FAKE and self.model.name != FAKE):
            raise UserError(f"captioners.merge.teacher is {self.teacher!r}", "give it another name")
        load_prompt(self.prompt).check(
            _values(CaptionGroups([], [], [], [], SpeechText("Run!", "en", "subtitle")), 2.0)
        )

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: MergeInput, model: ChatModel) -> list[Caption]:
        """One caption, or none where there is nothing to merge."""
        notes = self.sort(row)
        if not notes.captions and notes.heard is None:
            return []
        if len(notes.captions) + (notes.heard is not None) == 1:
            return [self._keep_single(row.clip, notes)]
        prompt = self.open_prompt(self.prompt)
        messages = prompt.messages(_values(notes, row.clip.seconds))
        merged, raw = await ask_structured(model, self.model, messages, MergeAnswer)
        author = Author(self, model, prompt.hash, self.model.seed, self.teacher, "merge", self.language)
        return [author.caption(row.clip, merged.paragraph, raw, notes.captions)]

    def sort(self, row: MergeInput) -> CaptionGroups:
        """A clip's texts by what they are about; of captions with the same text the first."""
        heard = speech_text(row.clip, row.segments)
        read = readable(row.captions)
        if heard and all(is_fake(c) for c in read):
            read = []
        read = [c for i, c in enumerate(read) if c.text not in {before.text for before in read[:i]}]
        other = {*self.speech, *self.sound, *self.title}
        speech, sound, title = (
            [c for c in read if c.teacher in names] for names in (self.speech, self.sound, self.title)
        )
        seen = sorted(
            (c for c in read if c.teacher not in other),
            key=lambda c: self.visual.index(c.teacher) if c.teacher in self.visual else len(self.visual),
        )
        told = bool(speech) or any(heard and c.text == heard.text for c in read)
        return CaptionGroups(seen, speech, sound, title, None if told else heard)

    def _keep_single(self, clip: Clip, notes: CaptionGroups) -> Caption:
        """The only text that there is, as it stands."""
        if notes.heard is not None:
            return Caption(
                caption_id=caption_id(self, clip.clip_id, self.teacher, "merge"), video_id=clip.video_id,
                clip_id=clip.clip_id, teacher=self.teacher, kind="merge", text=notes.heard.text, parents=[],
                model=notes.heard.source, revision="1", language=notes.heard.language,
            )  # fmt: skip
        [only] = notes.captions
        teacher = FAKE if is_fake(only) else self.teacher
        made = caption_id(self, clip.clip_id, teacher, "merge", [only.caption_id])
        return replace(only, caption_id=made, teacher=teacher, kind="merge", parents=[only.caption_id])


def _values(notes: CaptionGroups, seconds: float) -> dict[str, Any]:
    """What a prompt may use."""
    said = [c.text for c in notes.speech] + ([notes.heard.text] if notes.heard else [])
    return {
        "visual": [{"teacher": c.teacher, "text": c.text} for c in notes.visual],
        "speech": " ".join(said),
        "sound": [{"teacher": c.teacher, "text": c.text} for c in notes.sound],
        "title": ": ".join(c.text for c in notes.title),
        "seconds": round(seconds, 1),
    }
