"""Which caption is which: its id, and whether it is real."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...engine.contract.options import digest, plain_options
from ...engine.contract.step import Step
from ...models.chat.step import ChatStep
from ...schemas import Caption

FAKE = "fake"
"""The teacher and the model of a dry run."""
MARK = "[fake] "
"""How every text of a dry run begins."""
_UNFIT = re.compile(r"[^\w.-]+")


def caption_id(step: Step, clip_id: str, teacher: str, kind: str, parents: Sequence[str] = ()) -> str:
    """The clip, the teacher, and eight digits of what the text depends on: role, parents, the step's options."""
    if isinstance(step, ChatStep):
        return f"{clip_id}_{teacher}_{step.digits([kind, *parents])}"
    made_from = digest(kind, list(parents), plain_options(step, hashed=True), step.revision())
    return f"{clip_id}_{teacher}_{made_from[:8]}"


def is_fake(caption: Caption) -> bool:
    """Whether it comes from a dry run."""
    return FAKE in (caption.teacher, caption.model)


def mark_fake(text: str) -> str:
    """The text as one of a dry run."""
    return text if text.startswith(MARK) else f"{MARK}{text}"


def readable(captions: Iterable[Caption]) -> list[Caption]:
    """Captions of whole clips by id; a dry run's only where there are no real ones."""
    found = sorted((c for c in captions if c.kind != "differential"), key=lambda c: c.caption_id)
    return [c for c in found if not is_fake(c)] or found


def teacher_name(model: str) -> str:
    """A model's name as a teacher's: ``Qwen/Qwen2.5-VL-7B-Instruct`` is ``Qwen2.5-VL-7B-Instruct``."""
    return _UNFIT.sub("-", model.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "chat"


def is_teacher_name(name: str) -> bool:
    """Whether a name can be part of ids and of tables' names."""
    return bool(name) and not _UNFIT.search(name) and name[0] not in "-."
