"""``review.html``: the tasks on one page, their clips beside it, answers saved to a file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ....engine.contract.options import digest
from ....engine.contract.words import number_of
from ....engine.storage.files import write_text
from ...forms.form import Form
from ...tasks.task import ReviewTask
from ..answer_files import answer_lines
from ..clips import PlayableClip, make_clips
from ..port import AnswerLine, digest_files

HERE = Path(__file__).parent
NAME = "review.html"


@dataclass(frozen=True)
class Page:
    """One page for one reviewer: it opens from the folder, without a server, and loads nothing from elsewhere."""

    root: Path  # the build folder
    folder: Path
    form: Form

    def post(self, tasks: Sequence[ReviewTask]) -> None:
        """Write the page and its clips; it is not touched where it would not change."""
        clips = make_clips(self.root, self.folder, tasks)
        text = render_page(self.form, self.folder.name, tasks, list(clips))
        path = self.folder / NAME
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)

    def fetch(self) -> list[AnswerLine]:
        """The answers of the files that people saved and `cliploom review pull` took in."""
        return answer_lines(self._files())

    def digest(self) -> str:
        """A digest of those files."""
        return digest_files(self._files())

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("answers*.json") if path.is_file())


def render_page(form: Form, sheet: str, tasks: Sequence[ReviewTask], clips: Sequence[PlayableClip]) -> str:
    """The page as HTML. Texts of captions and titles are data in it, and never markup."""
    from jinja2 import Environment, FileSystemLoader

    shown = [_task(task, clip) for task, clip in zip(tasks, clips, strict=True)]
    held = {"id": digest(sheet, [task.task_id for task in tasks]), "sheet": sheet, "form": asdict(form), "tasks": shown}
    script = "".join((HERE / name).read_text(encoding="utf-8") for name in ("page.js", "parts.js"))
    style = (HERE / "page.css").read_text(encoding="utf-8")
    data = json.dumps(held, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True).get_template("page.html.j2")
    from markupsafe import Markup

    return page.render(
        title=f"{number_of(len(tasks), 'task')} of {sheet}",
        guideline=form.guideline.strip(), data=Markup(data),
        script=Markup(script), style=Markup(style), script_hash=_hash(script), style_hash=_hash(style),
    )  # fmt: skip


def _task(task: ReviewTask, clip: PlayableClip) -> dict[str, Any]:
    """What the page knows of a task: no ids of captions, since they name the teacher."""
    return {
        "id": task.task_id, "src": clip.file, "why": clip.problem, "fps": clip.fps, "video": task.video,
        "start_s": task.start_s, "end_s": task.end_s, "texts": [candidate.text for candidate in task.candidates],
        "marks": [asdict(mark) for mark in task.marks], "frame_s": task.frame_s,
    }  # fmt: skip


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
