"""Tasks as Label Studio takes them, and its annotations as answers."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....models.people.label_studio import AnnotationResult, many, read_annotation
from ....schemas import ReviewMark
from ...forms.answers import ReviewAnswer
from ...forms.form import ACCEPT, CANNOT_TELL, CAPTION_KINDS, EDIT, MARK, REJECT, Axis, Form
from ...tasks.cells import cell_numbers, join_cells
from ...tasks.task import ReviewTask
from . import config
from .config import axis_name, slot_name

MODEL = "cliploom"


class ShownClip(NamedTuple):
    """Where the server finds a clip, and the rate that its timeline counts in."""

    url: str
    fps: float


def as_labeling_task(form: Form, task: ReviewTask, clip: ShownClip) -> dict[str, Any]:
    """A task with its data, and what is given as a prediction. No id of a caption is in it: it names the teacher."""
    data: dict[str, Any] = {
        "video": clip.url,
        "fps": clip.fps,
        "shown": _task_text(form, task),
    }
    if form.text and not form.choice:
        data["caption"] = task.candidates[0].text
    if form.choice:
        texts = [(str(i), candidate.text) for i, candidate in enumerate(task.candidates, 1)]
        more = [(REJECT, "All bad"), (CANNOT_TELL, "Cannot tell")]
        data["options"] = [_option(value, text) for value, text in [*texts, *more]]
    if form.tags:
        data["options"] = [_option(str(i), mark.name) for i, mark in enumerate(task.marks)] or [_option("-", "none")]
    made: dict[str, Any] = {"data": data, "meta": {"cliploom": task.task_id}}  # the list of tasks shows no meta
    if task.suggestion is not None:
        made["predictions"] = [model_prediction(form, task, clip.fps)]
    elif result := list(_initial_results(form, task, clip.fps)):
        made["predictions"] = [{"model_version": MODEL, "result": result}]
    return made


def model_prediction(form: Form, task: ReviewTask, fps: float) -> dict[str, Any] | None:
    """What a model answers, with its score; None where no model was asked."""
    guess = task.suggestion
    if guess is None:
        return None
    return {
        "model_version": guess.model, "score": guess.score, "result": list(_initial_results(form, task, fps))
    }  # fmt: skip


def _option(value: str, text: str) -> dict[str, str]:
    return {"value": value, "html": f"<span>{html.escape(text)}</span>"}


def _task_text(form: Form, task: ReviewTask) -> str:
    if form.choice or form.text:
        return task.video
    lines = [candidate.text for candidate in task.candidates]
    if form.timeline is not None and form.timeline.inside:
        lines += [f"{m.name}. {m.text} ({_seconds(task, m)})" for m in task.marks]
        lines.append(f"At most {form.timeline.budget * (task.end_s - task.start_s):.1f} s in all.")
    return "\n".join(lines) or task.video


def _seconds(task: ReviewTask, mark: ReviewMark) -> str:
    return f"{(mark.start_s or 0) - task.start_s:.1f} to {(mark.end_s or 0) - task.start_s:.1f} s"


def _initial_results(form: Form, task: ReviewTask, fps: float) -> Iterator[dict[str, Any]]:
    """What the task gives, as results that stand in the form to begin with."""
    if form.choice and task.suggestion is not None:
        yield _result(config.CHOICE, "choices", {"choices": [str(task.suggestion.choice)]}, "suggested")
    if form.tags and task.marks:
        yield _result(config.TAGS, "choices", {"choices": [str(i) for i in range(len(task.marks))]}, "tags")
    line = form.timeline
    if line is None or line.inside or form.kind == "moments":
        return
    labels = config.span_labels(line)
    for number, mark in enumerate(task.marks):
        label = mark.name if mark.name in labels else labels[0]
        start, end = _frames(task, mark, fps)
        value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
        yield _result(config.SPANS, "timelinelabels", value, f"given{number}")
        if line.text and mark.text:
            yield _result(config.EVENT, "textarea", {**value, "text": [mark.text]}, f"given{number}")


def _result(name: str, kind: str, value: dict[str, Any], region: str) -> dict[str, Any]:
    return {"id": region, "from_name": name, "to_name": config.VIDEO, "type": kind, "value": value}


def _frames(task: ReviewTask, mark: ReviewMark, fps: float) -> tuple[int, int]:
    """First and last frame of a span, counted from 1."""
    start = round(((mark.start_s or 0) - task.start_s) * fps) + 1
    end = start if mark.end_s is None else round((mark.end_s - task.start_s) * fps)
    return start, max(start, end)


class _Results(NamedTuple):
    """The results of one annotation, by the names of the form's parts."""

    values: Mapping[str, list[AnnotationResult]]  # of the whole
    regions: Mapping[str, dict[str, AnnotationResult]]  # by region, then by name

    def choices(self, name: str) -> list[str]:
        return [_WORDS.get(c, c) for result in self.values.get(name, ()) for c in result.choices]

    def texts(self, name: str) -> list[str]:
        return [text.strip() for result in self.values.get(name, ()) for text in result.texts if text.strip()]


