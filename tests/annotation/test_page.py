"""The page for one reviewer: what is in it, and the answers that it saves."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cliploom.annotation.backends.clips import PlayableClip, make_clips
from cliploom.annotation.backends.folder import ReviewFolder, read_folder
from cliploom.annotation.backends.intake import take_files
from cliploom.annotation.backends.page import backend as page_module
from cliploom.annotation.backends.page.backend import Page, render_page
from cliploom.annotation.forms.form import Questions
from cliploom.annotation.tasks.collect import collect_answers
from cliploom.annotation.tasks.task import CandidateCaption, ReviewTask
from cliploom.engine.contract.errors import UserError

EVIL = '</script><script>alert(1)</script> {{ 7*7 }} & "x" \u2028 <img src=x onerror=alert(1)>'


def task(name: str, media: Path, start_s: float = 1.0) -> ReviewTask:
    file = str(media / "sintel_trailer_270p.mp4")
    texts = (CandidateCaption(f"{name}_secretteacher_1", EVIL), CandidateCaption(f"{name}_other_1", "A cat."))
    return ReviewTask(f"{name}_00000000", name, "v", "Film", start_s, start_s + 1.5, file, texts)


def data(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_texts_are_data_and_no_teacher_is_named(media: Path) -> None:
    page = render_page(
        Questions(kind="choose", guideline=EVIL).form(),
        "review",
        [task("c", media)],
        [PlayableClip("clips/a.mp4", 24.0)],
    )
    held = data(page)
    assert held["tasks"][0]["texts"] == [EVIL, "A cat."] and held["tasks"][0]["src"] == "clips/a.mp4"
    assert "secretteacher" not in page and page.count("<script") == 2 and "<img" not in page
    allowed = re.search(r"script-src 'sha256-([^']+)'", page)
    script = page.rsplit("<script>", 1)[1].split("</script>")[0]
    assert (
        allowed
        and allowed[1].replace("&#43;", "+") == base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    )
    assert "http" not in script and "fetch(" not in script


def test_clips_are_made_once_and_go_with_their_tasks(media: Path, tmp_path: Path) -> None:
    two = [task("a", media), task("b", media, 2.0)]
    made = list(make_clips(tmp_path, tmp_path / "review", two))
    files = {tmp_path / "review" / clip.file for clip in made}
    assert len(files) == 2 and {clip.fps for clip in made} == {24.0}
    before = {path: path.stat().st_mtime_ns for path in files}
    assert list(make_clips(tmp_path, tmp_path / "review", two)) == made
    assert {path: path.stat().st_mtime_ns for path in files} == before
    assert list(make_clips(tmp_path, tmp_path / "review", two[:1])) == made[:1]
    assert {path.exists() for path in files} == {True, False}


def test_a_clip_that_cannot_be_made_says_why(tmp_path: Path, media: Path) -> None:
    gone = task("a", media)._replace(file="media/gone.mp4")
    [clip] = make_clips(tmp_path, tmp_path / "review", [gone])
    assert clip.file == "" and "no such file" in clip.problem


@pytest.fixture
def folder(tmp_path: Path, media: Path) -> ReviewFolder:
    found = ReviewFolder(tmp_path, "review", Questions(kind="choose").form(), page=False)
    found.post([task("a", media), task("b", media)])
    return found


def saved(path: Path, person: str, *answers: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"cliploom": "answers", "format": 1, "person": person, "answers": answers}))
    return path


A, B = "a_00000000", "b_00000000"


def test_saved_answers_are_taken_in_and_the_last_counts(folder: ReviewFolder, tmp_path: Path, media: Path) -> None:
    first = {"task_id": A, "verdict": "accept", "choice": 1, "seconds": 3.5, "at": "2026-01-01T00:00:01Z"}
    other = {"task_id": B, "verdict": "edit", "text": " Better. ", "choice": 2, "at": "2026-01-01T00:00:02Z"}
    again = {**first, "choice": 2, "at": "2026-01-01T00:00:03Z"}
    late = saved(tmp_path / "answers_ann (1).json", " Ann  B", again)
    early = saved(tmp_path / "answers_ann.json", "Ann B", first, other)
    assert folder.digest() == ""
    assert take_files(folder, [late, early]) == {" Ann  B": 2}
    assert [path.name for path in folder.path.glob("answers*")] == ["answers_Ann_B.json"]
    once = folder.digest()
    assert take_files(folder, [early]) == {"Ann B": 2} and folder.digest() == once
    tasks = {t.task_id: t for t in (task("a", media), task("b", media))}
    found = collect_answers(folder.form, folder.fetch(), tasks, set(tasks))
    assert [(a.person, a.verdict, a.choice, a.text) for a in found.by_task[A] + found.by_task[B]] == [
        ("Ann B", "accept", 2, ""), ("Ann B", "edit", 2, "Better."),
    ]  # fmt: skip


def test_an_answer_that_the_form_does_not_allow_is_left_out_and_told(
    folder: ReviewFolder, tmp_path: Path, media: Path
) -> None:
    take_files(folder, [saved(tmp_path / "x.json", "bo", {"task_id": A, "verdict": "accept", "choice": 9})])
    tasks = {A: task("a", media)}
    found = collect_answers(folder.form, folder.fetch(), tasks, set(tasks))
    assert found.by_task == {A: []}
    assert found.broken == [f"{folder.path}/answers_bo.json: answer 1: there is no caption 9: there are 2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no file of answers"),
        ('{"cliploom": "answers", "format": 2, "answers": []}', "in format 2; this version reads format 1"),
        ('{"cliploom": "answers", "format": 1, "answers": []}', "does not say whose answers it holds"),
        (
            '{"cliploom": "answers", "format": 1, "person": "x", "answers": [{"task_id": "z_1", "verdict": "accept"}]}',
            "is of another review: there is no task 'z_1'",
        ),
        ('{"cliploom": "answers", "format": 1, "person": "x", "answers": [{"task_id": 4}]}', "answers.0.task_id"),
    ],
)
def test_a_file_that_is_none_is_refused(folder: ReviewFolder, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        take_files(folder, [path])
    assert said in caught.value.message and not list(folder.path.glob("answers*"))


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    for kind in ("choose", "rate", "saliency", "boxes", "slots"):
        options: dict[str, Any] = {"slots": {"a": _slot()}} if kind == "slots" else {}
        written = ReviewFolder(tmp_path, kind, Questions(kind=kind, **options).form(), people=3)
        written.post([])
        assert read_folder(tmp_path, kind) == written
        assert asdict(written.form)["kind"] == kind
    assert read_folder(tmp_path, "nothing") is None


def _slot() -> Any:
    from cliploom.annotation.forms.form import Slot

    return Slot("a sentence", 1, 3)


def test_a_page_that_would_not_change_is_not_touched(media: Path, tmp_path: Path) -> None:
    page = Page(tmp_path, tmp_path / "review", Questions(kind="choose").form())
    page.post([task("a", media)])
    path = tmp_path / "review" / "review.html"
    before = path.stat().st_mtime_ns
    page.post([task("a", media)])
    assert path.stat().st_mtime_ns == before
    shutil.rmtree(tmp_path / "review")


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_can_be_read_by_day_and_in_the_dark() -> None:
    style = (Path(page_module.__file__).parent / "page.css").read_text()
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", part)) for part in style.split("color-scheme: dark")[:2]
    )
    for colours in (light, light | dark):
        for ink, paper, least in (
            ("ink", "back", 7), ("ink", "paper", 7), ("ink", "chosen", 7), ("soft", "paper", 4.5),
            ("soft", "back", 4.5), ("strong-ink", "strong", 4.5), ("strong", "back", 4.5), ("bad", "back", 4.5),
            ("edge", "paper", 3), ("edge", "back", 3), ("strong", "cell", 3),
        ):  # fmt: skip
            a, b = sorted((_luminance(colours[ink]), _luminance(colours[paper])))
            assert (b + 0.05) / (a + 0.05) >= least, (ink, paper, colours[ink], colours[paper])
