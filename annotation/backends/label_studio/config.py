"""A form as Label Studio's labeling configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from ....engine.contract.errors import UserError
from ...forms.form import ACCEPT, CANNOT_TELL, EDIT, MARK, REJECT, Axis, Form, TimelinePart

VIDEO, VERDICT, CHOICE, TEXT, SPANS, GRADE, TAGS, ADDED, EVENT, BOXES, BOX_LABELS = (
    "video", "verdict", "choice", "text", "spans", "grade", "tags", "added", "event", "boxes", "box_labels",
)  # fmt: skip
MOST_SPANS = 40  # given spans of a task; each is a label
WORDS = {ACCEPT: "Right", EDIT: "Right with my correction", REJECT: "Wrong", CANNOT_TELL: "Cannot tell"}
_KEYS = {ACCEPT: "a", EDIT: "e", REJECT: "r", CANNOT_TELL: "c"}
_HEADS = {
    "choose": "Which caption is best?",
    "judge": "Is the caption right?",
    "edit": "Correct the caption, or leave it as it is.",
    "rate": "Grade the caption.",
    "moments": "Where is this true? Mark all of it.",
    "saliency": "Click each part, and grade it.",
    "spans": "Mark the part of each numbered event that shows it best.",
    "tags": "Which tags are right, and which are missing?",
    "cuts": "Begin a span where each cut is.",
    "boxes": "Draw a box around each.",
    "slots": "Describe the clip.",
    "events": "Mark each event; click it, and say what happens.",
}


def axis_name(number: int) -> str:
    """What the answers to a question are called there."""
    return f"axis_{number}"


def slot_name(number: int) -> str:
    """What the texts of a slot are called there."""
    return f"slot_{number}"


def check_form(config: str) -> None:
    """``UserError`` for a form that Label Studio's own check refuses: nothing is sent then."""
    from label_studio_sdk._legacy.exceptions import (
        LabelStudioValidationErrorSentryIgnored,
        LabelStudioXMLSyntaxErrorSentryIgnored,
    )
    from label_studio_sdk.label_interface import LabelInterface

    try:
        LabelInterface(config).validate()
    except (LabelStudioValidationErrorSentryIgnored, LabelStudioXMLSyntaxErrorSentryIgnored) as error:
        said = " ".join(str(error).split())[:300]
        raise UserError(
            f"Label Studio does not take this form: {said}", "look at the recipe's questions and labels"
        ) from None


def label_config(form: Form) -> str:
    """The form as XML; texts of tasks come as data and never stand in it."""
    view = ET.Element("View")
    wide = form.timeline is not None or form.boxes is not None  # a timeline takes all of the width
    columns = "minmax(0, 1fr)" if wide else "minmax(34rem, 1fr) minmax(0, 1fr)"
    shown = ET.SubElement(view, "View", style=f"display: grid; grid-template-columns: {columns}; gap: 1em")
    left, right = ET.SubElement(shown, "View"), ET.SubElement(shown, "View")
    if wide:
        shown[:] = [right, left]
    if form.timeline is not None:
        _labels(left, SPANS, span_labels(form.timeline), "TimelineLabels")
    if form.boxes is not None:
        ET.SubElement(left, "VideoRectangle", name=BOXES, toName=VIDEO)
        _labels(left, BOX_LABELS, form.boxes or ("object",), "Labels")
    ET.SubElement(left, "Video", name=VIDEO, value="$video", frameRate="$fps", height="320" if wide else "400")
    ET.SubElement(right, "Header", value=_HEADS[form.kind], size="4")
    ET.SubElement(right, "Text", name="shown", value="$shown")
    for part in _parts(form):
        right.append(part)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode")


