"""Tasks to a Label Studio project, and answers back: nothing is made twice, and nothing that people did is lost."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from ....engine.contract.errors import UserError
from ....engine.storage.files import read_json, write_json
from ....models.people.label_studio import read_annotation
from ....schemas import ReviewMark
from ...tasks.task import CandidateCaption, ReviewTask, read_task_file
from ..answer_files import answer_record, read_answer_file, save_answers
from ..clips import make_clips
from ..folder import ReviewFolder
from ..server_answers import SERVER_ANSWERS
from .client import LabelStudioServer, people
from .config import MOST_SPANS, check_form, label_config
from .places import ClipPlace
from .upkeep import ServerTask, WantedTask, list_tasks, set_people, set_predictions, usual_people
from .wire import as_answer, as_labeling_task, model_prediction

PROJECT = "label_studio_project.json"
_BATCH = 250
_ANSWER_FIELDS = "id,meta,data,annotations,result,completed_by,was_cancelled,lead_time,updated_at"
"""The server leaves out what is not named here, inside annotations too."""


class PushCount(NamedTuple):
    """What a push did."""

    made: int
    there: int  # as they were
    removed: int  # of captions that have changed or left, and that nobody had answered
    kept: int  # of such captions, with answers
    url: str


@dataclass
class PullCount:
    """What a pull found."""

    answers: int = 0
    skips: int = 0
    by_person: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    gone: int = 0  # answers to tasks that are no longer on the server; they are kept


def project_url(folder: ReviewFolder) -> str:
    """The address of the project that a review was pushed to; empty where it was not."""
    found = read_json(folder.path / PROJECT, ("url", "id"))
    return _labeling_url(found["url"], found["id"]) if found else ""


def _labeling_url(server: str, project: int) -> str:
    """Where people answer one task after the other; the list of tasks would show them what others have answered."""
    return f"{server}/projects/{project}/data?labeling=1"


def push(
    server: LabelStudioServer,
    folder: ReviewFolder,
    title: str,
    place: ClipPlace,
    tell: Callable[[int], None] = lambda made: None,
) -> PushCount:
    """Bring the project to the state of the review's tasks; ``tell`` hears how many are new by then.

    Raises:
        UserError: the server cannot be reached or refuses, the clips are where it cannot find them, or the form is none
            that Label Studio takes.
    """
    place.check()
    _check_spans(folder)
    check_form(label_config(folder.form))
    people, with_predictions = _survey(folder)
    usual = usual_people(people.elements())
    project = _project(server, folder, title, usual)
    place.connect(server, project)
    found = list_tasks(server, project, with_predictions)
    wanted: dict[str, WantedTask] = {}
    made = 0
    for batch in _batches(_new_tasks(folder, place, found.there, wanted), _BATCH):
        server.ask(_import, server, project, batch)
        made += len(batch)
        tell(made)
    old = [task for task_id, task in found.there.items() if task_id not in wanted]
    spare = [*found.spare, *(task.number for task in old if not task.is_touched)]
    for number in spare:
        server.ask(_delete, server, number)
    set_predictions(server, found.there, wanted)
    set_people(server, found.there, wanted)
    if made and len(people) > 1:  # the server gives all new ones the usual number
        set_people(server, list_tasks(server, project, False).there, wanted)
    kept = sum(task.is_touched for task in old)
    return PushCount(made, len(wanted) - made, len(spare), kept, _labeling_url(server.url, project))


def _survey(folder: ReviewFolder) -> tuple[Counter[int], bool]:
    """How many tasks are for how many people; and whether a model answered one."""
    people, is_answered = Counter[int](), False
    for task in read_task_file(folder.path):
        people[task.people] += 1
        is_answered = is_answered or task.suggestion is not None
    return people, is_answered


def _check_spans(folder: ReviewFolder) -> None:
    line = folder.form.timeline
    if line is not None and line.inside:
        most = max((len(task.marks) for task in read_task_file(folder.path)), default=0)
        if most > MOST_SPANS:
            raise UserError(f"a task has {most} spans: Label Studio shows at most {MOST_SPANS}", "use the page")


def _project(server: LabelStudioServer, folder: ReviewFolder, title: str, people: int) -> int:
    """The id of the review's project, made where there is none, and with the form as it is now."""
    held = read_json(folder.path / PROJECT, ("url", "id")) or {}
    options: dict[str, Any] = {
        "label_config": label_config(folder.form), "maximum_annotations": people,
        "expert_instruction": html.escape(folder.form.guideline).replace("\n", "<br>"),
        "show_instruction": bool(folder.form.guideline), "show_collab_predictions": True,
    }  # fmt: skip
    mark = f"Made by cliploom of {title}, {folder.sheet}"
    number = held.get("id") if held.get("url") == server.url else None
    found = _find(server, number, mark)
    if found is None:
        made = server.ask(
            server.client.projects.create, title=f"{title} {folder.sheet}"[:50], description=mark, **options
        )
        number = int(made.id or 0)
    else:
        number = int(found["id"])
        changed = {name: value for name, value in options.items() if found.get(name) != value}
        if changed:
            _update(server, number, changed)
    write_json(folder.path / PROJECT, {"url": server.url, "id": number})
    return number


