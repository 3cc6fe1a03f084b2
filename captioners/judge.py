"""Captions scored by a chat model, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.step import Step
from ..models.chat.model import ChatModel
from ..models.chat.prompt import load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import ask_structured
from ..schemas import Caption, Clip, Col, Frame, Score, memoize
from .frames.selection import as_parts, pick_frames, shuffle_key
from .text.ids import FAKE, is_fake

_TOKENS_EACH = 80
"""Room for one reason and its mark; an answer about many captions is longer than other answers."""


class JudgeInput(NamedTuple):
    """A clip, what is said of it, and its video's frames."""

    clip: Clip
    captions: list[Caption]
    frames: list[Frame] = []


@dataclass(frozen=True)
class Judge(ChatStep[JudgeInput, Score]):
    """Score every caption of a clip, 0 to 1: against ``frames`` of it, or against each other with ``frames: 0``.

    The model gives a reason (kept as ``note``) and then a mark from 1 to ``marks``, which is brought to 0 (worst) to
    1 (best). Candidates come in an order that looks random and is the same in every build, without their teachers'
    names; captions of the same text are one candidate. A dry run's captions are left out, except by the fake model.
    The prompt may use ``candidates`` (texts; the answer calls them ``candidate_1``, ``candidate_2``, …), ``best`` (the
    highest mark), ``frames`` (how many are shown) and ``seconds``. Fails for a clip of which frames are wanted and
    none is stored (``no_frames``).
    """

    version = 2

    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = "judge"
    name: Annotated[str, Col("name of the score, as `captioners.select` and `filters.keep` call it")] = "judge"
    frames: Annotated[int, Col("stored frames that are shown at most, evenly spread", low=0, high=4096)] = 0
    marks: Annotated[int, Col("how many marks there are: 1 is the worst, this the best", low=2, high=100)] = 5
    teachers: Annotated[list[str], Col("whose captions are judged; empty: all")] = field(default_factory=list)

    measures = ("judge",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "measures", (self.name,))

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for a model that cannot see, a useless name, or a prompt that is absent or broken."""
        super().check(earlier)
        if not self.name.isidentifier():
            raise UserError(f"captioners.judge.name is {self.name!r}", "a score's name is a word such as judge")
        if self.frames and self.model.name == "embedded":
            raise UserError(
                "the embedded model reads text only; it cannot see frames",
                "name a model that can, and its url, or leave frames at 0 to compare captions with each other",
            )
        load_prompt(self.prompt).check(_values(["A dog runs.", "A dog sleeps."], self.marks, self.frames, 2.0))

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    async def answer(self, row: JudgeInput, model: ChatModel) -> list[Score]:
        """One score per caption."""
        wanted = [c for c in row.captions if not self.teachers or c.teacher in self.teachers]
        rated = [c for c in wanted if model.name == FAKE or not is_fake(c)]
        if not rated:
            return []
        shown = pick_frames(row.clip, row.frames, self.frames)
        if self.frames and not shown:
            raise RowError("none of the stored frames lies in the clip; raise builders.scan.frames_per_s", "no_frames")
        texts = sorted({c.text for c in rated}, key=lambda text: shuffle_key(row.clip.clip_id, text))
        values = _values(texts, self.marks, len(shown), row.clip.seconds)
        messages = self.open_prompt(self.prompt).messages(values, as_parts(shown, self.model))
        options = replace(self.model, max_tokens=max(self.model.max_tokens, _TOKENS_EACH * len(texts)))
        given = (await ask_structured(model, options, messages, _shape(len(texts), self.marks))).value
        verdicts = {text: getattr(given, f"candidate_{i + 1}") for i, text in enumerate(texts)}
        return [self._score(caption, verdicts[caption.text], model) for caption in rated]

    def _score(self, caption: Caption, verdict: Any, model: ChatModel) -> Score:
        return Score(
            score_id=f"{caption.caption_id}_{self.name}", video_id=caption.video_id, clip_id=caption.clip_id,
            caption_id=caption.caption_id, name=self.name, value=round((verdict.mark - 1) / (self.marks - 1), 5),
            model=model.name, note=verdict.why,
        )  # fmt: skip


@memoize
def _shape(count: int, best: int) -> type[Any]:
    """An answer with a reason and a mark for each candidate: a list could leave some out."""
    reason = Annotated[str, Col("the reason, in one short sentence")]
    verdict: Any = make_dataclass(
        "Verdict",
        [("why", reason, field(default="")), ("mark", Annotated[int, Col("the mark", low=1, high=best)])],
        frozen=True,
        kw_only=True,
    )
    fields = [(f"candidate_{i + 1}", Annotated[verdict, Col("what you think of it")]) for i in range(count)]
    return make_dataclass("Verdicts", fields, frozen=True)


def _values(candidates: Sequence[str], best: int, frames: int, seconds: float) -> dict[str, Any]:
    """What a prompt may use."""
    return {"candidates": list(candidates), "best": best, "frames": frames, "seconds": round(seconds, 1)}
