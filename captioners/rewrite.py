"""A clip's captions, and what is said in it, merged into one fluent caption by a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from ..engine.errors import RowError, UserError
from ..engine.step import Answer, Site, Split, Step, Work
from ..schemas import Caption, Clip, Col, Segment
from .models.llm import Model, check_model, field, model_revision, open_model
from .models.prompt import Prompt, load_prompt
from .wording.ids import FAKE, caption_id, is_fake
from .wording.speech import spoken

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"caption": {"type": "string"}},
    "required": ["caption"],
    "additionalProperties": False,
}


class ToRewrite(NamedTuple):
    """A clip, its captions, and its video's transcript."""

    clip: Clip
    captions: list[Caption]
    segments: list[Segment] = []


@dataclass(frozen=True)
class Rewrite(Split[ToRewrite, Caption]):
    """Merge all captions of a clip into one. A clip without captions and without speech gets none.

    The prompt may use ``captions`` (each with ``teacher`` and ``text``), ``transcript`` and ``seconds``. An answer that
    is cut off, empty, a refusal, a loop or not the asked JSON is an error row, with the answer in its message. A dry
    run's captions are left out where there are real ones; a caption made of them alone says that it is fake.
    """

    cost = "llm"
    batch = 1  # an answer takes seconds: a batch would only make a kill dearer
    memory_mb = 2000

    model: Annotated[str, Col("`embedded` (a small one, on this machine's processor) or `fake`")] = "embedded"
    prompt: Annotated[str, Col("a prompt that ships with the package, or the path of a .j2 file")] = "merge"
    teacher: Annotated[str, Col("the name under which `captioners.select` knows its captions")] = "rewrite"
    kind: Annotated[str, Col("what the caption is", choices=("rewrite", "merge", "translation"))] = "merge"
    max_tokens: Annotated[int, Col("longest answer", unit="tokens", low=8, high=2048)] = 160
    temperature: Annotated[float, Col("0 gives the same answer every time", low=0, high=2)] = 0.0
    seed: Annotated[int, Col("sampling seed", low=0)] = 0
    language: Annotated[str, Col("BCP 47 code of the language that the prompt asks for")] = "en"

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown model, or a prompt that is absent or broken."""
        check_model(self.model)
        if self.teacher == FAKE and self.model != FAKE:
            raise UserError(f"captioners.rewrite.teacher is {FAKE}, the name of dry runs", "give it another name")
        self._prompt().messages(_values([("evidence", "A dog runs.")], "Run!", 2.0))

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{self._prompt().text}\0{model_revision(self.model)}"

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[ToRewrite, Caption]]:
        """Load the model; the embedded one takes 2-5 s and 1.9 GB, and then 7-13 s a clip on two quiet cores."""
        with open_model(self.model) as model:
            writer = _Writer(self, model, self._prompt())
            yield lambda rows: [writer.answer(row) for row in rows]

    def _prompt(self) -> Prompt:
        return load_prompt(self.prompt)


class _Writer(NamedTuple):
    """A step with what it has loaded."""

    step: Rewrite
    model: Model
    prompt: Prompt

    def answer(self, row: ToRewrite) -> Answer[Caption]:
        try:
            return self._merge(row)
        except RowError as error:
            return error

    def _merge(self, row: ToRewrite) -> list[Caption]:
        heard = spoken(row.clip, row.segments)
        real = [c for c in row.captions if not is_fake(c)]
        read = sorted(real if real or heard else row.captions, key=lambda c: c.caption_id)
        notes = list({c.text: (c.teacher, c.text) for c in read}.values())
        transcript = heard.text if heard and all(heard.text != text for _, text in notes) else ""
        if not notes and not transcript:
            return []
        step, messages = self.step, self.prompt.messages(_values(notes, transcript, row.clip.seconds))
        answer = self.model.chat(
            messages, schema=SCHEMA, max_tokens=step.max_tokens, temperature=step.temperature, seed=step.seed
        )
        text = field(answer, "caption")
        fake = self.model.name == FAKE or (bool(read) and not real)
        return [self._caption(row.clip, text, answer.text, [c.caption_id for c in read], fake)]

    def _caption(self, clip: Clip, text: str, raw: str, parents: list[str], fake: bool) -> Caption:
        teacher = FAKE if fake else self.step.teacher
        return Caption(
            caption_id=caption_id(self.step, clip.clip_id, teacher, self.step.kind, parents),
            video_id=clip.video_id, clip_id=clip.clip_id, teacher=teacher, kind=self.step.kind,
            text=text if not fake or text.startswith("[fake]") else f"[fake] {text}",
            parents=parents, model=self.model.name, revision=self.model.revision, prompt_hash=self.prompt.hash,
            raw=raw, seed=self.step.seed, language=self.step.language,
        )  # fmt: skip


def _values(notes: Sequence[tuple[str, str]], transcript: str, seconds: float) -> dict[str, Any]:
    """What a prompt may use."""
    captions = [{"teacher": teacher, "text": text} for teacher, text in notes]
    return {"captions": captions, "transcript": transcript, "seconds": round(seconds, 1)}
