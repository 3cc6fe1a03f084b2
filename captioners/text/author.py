"""Signing what a model wrote: every caption says who made it, of what, and whether it was a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...engine.contract.step import Step
from ...models.chat.answers import unusable
from ...models.chat.model import ChatModel
from ...models.text.languages import language_name
from ...models.text.written_language import other_language
from ...schemas import Caption, Clip
from .ids import FAKE, caption_id, is_fake, mark_fake


class Author(NamedTuple):
    """A step and its model, in the role in which they write."""

    step: Step
    model: ChatModel
    prompt_hash: str
    seed: int
    teacher: str
    kind: str
    language: str = "en"

    def caption(self, about: Clip | Caption, text: str, raw: str, read: Sequence[Caption]) -> Caption:
        """A text about a clip, made of the captions ``read``; of a dry run's alone it is one of a dry run.

        Raises:
            RowError: it is in another language (``wrong_language``).
        """
        fake = self.model.name == FAKE or (bool(read) and all(is_fake(c) for c in read))
        checked = not fake and self.kind != "translation"  # translations have a check of their own
        if checked and (other := other_language(text, self.language)):
            raise unusable(
                "wrong_language",
                f"the answer is in {other}, not in {language_name(self.language)}, which `language` says is asked for",
                text,
            )
        teacher, parents = FAKE if fake else self.teacher, [c.caption_id for c in read]
        return Caption(
            caption_id=caption_id(self.step, about.clip_id, teacher, self.kind, parents),
            video_id=about.video_id, clip_id=about.clip_id, teacher=teacher, kind=self.kind,
            text=mark_fake(text) if fake else text, parents=parents,
            model=self.model.name, revision=self.model.revision, prompt_hash=self.prompt_hash,
            raw=raw, seed=self.seed, language=self.language,
        )  # fmt: skip
