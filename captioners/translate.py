"""Captions in other languages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import AsyncFunction, BatchFunction, Step, StepContext
from ..models.chat.model import ChatModel, Message
from ..models.chat.prompt import DATA_CHARS, load_prompt
from ..models.chat.step import ChatStep
from ..models.chat.structured import StructuredAnswer, ask_structured
from ..models.text import languages
from ..models.text.languages import (
    detect,
    has_length,
    is_dense,
    is_language,
    language_name,
    language_of,
    load_detector,
    primary,
)
from ..schemas import Caption, Col
from .text.author import Author
from .text.ids import FAKE, is_teacher_name

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class TranslationAnswer:
    """What the model is asked for."""

    translation: Annotated[str, Col("the translation")]


@dataclass(frozen=True)
class Translate(ChatStep[Caption, Caption]):
    """Translate every caption into each of the languages, each of them a table of its own.

    A translation is a caption of its own, with the one that it is of as its parent. Its length is compared with the
    original's, and its language is checked (fastText's small model). One that fails is sent back once, and is then an
    error row: ``length_ratio`` or ``wrong_language``. Captions that are in the language already, and translations, are
    not translated. The prompt may use ``text``, ``source_language``, ``target_language`` (names) and ``language`` (the
    code).
    """

    version = 2

    languages: Annotated[list[str], Col("BCP 47 codes of the languages")] = field(default_factory=lambda: ["de"])
    prompt: Annotated[str, Col("a prompt that ships, the path of a .j2 file, or the template itself")] = "translate"
    teacher: Annotated[str, Col("the translations' teacher; empty: that of what they are of")] = ""
    ratio: Annotated[list[float], Col("`[low, high]`: characters of a translation by those of its original")] = field(
        default_factory=lambda: [0.5, 2.0]
    )
    ratio_dense: Annotated[
        list[float], Col("the same from other scripts to Chinese, Japanese and Korean; from them, its inverse")
    ] = field(default_factory=lambda: [0.15, 0.9])
    check_language: Annotated[bool, Col("check that the translation is in its language")] = True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for wrong codes or ratios, or a prompt or model that is not there."""
        super().check(earlier)
        for code in self.languages:
            if not _CODE.fullmatch(code) or self.languages.count(code) > 1:
                raise UserError(
                    f"captioners.translate.languages has {code!r}", "codes such as de or zh-Hant, each once"
                )
        if not self.languages:
            raise UserError("captioners.translate has no languages", "such as languages: [de, fr]")
        for name, ratio in (("ratio", self.ratio), ("ratio_dense", self.ratio_dense)):
            if len(ratio) != 2 or not 0 < ratio[0] < ratio[1]:
                raise UserError(f"captioners.translate.{name} is {ratio}", "write it as two numbers, [0.5, 2.0]")
        if self.teacher and (not is_teacher_name(self.teacher) or (self.teacher == FAKE and self.model.name != FAKE)):
            raise UserError(f"captioners.translate.teacher is {self.teacher!r}", "give it another name")
        load_prompt(self.prompt).check(_values("A dog runs.", "en", "de"))

    def requirements(self) -> Sequence[Requirement]:
        """What the model takes, and the detector of languages, which captions without a language need too."""
        detector = [needed._replace(optional=not self.check_language) for needed in languages.requirements()]
        return [*super().requirements(), *detector]

    def expand(self) -> Sequence[tuple[str, Step]]:
        """One step per language."""
        return [(code, replace(self, languages=[code])) for code in self.languages]

    def revision(self) -> str:
        """The prompt's text and the model's weights."""
        return f"{load_prompt(self.prompt).text}\0{super().revision()}"

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[Caption, Caption]]:
        """Load the model and the detector of languages."""
        if self.check_language:
            load_detector()
        with super().open(context) as work:
            yield work

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[Caption, Caption]]:
        """Connect to the servers, and load the detector of languages."""
        if self.check_language:
            load_detector()
        async with super().open_async(context) as work:
            yield work

    async def answer(self, row: Caption, model: ChatModel) -> list[Caption]:
        """One caption per language that the row is not in."""
        if row.kind == "translation":
            return []
        known = row if row.language else replace(row, language=language_of(row.text))
        wanted = [code for code in self.languages if primary(code) != primary(known.language)]
        return [await self._translate(known, code, model) for code in wanted]

    async def _translate(self, row: Caption, code: str, model: ChatModel) -> Caption:
        if len(row.text) > DATA_CHARS:
            raise RowError(
                f"the caption has {len(row.text)} characters, at most {DATA_CHARS} are translated", "too_long"
            )
        prompt = self.open_prompt(self.prompt)
        messages = prompt.messages(_values(row.text, row.language, code))
        given = await ask_structured(model, self.model, messages, TranslationAnswer)
        if model.name != FAKE and (wrong := self._wrong(given.value.translation, row, code)):
            given = await ask_structured(model, self.model, [*messages, *_back(given, wrong)], TranslationAnswer)
            if again := self._wrong(given.value.translation, row, code):
                raise again
        alone = replace(self, languages=[code])  # the id is the same whether or not it is one of several languages
        teacher = self.teacher or row.teacher
        author = Author(alone, model, prompt.hash, self.model.seed, teacher, "translation", code)
        return author.caption(row, given.value.translation, given.raw, [row])

    def _wrong(self, text: str, row: Caption, code: str) -> RowError | None:
        """What speaks against a translation."""
        ratio = self._ratio(row.language, code)
        if not has_length(text, row.text, ratio):
            said = f"{len(text)} characters for {len(row.text)} in the original"
            return RowError(f"the translation has {said}: {text!r}", "length_ratio")
        if self.check_language and not is_language(guesses := detect(text), text, code):
            found = language_name(guesses[0].code)
            return RowError(f"the translation is in {found}, not in {language_name(code)}: {text!r}", "wrong_language")
        return None

    def _ratio(self, source: str, target: str) -> list[float]:
        if is_dense(source) == is_dense(target):
            return self.ratio
        low, high = self.ratio_dense
        return [low, high] if is_dense(target) else [1 / high, 1 / low]


def _values(text: str, source: str, target: str) -> dict[str, Any]:
    """What a prompt may use."""
    return {
        "text": text,
        "source_language": language_name(source),
        "target_language": language_name(target),
        "language": target,
    }


def _back(given: StructuredAnswer[TranslationAnswer], wrong: RowError) -> list[Message]:
    """The two turns that send an answer back."""
    return [
        Message(role="assistant", content=given.raw),
        Message(role="user", content=f"That cannot be used: {wrong.message}. Translate the caption again."),
    ]
