"""Short captions with times of what is done in a video, guessed by a language model from what is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.options import digest
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel, ChatModelOptions
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_lines, ask_structured
from ..schemas import Caption, Clip, Col
from .text.author import Author
from .text.ids import FAKE, is_teacher_name
from .text.second_lines import LENGTH_S, TimedLine, parse_lines, parse_published, within_block
from .text.timed import pieces


class ActionsInput(NamedTuple):
    """A block of a transcript, and its text."""

    clip: Clip
    captions: list[Caption]


@dataclass(frozen=True)
class TimedAction:
    """One action, and when it begins."""

    second: Annotated[float, Col("the second of the video at which it begins", low=0)]
    caption: Annotated[str, Col("one short sentence in the present tense")]


@dataclass(frozen=True)
class ActionsAnswer:
    """What the model is asked for."""

    actions: Annotated[list[TimedAction], Col("the actions, in order of time; none where nothing is done")]


@dataclass(frozen=True)
class Actions(ChatStep[ActionsInput, Caption]):
    """Write captions of what is done in each block of ``builders.word_blocks``, each with a time.

    As HowToCaption (Shvetsova et al. 2023, arXiv:2310.04900), with a prompt of our own, which may use ``lines`` (what
    is said, each with its second), ``first_s``, ``last_s`` and ``form``. A caption is about ``length_s`` from its
    second on; ``captioners.align`` then finds where it belongs. Those that begin outside their block are left out, and
    the text of the block is no candidate any more. With ``prompt: chapters`` and ``teacher: chapters`` the model titles
    the parts of a block instead, of which ``builders.chapters`` makes chapters.

    ``form: structured`` asks for JSON, which is checked and sent back once. ``form: lines`` asks for lines such as
    ``15s: Someone peels a carrot.``; ``profile: published`` reads them as the authors' code does, with its losses
    (``2.5 cups`` becomes ``5 cups``, ``00:15:`` and a sentence without a time are lost), ``fixed`` without them.
    """

    model: Annotated[ChatModelOptions, Col("the model: a word, or its options")] = field(
        default_factory=lambda: ChatModelOptions(max_tokens=1024)
    )
    form: Annotated[str, Col("what is asked for: JSON, or lines of text", choices=("structured", "lines"))] = (
        "structured"
    )
    profile: Annotated[str, Col("how lines are read", choices=("fixed", "published"))] = "fixed"
    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = "actions"
    source: Annotated[str, Col("the teacher whose captions are read")] = "transcript"
    teacher: Annotated[str, Col("its name in captions")] = "actions"
    length_s: Annotated[float, Col("how long a caption is about", unit="s", low=0.1)] = LENGTH_S
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    replaces_inputs = True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown model, a bad name, options that do not go together, or a broken prompt."""
        super().check(earlier)
        if not is_teacher_name(self.teacher) or (self.teacher == FAKE and self.model.name != FAKE):
            raise UserError(
                f"a teacher cannot be named {self.teacher!r}", "a word of letters, digits, -, _ and . (not fake)"
            )
        if self.profile == "published" and self.form != "lines":
            raise UserError("captioners.actions: `profile: published` reads lines", "add form: lines")
        load_prompt(self.prompt).check(_values(["0s: We cut the carrot."], 0.0, 9.0, self.form))

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: ActionsInput, model: ChatModel) -> list[Caption]:
        """The block's captions in order of time; none where it has no text."""
        read = sorted((c for c in row.captions if c.teacher == self.source), key=lambda c: c.caption_id)
        said = [piece for c in read for line in c.text.split("\n") for piece in pieces(line)]
        if not said:
            return []
        prompt = self.open_prompt(self.prompt)
        messages = prompt.messages(_values(said, row.clip.start_s, row.clip.end_s, self.form))
        if self.form == "structured":
            value, raw = await ask_structured(model, self.model, messages, ActionsAnswer)
            told = [TimedLine(a.second, a.second + self.length_s, a.caption) for a in value.actions]
            lines = within_block(told, row.clip.start_s, row.clip.end_s)
        else:
            raw = await ask_lines(model, self.model, messages)
            parse = parse_lines if self.profile == "fixed" else parse_published
            lines = parse(raw, row.clip.start_s, row.clip.end_s, self.length_s)
        author = Author(self, model, prompt.hash, self.model.seed, self.teacher, "teacher", self.language)
        return _captions(row.clip, lines, raw, read, author)


def _captions(
    clip: Clip, lines: Sequence[TimedLine], raw: str, read: Sequence[Caption], author: Author
) -> list[Caption]:
    """One for each different line; the first has the model's own words."""
    made: dict[str, Caption] = {}
    for line in sorted(lines, key=lambda one: one.start_s):
        one = author.caption(clip, line.text, raw if not made else "", read)
        key = f"{one.caption_id}_{round(line.start_s * 1000):09d}_{digest(line.text)[:8]}"
        made.setdefault(key, replace(one, caption_id=key, start_s=line.start_s, end_s=line.end_s))
    return list(made.values())


def _values(lines: Sequence[str], start_s: float, end_s: float, form: str) -> dict[str, Any]:
    """What a prompt may use."""
    return {"lines": list(lines), "first_s": math.floor(start_s), "last_s": math.ceil(end_s), "form": form}
