"""A chat model as a teacher: it is shown a clip's frames and texts, and says what the clip shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError, nearest
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_text
from ..schemas import Caption, Clip, Col, Frame, Row, Segment, Video
from .frames.selection import as_parts, pick_frames
from .text.author import Author
from .text.ids import FAKE, is_teacher_name, readable, teacher_name
from .text.prerequisites import check_needs
from .text.speech import speech_text

INPUTS: dict[str, type[Row]] = {"frames": Frame, "transcript": Segment, "title": Video, "captions": Caption}
"""What a chat teacher may be given, and the table that it comes from."""


class ChatInput(NamedTuple):
    """A clip, and all that a teacher may be given of it."""

    clip: Clip
    frames: list[Frame] = []
    segments: list[Segment] = []
    video: list[Video] = []
    captions: list[Caption] = []


@dataclass(frozen=True)
class Chat(ChatStep[ChatInput, Caption]):
    """Describe every clip by asking a chat model, which sees what ``inputs`` names.

    The prompt may use ``frames`` (how many are shown), ``seconds``, ``transcript``, ``title`` and ``description`` (of
    the video), and ``captions`` (each with ``teacher`` and ``text``); what is not among the inputs is empty. Fails for
    a clip of which frames are wanted and none is stored (``no_frames``). A clip of which nothing wanted is known gets
    no caption. As one of several teachers it is written ``{chat: NAME, …}`` in ``captioners.teacher``.
    """

    version = 2

    teacher: Annotated[str, Col("its name in captions; empty: the model's")] = ""
    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = "describe"
    inputs: Annotated[list[str], Col("what it is given: `frames`, `transcript`, `title`, `captions`")] = field(
        default_factory=lambda: ["frames"]
    )
    frames: Annotated[int, Col("stored frames that are shown at most; 0: none", low=0, high=4096)] = 8
    place: Annotated[
        list[float],
        Col("`[low, high]`: frames drawn at random from this part of the clip; empty: spread evenly", low=0, high=1),
    ] = field(default_factory=list)
    kind: Annotated[str, Col("what the caption is", choices=("teacher", "rewrite", "merge"))] = "teacher"
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for options that make no sense, a model that cannot see, or a table that is not there."""
        super().check(earlier)
        self._check_inputs()
        if self.place and not (len(self.place) == 2 and 0 <= self.place[0] < self.place[1] <= 1):
            raise UserError(
                f"{self.name}: place is {self.place}", "write it as two shares of a clip, place: [0.3, 0.7]"
            )
        if not is_teacher_name(self.name) or (self.name == FAKE and self.model.name != FAKE):
            raise UserError(
                f"a teacher cannot be named {self.name!r}", "a word of letters, digits, -, _ and . (not fake)"
            )
        load_prompt(self.prompt).check(_values("A dog runs.", Video("v", "v", "v", "", 0), [], 2.0, 8))
        wanted = [i for i in self.inputs if i != "frames" or self._sees]
        check_needs(f"the teacher {self.name}", {INPUTS[i]: f"{i} out of its inputs" for i in wanted}, earlier)

    def _check_inputs(self) -> None:
        for wanted in self.inputs:
            if wanted not in INPUTS:
                raise UserError(
                    f"{self.name}: there is no input {wanted}{nearest(wanted, INPUTS)}", f"inputs: {', '.join(INPUTS)}"
                )
        if not self._sees and not set(self.inputs) - {"frames"}:
            raise UserError(f"{self.name} is given nothing to describe", f"inputs: {', '.join(INPUTS)}")
        if self._sees and self.model.name == "embedded":
            raise UserError(
                "the embedded model reads text only; it cannot see frames",
                "name a model that can, and its url, or give other inputs: [transcript, title, captions]",
            )

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.teacher or teacher_name(self.model.name)

    @property
    def _sees(self) -> bool:
        return "frames" in self.inputs and self.frames > 0

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: ChatInput, model: ChatModel) -> list[Caption]:
        """One caption, or none where nothing is known."""
        shown = self._select_frames(row)
        heard = speech_text(row.clip, row.segments) if "transcript" in self.inputs else None
        video = row.video[0] if row.video and "title" in self.inputs else None
        read = readable(row.captions) if "captions" in self.inputs else []
        values = _values(heard.text if heard else "", video, read, row.clip.seconds, len(shown))
        if not any(values[known] for known in ("frames", "transcript", "title", "description", "captions")):
            return []
        prompt = self.open_prompt(self.prompt)
        text, raw = await ask_text(model, self.model, prompt.messages(values, as_parts(shown, self.model)))
        author = Author(self, model, prompt.hash, self.model.seed, self.name, self.kind, self.language)
        return [author.caption(row.clip, text, raw, read)]

    def _select_frames(self, row: ChatInput) -> list[Frame]:
        if not self._sees:
            return []
        shown = pick_frames(row.clip, row.frames, self.frames, self.place)
        if not shown:
            raise RowError(
                f"no frame is stored between {row.clip.start_s:.2f} and {row.clip.end_s:.2f} s; "
                "raise builders.scan.frames_per_s",
                "no_frames",
            )
        return shown


def _values(
    transcript: str, video: Video | None, captions: Sequence[Caption], seconds: float, frames: int
) -> dict[str, Any]:
    """What a prompt may use."""
    return {
        "frames": frames,
        "seconds": round(seconds, 1),
        "transcript": transcript,
        "title": video.title if video else "",
        "description": video.description if video else "",
        "captions": [{"teacher": c.teacher, "text": c.text} for c in {c.text: c for c in captions}.values()],
    }