def _find(server: LabelStudioServer, number: int | None, mark: str) -> dict[str, Any] | None:
    """The project by its id; or, where another machine made it, by what its description says."""
    from label_studio_sdk.core.api_error import ApiError

    def get() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = server.client.projects.get(number).model_dump()
        except ApiError as error:
            if error.status_code == 404:
                return None
            raise
        return found

    known = server.ask(get) if number is not None else None
    if known is not None:
        return known
    listed = server.ask(lambda: list(server.client.projects.list()))
    named = (one.model_dump() for one in listed if one.description == mark)
    return next(named, None)


def _update(server: LabelStudioServer, number: int, changed: Mapping[str, Any]) -> None:
    try:
        server.ask(server.client.projects.update, number, **changed)
    except UserError as error:
        if "label_config" in changed:
            hint = "its answers were made with another form: give the review a new name with `sheet:`"
            raise UserError(f"the project's form cannot be put back: {error.message}", hint) from None
        raise


def _new_tasks(
    folder: ReviewFolder, place: ClipPlace, there: Mapping[str, ServerTask], wanted: dict[str, WantedTask]
) -> Iterator[dict[str, Any]]:
    """The tasks that the server lacks; what all are to be like goes into ``wanted``."""
    tasks, again = read_task_file(folder.path), read_task_file(folder.path)
    for task, clip in zip(tasks, make_clips(folder.root, folder.path, again), strict=True):
        wanted[task.task_id] = WantedTask(task.people, model_prediction(folder.form, task, clip.fps))
        if task.task_id not in there:
            made = as_labeling_task(folder.form, task, place.show(clip))
            made["meta"] |= {"at": [task.start_s, task.end_s, clip.fps], "marks": [asdict(m) for m in task.marks]}
            yield made


def _batches(items: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(items, size)):
        yield batch


def _import(server: LabelStudioServer, project: int, batch: Sequence[dict[str, Any]]) -> None:
    """One request, that may be sent again: tasks that it made twice are removed by the next push."""
    server.client.projects.import_tasks(project, request=batch)


def _delete(server: LabelStudioServer, number: int) -> None:
    from label_studio_sdk.core.api_error import ApiError

    try:
        server.client.tasks.delete(str(number))
    except ApiError as error:
        if error.status_code != 404:
            raise


def pull(server: LabelStudioServer, folder: ReviewFolder) -> PullCount:
    """Write all answers of the project to the review's folder; edits and deletions there are followed.

    Answers to tasks that were deleted on the server, or that captions have moved away from, are kept.

    Raises:
        UserError: the review was not pushed to this server, or the server cannot be reached or refuses.
    """
    held = read_json(folder.path / PROJECT, ("url", "id"))
    if not held or held["url"] != server.url:
        where = f"to {held['url']}" if held else "anywhere"
        raise UserError(f"{folder.path} was not pushed to {server.url}, {where}", "`cliploom review push` first")
    names, count = people(server), PullCount()
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    seen = set[str]()
    for page in server.pages(held["id"], "all", _ANSWER_FIELDS):
        for labeled in page:
            if (labeled.get("meta") or {}).get("cliploom"):
                seen.add(labeled["meta"]["cliploom"])
                _read(folder, labeled, names, answers, count)
    path = folder.path / SERVER_ANSWERS
    for old in read_answer_file(path).answers if path.exists() else ():
        if old.task_id not in seen:
            answers.setdefault((old.task_id, old.person), old.model_dump())
            count.gone += 1
    save_answers(path, [answers[key] for key in sorted(answers)])
    count.answers = len(answers)
    count.by_person.update(person for _, person in answers)
    return count


def _read(
    folder: ReviewFolder, labeled: Mapping[str, Any], names: Mapping[int, str],
    answers: dict[tuple[str, str], dict[str, Any]], count: PullCount,
) -> None:  # fmt: skip
    """The answers to one task; of several by one person the one that was changed last."""
    task, fps = _task(labeled)
    for annotation in labeled.get("annotations") or ():
        read = read_annotation(annotation)
        person = names.get(int(read.person or 0), str(read.person))
        count.skips += read.is_skip
        try:
            answer = as_answer(folder.form, task, fps, person, annotation)
        except (ValueError, KeyError, TypeError) as error:
            count.broken.append(f"{person}, task {labeled['id']}: {error}")
            continue
        at = str(annotation.get("updated_at") or "")
        key = (task.task_id, person)
        if answer is not None and (key not in answers or answers[key]["at"] <= at):
            answers[key] = answer_record(answer, at)


def _task(labeled: Mapping[str, Any]) -> tuple[ReviewTask, float]:
    """As much of a task as it takes to read answers: also of one that the build has moved away from."""
    meta, data = labeled["meta"], labeled.get("data") or {}
    start_s, end_s, fps = meta.get("at") or (0.0, 0.0, 24.0)
    texts = tuple(CandidateCaption("", str(data["caption"])) for _ in (1,) if "caption" in data)
    marks = tuple(ReviewMark(**mark) for mark in meta.get("marks") or ())
    return ReviewTask(meta["cliploom"], "", "", "", start_s, end_s, "", texts, marks), float(fps)