_WORDS = {text: verdict for verdict, text in config.WORDS.items()} | {
    "Nowhere in the clip": REJECT,
    "It is as marked": MARK,
}
_REGIONAL = (config.SPANS, config.GRADE, config.EVENT, config.BOXES, config.BOX_LABELS)


def as_answer(
    form: Form, task: ReviewTask, fps: float, person: str, annotation: Mapping[str, Any]
) -> ReviewAnswer | None:
    """What one annotation answers; None for one that was skipped or is empty.

    Raises:
        ValueError: the form was changed on the server, so that its parts are not to be found.
    """
    read = read_annotation(annotation)
    found = _results(form, read.results)
    if read.is_skip or not (found.values or found.regions):
        return None
    spent = annotation.get("lead_time")
    seconds = round(float(spent), 1) if isinstance(spent, (int, float)) and 0 <= spent < 1e9 else None
    said = _caption_answer(form, task, found) if form.kind in CAPTION_KINDS else _marks(form, task, fps, found)
    return said._replace(person=person, seconds=seconds)


def _results(form: Form, results: Sequence[AnnotationResult]) -> _Results:
    values: dict[str, list[AnnotationResult]] = {}
    regions: dict[str, dict[str, AnnotationResult]] = {}
    known = config.part_names(form)
    for result in results:
        if result.part not in known or not result.value:
            raise ValueError(f"it holds {result.part!r}, which the form does not have: it was changed on the server")
        if result.part in _REGIONAL:
            regions.setdefault(result.region, {})[result.part] = result
        else:
            values.setdefault(result.part, []).append(result)
    return _Results(values, regions)


_NOTHING = AnnotationResult("", "", {})


def _caption_answer(form: Form, task: ReviewTask, found: _Results) -> ReviewAnswer:
    texts = found.texts(config.TEXT)
    if form.choice:
        [chosen] = found.choices(config.CHOICE)[:1] or [""]
        number = int(chosen) if chosen.isdecimal() else None
        if texts:
            return ReviewAnswer(task.task_id, "", EDIT, texts[-1], None, number)
        return ReviewAnswer(task.task_id, "", ACCEPT if number else chosen or ACCEPT, "", None, number)
    [verdict] = found.choices(config.VERDICT)[:1] or [ACCEPT]
    before = task.candidates[0].text.strip() if task.candidates else ""
    text = texts[-1] if texts and texts[-1] != before else ""
    if verdict in (ACCEPT, EDIT):
        verdict = EDIT if text else ACCEPT
    return ReviewAnswer(task.task_id, "", verdict, text if verdict == EDIT else "", None, 1)


def _marks(form: Form, task: ReviewTask, fps: float, found: _Results) -> ReviewAnswer:
    [verdict] = found.choices(config.VERDICT)[:1] or [MARK]
    if verdict != MARK:
        return ReviewAnswer(task.task_id, "", verdict)
    marks: list[ReviewMark] = []
    for number, (name, axis) in enumerate(form.axes):
        if chosen := found.choices(axis_name(number)):
            marks.append(ReviewMark(name, value=_grade(axis, chosen[0])))
    for number, (name, _) in enumerate(form.slots):
        marks += [ReviewMark(name, text) for text in found.texts(slot_name(number))]
    if form.tags:
        chosen = [c for c in found.choices(config.TAGS) if c.isdecimal() and int(c) < len(task.marks)]
        marks += [ReviewMark(task.marks[int(c)].name) for c in chosen]
        names = {mark.name.casefold() for mark in marks}
        marks += [ReviewMark(text) for text in found.texts(config.ADDED) if text.casefold() not in names]
    marks += _regions(form, task, fps, found)
    return ReviewAnswer(task.task_id, "", MARK, marks=tuple(marks))