def _parts(form: Form) -> Iterator[ET.Element]:
    if form.choice:
        yield ET.Element("Choices", {**_to(CHOICE), "value": "$options", "choice": "single-radio"})
    if form.text:
        if form.choice:
            yield ET.Element("Header", value="None is quite right? Write a better one.", size="5")
        rows = {"rows": "3", "editable": "true", "maxSubmissions": "1"}
        yield ET.Element("TextArea", {**_to(TEXT), **rows, **({} if form.choice else {"value": "$caption"})})
    for number, (_, axis) in enumerate(form.axes):
        yield ET.Element("Header", value=axis.question, size="5")
        yield _grades(axis_name(number), axis, required="true")
    for number, (_, slot) in enumerate(form.slots):
        yield ET.Element("Header", value=f"{slot.question} ({slot.least} to {slot.most})", size="5")
        limits = {"rows": "2", "editable": "true", "maxSubmissions": str(slot.most)}
        yield ET.Element("TextArea", {**_to(slot_name(number)), **limits})
    if form.tags:
        yield ET.Element("Choices", {**_to(TAGS), "value": "$options", "choice": "multiple"})
        yield ET.Element("TextArea", {**_to(ADDED), "placeholder": "another tag, Enter", "editable": "true"})
    yield from _regional(form.timeline)
    yield from _verdicts(form)


def _regional(line: TimelinePart | None) -> Iterator[ET.Element]:
    """What is said of each span."""
    if line is not None and line.grade is not None:
        yield _grades(GRADE, line.grade, perRegion="true", required="true")
    if line is not None and line.text:
        wanted = {"perRegion": "true", "required": "true", "editable": "true", "placeholder": "what happens, Enter"}
        yield ET.Element("TextArea", {**_to(EVENT), **wanted})


def _verdicts(form: Form) -> Iterator[ET.Element]:
    if form.verdicts and not form.choice:
        needed = {"required": "true"} if form.kind == "judge" else {}
        choices = ET.Element("Choices", {**_to(VERDICT), "choice": "single-radio", "showInline": "true", **needed})
        if len(form.verdicts) == 1:  # the schema of Label Studio refuses a lonely choice beside others
            ET.SubElement(choices, "Choice", value="It is as marked", alias=MARK)
        for verdict in form.verdicts:
            text = "Nowhere in the clip" if form.kind == "moments" and verdict == REJECT else WORDS[verdict]
            ET.SubElement(choices, "Choice", value=text, alias=verdict, hotkey=_KEYS[verdict])
        yield choices


def _to(name: str) -> dict[str, str]:
    return {"name": name, "toName": VIDEO}


def _grades(name: str, axis: Axis, **more: str) -> ET.Element:
    choices = ET.Element("Choices", {**_to(name), "choice": "single-radio", "showInline": "true", **more})
    for place, grade in enumerate(range(axis.low, axis.high + 1)):
        text = f"{grade} {axis.labels[place]}" if place < len(axis.labels) else str(grade)
        ET.SubElement(choices, "Choice", value=text, alias=str(grade))
    if axis.cannot_tell:
        ET.SubElement(choices, "Choice", value="Cannot tell", alias=CANNOT_TELL)
    return choices


def _labels(view: ET.Element, name: str, labels: Sequence[str], tag: str) -> None:
    made = ET.SubElement(view, tag, _to(name))
    for label in labels:
        ET.SubElement(made, "Label", value=label)


def span_labels(line: TimelinePart) -> Sequence[str]:
    """What spans may be called: by the form's labels, or by the numbers of the spans that are given."""
    if line.grade is not None:
        return ("part",)
    return line.labels or [str(number) for number in range(1, MOST_SPANS + 1)]


def part_names(form: Form) -> set[str]:
    """The names of all parts that annotations may hold."""
    axes = {axis_name(number) for number in range(len(form.axes))}
    slots = {slot_name(number) for number in range(len(form.slots))}
    line = form.timeline
    return axes | slots | {
        name
        for name, there in {
            CHOICE: form.choice, TEXT: form.text, TAGS: form.tags, ADDED: form.tags, SPANS: line is not None,
            GRADE: line is not None and line.grade is not None, EVENT: line is not None and line.text,
            BOXES: form.boxes is not None, BOX_LABELS: form.boxes is not None,
            VERDICT: bool(form.verdicts) and not form.choice,
        }.items()
        if there
    }  # fmt: skip
