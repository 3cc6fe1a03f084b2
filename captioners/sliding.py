"""Differential sliding-window captions: what each frame adds to the one before it, and all of that as one caption."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel, ImagePart, Part
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_text
from ..schemas import Caption, Clip, Col, Frame
from ..schemas.ids import SAME_TIME_S
from .frames.collage import grid, stack_frames, strip
from .text.author import Author
from .text.ids import FAKE, is_teacher_name
from .text.prerequisites import check_needs
from .text.timed import captions_in_time, pieces, seconds


class SlidingInput(NamedTuple):
    """A clip, and its stored frames."""

    clip: Clip
    frames: list[Frame] = []


class _SlidingRequest(NamedTuple):
    """Who is asked for which kind of caption, and what it is made of."""

    model: ChatModel
    kind: str
    read: Sequence[Caption]


@dataclass(frozen=True)
class Sliding(ChatStep[SlidingInput, Caption]):
    """Describe a clip by its frames, one after the other, and sum that up.

    As ShareGPT4Video (Chen et al. 2024, arXiv:2406.04325): the model describes the first frame in detail; then it sees
    each frame with the one before it, the times of both and what it last said, and tells what happened between them;
    then it sums up all of that, by text alone. What it says of frames is kept too: captions of the kind `differential`,
    with the times that they tell of and each with the one before as parent. The last caption is the clip's, of the kind
    `teacher`. However long the clip, a request shows two frames. Every request depends on answers before it: a build
    that was interrupted asks for those that it has not had, as answers are kept.

    ``mode: fast`` shows all frames in one picture, numbered, and asks once. Prompts may use ``seconds``; that of the
    pair ``first``, ``second`` (numbers from 1), ``first_s``, ``second_s``, ``before`` and ``stack_frames``, that of the
    summary ``frames`` (each with ``number``, ``time_s``, ``text``), that of the one picture ``times_s``; texts come in
    pieces. Fails for a clip without frames (``no_frames``), and for one that the model fails at.
    """

    version = 2

    mode: Annotated[str, Col("frame by frame, or all frames at once", choices=("sliding", "fast"))] = "sliding"
    teacher: Annotated[str, Col("its name in captions")] = "sliding"
    pair: Annotated[
        str, Col("show two frames as two pictures, or below each other in one", choices=("pictures", "stacked"))
    ] = "pictures"
    layout: Annotated[
        str, Col("for `fast`: frames below each other, or in rows of five", choices=("strip", "grid"))
    ] = "strip"
    frames_s: Annotated[float, Col("least time between two frames; 0: all that are stored", unit="s", low=0)] = 0.0
    max_frames: Annotated[int, Col("more frames than this are thinned out evenly", low=2, high=4096)] = 60
    first_prompt: Annotated[str, Col("asks for the first frame: a prompt, a .j2 file or the template")] = "first_frame"
    pair_prompt: Annotated[str, Col("asks what happened between two frames")] = "between_frames"
    summary_prompt: Annotated[str, Col("asks for the summary")] = "summary"
    fast_prompt: Annotated[str, Col("asks for all frames at once")] = "all_frames"
    language: Annotated[str, Col("BCP 47 code of the language that the prompts ask for")] = "en"

    timeout_s = 6 * 3600.0

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a model that cannot see, a broken prompt, or frames that nothing stores."""
        super().check(earlier)
        if self.model.name == "embedded":
            raise UserError(
                "the embedded model reads text only; it cannot see frames", "name a model that can, and its url"
            )
        if not is_teacher_name(self.teacher) or (self.teacher == FAKE and self.model.name != FAKE):
            raise UserError(
                f"a teacher cannot be named {self.teacher!r}", "a word of letters, digits, -, _ and . (not fake)"
            )
        for prompt, values in self._examples().items():
            load_prompt(prompt).check(values)
        check_needs("captioners.sliding", {Frame: "it out"}, earlier)

    def revision(self) -> str:
        """The prompts' texts and the model's weights."""
        return "\0".join([*(load_prompt(prompt).text for prompt in self._examples()), super().revision()])

    async def answer(self, row: SlidingInput, model: ChatModel) -> list[Caption]:
        """The differential captions in order of time, then the clip's; of ``fast`` only that."""
        frames = self._frames(row)
        if self.mode == "fast":
            return [await self._at_once(row.clip, frames, model)]
        told: list[Caption] = []
        for at in range(len(frames)):
            told.append(await self._describe_pair(row.clip, frames[max(0, at - 1) : at + 1], told, model))
        values = {"seconds": _length(row.clip), "frames": captions_in_time(row.clip, told)}
        return [
            *told,
            await self._ask(row.clip, self.summary_prompt, values, [], _SlidingRequest(model, "teacher", told)),
        ]

    async def _describe_pair(
        self, clip: Clip, pair: Sequence[Frame], told: Sequence[Caption], model: ChatModel
    ) -> Caption:
        """What is said of the first frame, or of two."""
        *before, frame = pair
        name, values, shown = self.first_prompt, {"seconds": _length(clip)}, [ImagePart(frame.jpeg)]
        if before:
            name, values = self.pair_prompt, self._pair_values(clip, pair, told)
            shown = [ImagePart(f.jpeg) for f in pair]
            if self.pair == "stacked":
                shown = [await asyncio.to_thread(stack_frames, *pair)]
        made = await self._ask(clip, name, values, shown, _SlidingRequest(model, "differential", told[-1:]))
        return replace(made, start_s=pair[0].time_s, end_s=frame.time_s)

    def _pair_values(self, clip: Clip, pair: Sequence[Frame], told: Sequence[Caption]) -> dict[str, Any]:
        first, second = (seconds(clip, frame.time_s) for frame in pair)
        return {
            "seconds": _length(clip), "first": len(told), "second": len(told) + 1, "first_s": first, "second_s": second,
            "before": pieces(told[-1].text), "stacked": self.pair == "stacked",
        }  # fmt: skip

    async def _at_once(self, clip: Clip, frames: Sequence[Frame], model: ChatModel) -> Caption:
        shown = await asyncio.to_thread(grid if self.layout == "grid" else strip, frames)
        values = {"seconds": _length(clip), "times_s": [seconds(clip, f.time_s) for f in frames]}
        return await self._ask(clip, self.fast_prompt, values, [shown], _SlidingRequest(model, "teacher", []))

    async def _ask(
        self, clip: Clip, name: str, values: dict[str, Any], shown: Sequence[Part], task: _SlidingRequest
    ) -> Caption:
        prompt = load_prompt(name)
        text, raw = await ask_text(task.model, self.model, prompt.messages(values, shown))
        author = Author(self, task.model, prompt.hash, self.model.seed, self.teacher, task.kind, self.language)
        return author.caption(clip, text, raw, task.read)

    def _frames(self, row: SlidingInput) -> list[Frame]:
        """The frames that are shown, in order of time."""
        clip = row.clip
        inside = sorted((f for f in row.frames if clip.holds(f.time_s)), key=lambda f: f.time_s)
        if not inside:
            ask_text = f"no frame is stored between {clip.start_s:.2f} and {clip.end_s:.2f} s; drop such clips before"
            raise RowError(ask_text, "no_frames")
        spread = inside[:1]
        for frame in inside[1:]:
            if frame.time_s - spread[-1].time_s >= self.frames_s - SAME_TIME_S:
                spread.append(frame)
        if len(spread) <= self.max_frames:
            return spread
        last, steps = len(spread) - 1, self.max_frames - 1
        return [spread[(2 * i * last + steps) // (2 * steps)] for i in range(self.max_frames)]

    def _examples(self) -> dict[str, dict[str, Any]]:
        """The prompts that are used, with values to try them with."""
        if self.mode == "fast":
            return {self.fast_prompt: {"seconds": "9.0", "times_s": ["0.00", "2.00"]}}
        pair = {"first": 1, "second": 2, "first_s": "0.00", "second_s": "2.00", "before": ["A dog."], "stacked": False}
        frame = {"number": 1, "time_s": "0.00", "text": ["A dog."]}
        return {
            self.first_prompt: {"seconds": "9.0"},
            self.pair_prompt: {"seconds": "9.0", **pair},
            self.summary_prompt: {"seconds": "9.0", "frames": [frame]},
        }


def _length(clip: Clip) -> str:
    return f"{clip.seconds:.1f}"
