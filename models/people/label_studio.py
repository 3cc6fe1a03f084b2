"""Annotations as Label Studio writes them, in an export and on its API: the one reader of its JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class AnnotationResult(NamedTuple):
    """One thing that a person put down."""

    part: str  # of the form; empty where none is named
    region: str  # results about the same span or box have the same
    value: Mapping[str, Any]

    @property
    def choices(self) -> list[str]:
        """What was chosen."""
        return [str(choice) for choice in many(self.value.get("choices"))]

    @property
    def texts(self) -> list[str]:
        """What was written."""
        found = self.value.get("text", [])
        return [str(text) for text in found] if isinstance(found, list) else [str(found)]


class TaskAnnotation(NamedTuple):
    """One person's answer to one task."""

    person: int | str | None  # as the server numbers or names them
    is_skip: bool
    results: list[AnnotationResult]


def read_annotation(annotation: object) -> TaskAnnotation:
    """One annotation; what has another shape than it should is left out, a value of none is empty."""
    by = _field(annotation, "completed_by")
    results = [_result(result) for result in many(_field(annotation, "result"))]
    person = _field(by, "id") if isinstance(by, dict) else by
    return TaskAnnotation(person, bool(_field(annotation, "was_cancelled")), results)


def read_annotations(task: object) -> Iterator[TaskAnnotation]:
    """All annotations of a task."""
    yield from map(read_annotation, many(_field(task, "annotations")))


def task_data(task: object, name: str) -> Any:
    """A field of a task's data; None where there is none."""
    return _field(_field(task, "data"), name)


def many(value: Any) -> list[Any]:
    """Nothing for what is no list."""
    return value if isinstance(value, list) else []


def _result(result: object) -> AnnotationResult:
    value = _field(result, "value")
    part, region = _field(result, "from_name"), _field(result, "id")
    return AnnotationResult(str(part or ""), str(region), value if isinstance(value, dict) else {})


def _field(value: object, name: str) -> Any:
    """None for what is no object."""
    return value.get(name) if isinstance(value, dict) else None
