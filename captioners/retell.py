"""Captions told anew from their text alone: many with times as one summary, or a brief one in detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel
from ..models.chat.prompt import Prompt, load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_text
from ..schemas import Caption, Clip, Col
from .text.author import Author
from .text.ids import FAKE, is_fake, is_teacher_name
from .text.timed import captions_in_time, in_time, pieces

_SHIPPED = {"summarise": "summary", "recaption": "recaption"}


class RetellInput(NamedTuple):
    """A clip and its captions."""

    clip: Clip
    captions: list[Caption]


@dataclass(frozen=True)
class Retell(ChatStep[RetellInput, Caption]):
    """Sum up the differential captions of a clip, or make brief captions detailed; no frame is looked at.

    The two modes of ShareCaptioner-Video (Chen et al. 2024, arXiv:2406.04325) that read text only. ``summarise`` makes
    one caption a clip of those with times, of one teacher; its prompt may use ``seconds`` and ``frames`` (each with
    ``number``, ``time_s``, ``text``). ``recaption`` makes one of each caption of the whole clip; its prompt may use
    ``seconds`` and ``text``. Texts come in pieces. A clip without such captions gets none. A dry run's captions are
    left out where there are real ones. Fails where several teachers told of a clip's frames and none is named
    (``which_teacher``).
    """

    version = 2

    mode: Annotated[str, Col("one summary, or a detailed text of each caption", choices=("summarise", "recaption"))] = (
        "summarise"
    )
    teacher: Annotated[str, Col("its name in captions; empty: summary or recaption")] = ""
    of: Annotated[str, Col("whose captions to read; empty: all, or the only one's for a summary")] = ""
    prompt: Annotated[str, Col("a prompt, a .j2 file or the template; empty: the one that ships for the mode")] = ""
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown model, a name that cannot be, or a prompt that is absent or broken."""
        super().check(earlier)
        if not is_teacher_name(self.name) or (self.name == FAKE and self.model.name != FAKE):
            raise UserError(
                f"a teacher cannot be named {self.name!r}", "a word of letters, digits, -, _ and . (not fake)"
            )
        frame = {"number": 1, "time_s": "0.00", "text": ["A dog."]}
        told = {"frames": [frame]} if self.mode == "summarise" else {"text": ["A dog."]}
        self._prompt().check({"seconds": "9.0", **told})

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.teacher or _SHIPPED[self.mode]

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{self._prompt().text}\0{super().revision()}"

    async def answer(self, row: RetellInput, model: ChatModel) -> list[Caption]:
        """One summary, or a caption for each; none where there is nothing to read."""
        found = sorted((c for c in row.captions if self.of in ("", c.teacher)), key=lambda c: c.caption_id)
        captions = [c for c in found if not is_fake(c)] or found
        if self.mode == "recaption":
            whole = [c for c in captions if c.kind != "differential" and c.start_s is None]
            return [await self._ask(row.clip, {"text": pieces(c.text)}, [c], model) for c in whole]
        timed = in_time(captions)
        if len(teachers := sorted({c.teacher for c in timed})) > 1:
            raise RowError(f"{' and '.join(teachers)} told of frames: name one with `of`", "which_teacher")
        return [await self._ask(row.clip, {"frames": captions_in_time(row.clip, timed)}, timed, model)] if timed else []

    async def _ask(self, clip: Clip, values: dict[str, Any], read: Sequence[Caption], model: ChatModel) -> Caption:
        prompt = self._prompt()
        messages = prompt.messages({"seconds": f"{clip.seconds:.1f}", **values})
        text, raw = await ask_text(model, self.model, messages)
        kind = "merge" if self.mode == "summarise" else "rewrite"
        author = Author(self, model, prompt.hash, self.model.seed, self.name, kind, self.language)
        return author.caption(clip, text, raw, read)

    def _prompt(self) -> Prompt:
        return load_prompt(self.prompt or _SHIPPED[self.mode])
