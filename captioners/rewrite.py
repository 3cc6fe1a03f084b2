"""A clip's captions, and what is said in it, merged into one fluent caption by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel, ChatModelOptions
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..schemas import Caption, Clip, Col, Segment
from .text.author import Author
from .text.ids import FAKE, is_fake
from .text.speech import speech_text


class RewriteInput(NamedTuple):
    """A clip, its captions, and its video's transcript."""

    clip: Clip
    captions: list[Caption]
    segments: list[Segment] = []


@dataclass(frozen=True)
class RewriteAnswer:
    """What the model is asked for."""

    caption: Annotated[str, Col("the caption")]


@dataclass(frozen=True)
class Rewrite(ChatStep[RewriteInput, Caption]):
    """Merge all captions of a clip into one. A clip without captions and without speech gets none.

    The prompt may use ``captions`` (each with ``teacher`` and ``text``), their ``teachers``, ``transcript`` and
    ``seconds``. An answer that
    is cut off, empty, a refusal, a loop or not the asked JSON is an error row, with the answer in its message. A dry
    run's captions are left out where there are real ones; a caption made of them alone says that it is fake.

    The embedded model takes 2-5 s and 1.9 GB to load, and then 7-13 s a clip on two quiet cores.
    """

    version = 2

    model: Annotated[ChatModelOptions, Col("the model: `embedded`, `fake`, or its options")] = field(
        default_factory=lambda: ChatModelOptions(max_tokens=160)
    )
    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = "merge"
    teacher: Annotated[str, Col("the name under which `captioners.select` knows its captions")] = "rewrite"
    kind: Annotated[str, Col("what the caption is", choices=("rewrite", "merge", "translation"))] = "merge"
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown model, or a prompt that is absent or broken."""
        super().check(earlier)
        if self.teacher == FAKE and self.model.name != FAKE:
            raise UserError(f"captioners.rewrite.teacher is {FAKE}, the name of dry runs", "give it another name")
        load_prompt(self.prompt).check(_values([("evidence", "A dog runs.")], "Run!", 2.0))

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: RewriteInput, model: ChatModel) -> list[Caption]:
        """One caption, or none where nothing is known."""
        heard = speech_text(row.clip, row.segments)
        real = [c for c in row.captions if not is_fake(c)]
        read = sorted(real if real or heard else row.captions, key=lambda c: c.caption_id)
        notes = list({c.text: (c.teacher, c.text) for c in read}.values())
        transcript = heard.text if heard and all(heard.text != text for _, text in notes) else ""
        if not notes and not transcript:
            return []
        prompt = self.open_prompt(self.prompt)
        messages = prompt.messages(_values(notes, transcript, row.clip.seconds))
        merged, raw = await ask_structured(model, self.model, messages, RewriteAnswer)
        author = Author(self, model, prompt.hash, self.model.seed, self.teacher, self.kind, self.language)
        return [author.caption(row.clip, merged.caption, raw, read)]


def _values(notes: Sequence[tuple[str, str]], transcript: str, seconds: float) -> dict[str, Any]:
    """What a prompt may use."""
    return {
        "captions": [{"teacher": teacher, "text": text} for teacher, text in notes],
        "teachers": [teacher for teacher, _ in notes],
        "transcript": transcript,
        "seconds": round(seconds, 1),
    }