def _grade(axis: Axis, chosen: str) -> float | None:
    number = chosen.split()[0]
    return float(number) if number.lstrip("-").isdecimal() else None


def _regions(form: Form, task: ReviewTask, fps: float, found: _Results) -> list[ReviewMark]:
    if form.boxes is not None:
        return [box for region in found.regions.values() for box in _boxes(task, fps, region)]
    line = form.timeline
    if line is None:
        return []
    if line.grade is not None:
        return _grade_marks(line.grade, task, fps, found)
    spans = sorted(_spans(task, fps, found), key=lambda mark: (mark.start_s or 0, mark.name))
    if line.points:
        return [ReviewMark(mark.name, mark.text, None, mark.start_s) for mark in spans]
    return _on_grid(task, line.grid_s, spans) if line.grid_s else spans


def _spans(task: ReviewTask, fps: float, found: _Results) -> Iterator[ReviewMark]:
    for region in found.regions.values():
        span = region.get(config.SPANS, _NOTHING).value
        text = " ".join(region.get(config.EVENT, _NOTHING).texts).strip()
        for label in many(span.get("timelinelabels")):
            for range_ in many(span.get("ranges")):
                start_s, end_s = _times(task, fps, range_)
                yield ReviewMark(str(label), text, None, start_s, end_s)


def _times(task: ReviewTask, fps: float, range_: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of the video: frames are counted from 1, and the last one belongs to the span."""
    start_s = task.start_s + (float(range_["start"]) - 1) / fps
    end_s = task.start_s + float(range_["end"]) / fps
    return round(max(start_s, task.start_s), 6), round(min(end_s, task.end_s), 6)


def _on_grid(task: ReviewTask, grid_s: float, spans: Sequence[ReviewMark]) -> list[ReviewMark]:
    """Spans as whole cells: to the nearest edges, one cell at least."""
    made = []
    for name in dict.fromkeys(mark.name for mark in spans):
        cells = {n for mark in spans if mark.name == name for n in _cells(mark, grid_s, task)}
        for start_s, end_s in join_cells(sorted(cells), grid_s):
            end = min(task.start_s + end_s, task.end_s)
            made.append(ReviewMark(name, "", None, task.start_s + start_s, end))
    return made


def _cells(mark: ReviewMark, grid_s: float, task: ReviewTask) -> Sequence[int]:
    assert mark.start_s is not None and mark.end_s is not None
    middle = int(((mark.start_s + mark.end_s) / 2 - task.start_s) / grid_s)
    return cell_numbers(mark, grid_s, task.start_s) or [middle]


def _grade_marks(axis: Axis, task: ReviewTask, fps: float, found: _Results) -> list[ReviewMark]:
    """A grade for each given span, from the region that begins where it does."""
    grades = {}
    for region in found.regions.values():
        ranges = many(region.get(config.SPANS, _NOTHING).value.get("ranges"))
        chosen = region.get(config.GRADE, _NOTHING).choices
        if ranges and chosen:
            grades[ranges[0].get("start")] = _grade(axis, chosen[0])
    made = []
    for mark in task.marks:
        start, _ = _frames(task, mark, fps)
        if start in grades:
            made.append(ReviewMark(mark.name, "", grades[start], mark.start_s, mark.end_s))
    return made


def _boxes(task: ReviewTask, fps: float, region: Mapping[str, AnnotationResult]) -> Iterator[ReviewMark]:
    box = region.get(config.BOXES, _NOTHING)
    labels = many(region.get(config.BOX_LABELS, box).value.get("labels")) or ["object"]
    for key in many(box.value.get("sequence"))[:1]:
        at_s = task.start_s + (float(key.get("frame", 1)) - 1) / fps
        x, y, w, h = (round(float(key.get(name, 0)) / 100, 6) for name in ("x", "y", "width", "height"))
        yield ReviewMark(str(labels[0]), "", None, round(at_s, 6), None, max(x, 0.0), max(y, 0.0), w, h)
