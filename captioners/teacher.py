"""Teachers: each says in its own way what a clip shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from ..engine.errors import UserError, nearest
from ..engine.step import Fan, Site, Split, Step, Work, writes
from ..schemas import Caption, Clip, Col, Evidence, Row, Segment, Video
from .models.fake import fake_text
from .wording.evidence import describe
from .wording.ids import FAKE, caption_id
from .wording.speech import spoken


class Shown(NamedTuple):
    """A clip and what is known about it."""

    clip: Clip
    evidence: list[Evidence] = []
    segments: list[Segment] = []
    video: list[Video] = []


class Said(NamedTuple):
    """What a teacher says, in which language, and who or what worded it."""

    text: str
    model: str
    revision: str
    language: str = "en"


class Source(NamedTuple):
    """One teacher: how it speaks, and the table without which it cannot."""

    speak: Callable[[Shown], Said | None]
    needs: type[Row] | None = None


@dataclass(frozen=True)
class Teacher(Split[Shown, Caption]):
    """Describe every clip, once per teacher; each teacher's captions are a table of their own.

    ``evidence`` puts measures into words by rule, ``speech`` gives what is said in the clip, ``title`` the titles of
    its video and chapter, ``fake`` something made up that says so. A teacher that knows nothing says nothing.
    """

    cost = "row"
    batch = 256

    teachers: Annotated[list[str], Col("who is asked: `evidence`, `speech`, `title` or `fake`")] = field(
        default_factory=lambda: ["evidence", "speech", "title"]
    )

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown teacher, one listed twice, or one whose table no earlier step writes."""
        if not self.teachers:
            raise UserError("captioners.teacher has no teachers", f"teachers: {', '.join(TEACHERS)}")
        written = {row for step in earlier for row in _writes(step)}
        for i, name in enumerate(self.teachers):
            if name not in TEACHERS:
                raise UserError(
                    f"there is no teacher {name}{nearest(name, TEACHERS)}", f"teachers: {', '.join(TEACHERS)}"
                )
            if name in self.teachers[:i]:
                raise UserError(f"the teacher {name} is listed twice")
            needs = TEACHERS[name].needs
            if needs is not None and needs not in written:
                raise UserError(
                    f"the teacher {name} reads {needs.table}, and no step before it writes them",
                    f"add {_MAKERS[needs]}, or leave {name} out of `teachers`",
                )

    def expand(self) -> Sequence[tuple[str, Step]]:
        """One step per teacher."""
        return [(name, Teacher(teachers=[name])) for name in self.teachers]

    @contextmanager
    def open(self, site: Site) -> Iterator[Work[Shown, Caption]]:
        """Nothing to load."""
        yield lambda rows: [list(self._captions(row)) for row in rows]

    def _captions(self, row: Shown) -> Iterator[Caption]:
        for name in self.teachers:
            said = TEACHERS[name].speak(row)
            if said is None or not said.text:
                continue
            clip = row.clip
            made = caption_id(Teacher(teachers=[name]), clip.clip_id, name, "teacher")
            yield Caption(
                caption_id=made, video_id=clip.video_id, clip_id=clip.clip_id, teacher=name, kind="teacher",
                text=said.text, parents=[], model=said.model, revision=said.revision, language=said.language,
            )  # fmt: skip


def _evidence(row: Shown) -> Said | None:
    text = describe(row.evidence[0]) if row.evidence else ""
    return Said(text, "evidence template", "1") if text else None


def _speech(row: Shown) -> Said | None:
    found = spoken(row.clip, row.segments)
    return Said(found.text, found.source, "1", found.language) if found else None


_LINK = re.compile(r"https?://\S+|www\.\S+")


def _title(row: Shown) -> Said | None:
    if not row.video:
        return None
    video, clip = row.video[0], row.clip
    shared = [(min(c.end_s, clip.end_s) - max(c.start_s, clip.start_s), c.title) for c in video.chapters]
    overlap, chapter = max(shared, key=lambda s: s[0], default=(0.0, ""))
    parts = [video.title, chapter if overlap > 0 else ""]
    clean = [" ".join(_LINK.sub(" ", part).split()) for part in parts]
    return Said(": ".join(dict.fromkeys(part for part in clean if part)), "title", "1", "")


def _fake(row: Shown) -> Said | None:
    return Said(fake_text(row.clip.clip_id), FAKE, "1")


TEACHERS: dict[str, Source] = {
    "evidence": Source(_evidence, Evidence),
    "speech": Source(_speech, Segment),
    "title": Source(_title, Video),
    "fake": Source(_fake),
}
_MAKERS: dict[type[Row], str] = {
    Evidence: "captioners.evidence",
    Segment: "builders.speech or builders.subtitles",
    Video: "a source such as builders.folder",
}


def _writes(step: Step) -> Iterator[type[Row]]:
    """The row types that a step writes."""
    if isinstance(step, Fan):
        yield from (part.out for part in step.parts())
    elif (row := writes(type(step))) is not None:
        yield row
