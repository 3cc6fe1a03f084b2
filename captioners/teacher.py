"""Teachers: each says in its own way what a clip shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from ..engine.contract.errors import UserError, nearest
from ..engine.contract.options import make_step, rename_options
from ..engine.contract.step import RowAnswer, Split, Step
from ..models.chat.fake import fake_text
from ..models.chat.model import ChatModelOptions
from ..schemas import Caption, Clip, Col, Evidence, Row, Segment, Video, row_fields
from .chat import Chat
from .text.evidence import describe
from .text.ids import FAKE, caption_id
from .text.prerequisites import check_needs
from .text.presets import PRESETS, with_preset
from .text.speech import speech_text


class TeacherInput(NamedTuple):
    """A clip and what is known about it."""

    clip: Clip
    evidence: list[Evidence] = []
    segments: list[Segment] = []
    video: list[Video] = []


class TeacherAnswer(NamedTuple):
    """What a teacher says, in which language, and who or what worded it."""

    text: str
    model: str
    revision: str
    language: str = "en"


class TeacherKind(NamedTuple):
    """One teacher: how it speaks, and the table without which it cannot."""

    speak: Callable[[TeacherInput], TeacherAnswer | None]
    needs: type[Row] | None = None


@dataclass(frozen=True)
class Teacher(Split[TeacherInput, Caption]):
    """Describe every clip, once per teacher; each teacher's captions are a table of their own.

    A plain word is a teacher that needs no model: ``evidence`` puts measures into words by rule, ``speech`` gives what
    is said in the clip, ``title`` the titles of its video and chapter, ``fake`` something made up that says so. A
    mapping is a chat model: ``{chat: NAME, url: "http://host:8000/v1", inputs: [frames, transcript], as: mine}`` with
    the options of ``captioners.chat`` and of its model, and ``preset: NAME`` for what a published dataset's teacher was
    given. A teacher that knows nothing says nothing.
    """

    cost = "row"
    batch = 256

    teachers: Annotated[
        list[str | dict[str, Any]], Col("who is asked: `evidence`, `speech`, `title`, `fake`, or `{chat: MODEL, ...}`")
    ] = field(default_factory=lambda: ["evidence", "speech", "title"])

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for an unknown teacher, one listed twice, or one whose table no earlier step writes."""
        if not self.teachers:
            raise UserError("captioners.teacher has no teachers", _KNOWN)
        names: list[str] = []
        for teacher in self.teachers:
            if isinstance(teacher, str):
                name = teacher
                _check_word(name, earlier)
            else:
                chat = chat_of(teacher)
                chat.check(earlier)
                name = chat.name
            if name in names:
                hint = "give the second one a name of its own with `as:`" if name not in TEACHERS else ""
                raise UserError(f"the teacher {name} is listed twice", hint)
            names.append(name)

    def expand(self) -> Sequence[tuple[str, Step]]:
        """One step per teacher."""
        return [self._one(teacher) for teacher in self.teachers]

    def _one(self, teacher: str | dict[str, Any]) -> tuple[str, Step]:
        if isinstance(teacher, str):
            return teacher, Teacher(teachers=[teacher])
        chat = chat_of(teacher)
        return chat.name, chat

    def process(self, row: TeacherInput) -> RowAnswer[Caption]:
        """What each teacher says of the clip."""
        return list(self._captions(row))

    def _captions(self, row: TeacherInput) -> Iterator[Caption]:
        for name in (t for t in self.teachers if isinstance(t, str)):
            said = TEACHERS[name].speak(row)
            if said is None or not said.text:
                continue
            clip = row.clip
            made = caption_id(Teacher(teachers=[name]), clip.clip_id, name, "teacher")
            yield Caption(
                caption_id=made, video_id=clip.video_id, clip_id=clip.clip_id, teacher=name, kind="teacher",
                text=said.text, parents=[], model=said.model, revision=said.revision, language=said.language,
            )  # fmt: skip


def _evidence(row: TeacherInput) -> TeacherAnswer | None:
    text = describe(row.evidence[0], not row.clip.seconds) if row.evidence else ""
    return TeacherAnswer(text, "evidence template", "1") if text else None


def _speech(row: TeacherInput) -> TeacherAnswer | None:
    found = speech_text(row.clip, row.segments)
    return TeacherAnswer(found.text, found.source, "1", found.language) if found else None


_LINK = re.compile(r"https?://\S+|www\.\S+")


def _title(row: TeacherInput) -> TeacherAnswer | None:
    if not row.video:
        return None
    video, clip = row.video[0], row.clip
    shared = [(min(c.end_s, clip.end_s) - max(c.start_s, clip.start_s), c.title) for c in video.chapters]
    overlap, chapter = max(shared, key=lambda s: s[0], default=(0.0, ""))
    parts = [video.title, chapter if overlap > 0 else ""]
    clean = [" ".join(_LINK.sub(" ", part).split()) for part in parts]
    return TeacherAnswer(": ".join(dict.fromkeys(part for part in clean if part)), "title", "1", "")


def _fake(row: TeacherInput) -> TeacherAnswer | None:
    return TeacherAnswer(fake_text(row.clip.clip_id), FAKE, "1")


TEACHERS: dict[str, TeacherKind] = {
    "evidence": TeacherKind(_evidence, Evidence),
    "speech": TeacherKind(_speech, Segment),
    "title": TeacherKind(_title, Video),
    "fake": TeacherKind(_fake),
}
_KNOWN = f"teachers: {', '.join(TEACHERS)}, or a mapping such as {{chat: MODEL, url: ...}}"


def _check_word(name: str, earlier: Sequence[Step]) -> None:
    if name not in TEACHERS:
        raise UserError(f"there is no teacher {name}{nearest(name, TEACHERS)}", _KNOWN)
    if (needs := TEACHERS[name].needs) is not None:
        check_needs(f"the teacher {name}", {needs: f"{name} out of `teachers`"}, earlier)


def chat_of(written: dict[str, Any]) -> Chat:
    """The chat teacher of a mapping: the options of ``captioners.chat`` and of its model, side by side.

    Raises:
        UserError: it names no model, or an option is unknown or wrong.
    """
    model_options = {f.name for f in row_fields(ChatModelOptions)} - {"name"}
    chat_options = {f.name for f in row_fields(Chat)} - {"model", "teacher"}
    known = ("chat", "as", "preset", *sorted(chat_options | model_options))
    written = rename_options("a chat teacher", written, known)
    for option in written:
        if option not in known:
            raise UserError(f"a chat teacher has no option {option}{nearest(str(option), known)}")
    given = with_preset(written)
    if not isinstance(given.get("chat"), str):
        raise UserError(
            "a teacher that is a mapping needs the name of its model, under `chat`",
            f"presets: {', '.join(PRESETS)}" if "preset" in written else "such as {chat: qwen2.5-vl-7b, url: ...}",
        )
    model = {key: value for key, value in given.items() if key in model_options}
    options = {key: value for key, value in given.items() if key in chat_options}
    place = f"the teacher {given.get('as', given['chat'])}"
    options["model"] = make_step(place, ChatModelOptions, {**model, "name": given["chat"]})
    return make_step(place, Chat, {**options, "teacher": given.get("as", "")})
