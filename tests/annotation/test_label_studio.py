"""Tasks to a Label Studio server and answers back, by its own client, against a small server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from builds import FILM, TEXTS, ReviewBuild
from labeling import LEGACY, PERSONAL, Labeling, labeling_server, token

from cliploom.annotation.backends.folder import read_folder
from cliploom.annotation.backends.label_studio import client as client_module
from cliploom.annotation.backends.label_studio.client import LabelStudioServer, open_server
from cliploom.annotation.backends.label_studio.config import label_config
from cliploom.annotation.backends.label_studio.places import ClipPlace
from cliploom.annotation.backends.label_studio.sync import PullCount, PushCount, pull, push
from cliploom.annotation.forms.form import KINDS, Axis, Questions, Slot
from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tasks.task import read_task_file
from cliploom.engine.contract.errors import UserError
from cliploom.media.review_clip import ReviewClip, write_review_clip
from cliploom.schemas import ReviewMark, Row, Score

TOKEN = "REVIEW_TOKEN"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReviewClip]:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return path, write_review_clip(str(FILM), 2.0, 6.0, path)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, clip: tuple[Path, ReviewClip]) -> Iterator[Labeling]:
    monkeypatch.setenv(TOKEN, LEGACY)

    def same(source: str, start_s: float, end_s: float, path: Path) -> ReviewClip:
        shutil.copy(clip[0], path)
        return clip[1]

    monkeypatch.setattr("cliploom.annotation.backends.clips.write_review_clip", same)  # one is like another
    with labeling_server() as made:
        yield made


class Case:
    """A build, and the server that its review goes to."""

    def __init__(self, world: Labeling, root: Path, **options: Any) -> None:
        self.world, self.desk = world, ReviewBuild(root / "served" / "case", **options)
        self.desk.build()
        self.place = ClipPlace(self.desk.root / "review", root / "served")

    def server(self) -> LabelStudioServer:
        return open_server(self.world.url, TOKEN, waits_s=(0.01, 0.01))

    def push(self) -> PushCount:
        found = read_folder(self.desk.root, "review")
        assert found
        return push(self.server(), found, "case", self.place)

    def pull(self) -> PullCount:
        found = read_folder(self.desk.root, "review")
        assert found
        return pull(self.server(), found)

    def tasks(self) -> list[int]:
        return list(self.world.tasks)


def choices(name: str, *values: str, region: str = "a", **more: Any) -> dict[str, Any]:
    value = {**more, "choices": list(values)}
    return {"id": region, "from_name": name, "to_name": "video", "type": "choices", "value": value}


def text(name: str, *values: str, region: str = "a") -> dict[str, Any]:
    return {"id": region, "from_name": name, "to_name": "video", "type": "textarea", "value": {"text": list(values)}}


def span(start: int, end: int, label: str, region: str = "a") -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
    return {"id": region, "from_name": "spans", "to_name": "video", "type": "timelinelabels", "value": value}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_form_that_label_studio_takes(kind: str) -> None:
    from label_studio_sdk.label_interface import LabelInterface

    axes = {"a": Axis('<b> & "?"'), "b": Axis("B?", 0, 1, ("no", "yes"))} if kind == "rate" else None
    slots = {"x": Slot("<x>", 2, 3)} if kind == "slots" else None
    config = label_config(Questions(kind=kind, axes=axes, slots=slots).form())
    LabelInterface(config).validate()
    parts = {part.tag for part in ET.fromstring(config).iter()}
    assert not parts & {"b", "x"}


def test_pushing_twice_changes_nothing(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="choose", guideline="Choose <well>.\nAlways.", people=3)
    assert case.push()[:4] == (2, 0, 0, 0)
    [project] = world.projects.values()
    assert project["expert_instruction"] == "Choose &lt;well&gt;.<br>Always." and project["maximum_annotations"] == 3
    before = json.dumps([world.projects, world.tasks, world.storages])
    assert case.push()[:4] == (0, 2, 0, 0)
    assert json.dumps([world.projects, world.tasks, world.storages]) == before
    task = next(iter(world.tasks.values()))
    assert re.fullmatch(r"/data/local-files/\?d=case/review/clips/[0-9a-f]{16}\.mp4", task["data"]["video"])
    assert task["data"]["fps"] == 24 and "secret" not in json.dumps(task)
    shown = [option["html"] for option in task["data"]["options"]]
    assert any("&lt;img src=x" in html for html in shown) and not any("<img" in html for html in shown)
    assert [option["value"] for option in task["data"]["options"]] == ["1", "2", "3", "reject", "cannot_tell"]


def test_a_model_s_answer_is_a_prediction_with_its_score(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="choose", suggest="fit")
    case.push()
    for task in world.tasks.values():
        [guess] = task["predictions"]
        [result] = guess["result"]
        [chosen] = result["value"]["choices"]
        assert (guess["model_version"], guess["score"], result["from_name"]) == ("fits-1", 0.5, "choice")
        assert task["data"]["options"][int(chosen) - 1]["html"] == "<span>Snow.</span>"
    judged = Case(world, tmp_path / "judge", kind="judge", suggest="fit")
    judged.push()
    scores = [task["predictions"][0]["score"] for task in world.tasks.values() if "caption" in task["data"]]
    assert sorted(scores) == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5]
    assert "secret" not in json.dumps([task["data"] for task in world.tasks.values()])


def test_each_task_is_for_as_many_people_as_the_recipe_says(world: Labeling, tmp_path: Path) -> None:
    def overlaps(people: int, share: float) -> list[int]:
        case.desk.options |= {"people": people, "overlap": share}
        case.desk.build()
        case.push()
        by_id = {task["meta"]["cliploom"]: task["overlap"] for task in world.tasks.values()}
        return [by_id[task.task_id] for task in read_task_file(case.desk.root / "review")]

    case = Case(world, tmp_path, kind="judge", people=3, overlap=0.3)
    assert overlaps(3, 0.3) == [3, 3, 1, 1, 1, 1]
    before = json.dumps(world.tasks)
    assert overlaps(3, 0.3) == [3, 3, 1, 1, 1, 1] and json.dumps(world.tasks) == before
    world.answer(case.tasks()[0], 1, [choices("verdict", "accept")])
    assert overlaps(2, 0.6) == [2, 2, 2, 2, 1, 1]
    assert overlaps(2, 1.0) == [2] * 6
    assert overlaps(1, 1.0) == [1] * 6
    assert world.tasks[case.tasks()[0]]["is_labeled"]  # it has the one answer
    assert overlaps(2, 0.1) == [2, 1, 1, 1, 1, 1]


def test_a_model_s_newer_answer_takes_the_place_of_the_old_one(
    world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(world, tmp_path, kind="choose")
    case.push()
    tables = case.desk.tables()

    def rescored(model: str, value: float) -> list[tuple[type[Row], list[Any]]]:
        held = {row: some for row, some in tables}
        return [*((r, s) for r, s in held.items() if r is not Score),
                (Score, [replace(s, model=model, value=value + s.value) for s in held[Score]])]  # fmt: skip

    def guesses() -> list[tuple[Any, ...]]:
        case.desk.build()
        assert case.push()[:2] == (0, 2)
        return [(g["model_version"], g["score"]) for task in world.tasks.values() for g in task["predictions"]]

    case.desk.options["suggest"] = "fit"  # no model was asked when the tasks were made
    assert guesses() == [("fits-1", 0.5)] * 2
    monkeypatch.setattr(case.desk, "tables", lambda: rescored("fits-2", 0.25))
    assert guesses() == [("fits-2", 0.75)] * 2
    sent = [request for request in world.requests if "predictions" in request]
    assert guesses() == [("fits-2", 0.75)] * 2
    assert [request for request in world.requests if "predictions" in request] == sent


def test_what_is_suggested_must_be_measured() -> None:
    with pytest.raises(UserError, match="annotation.review.suggest is fits, which no step before it measures"):
        ReviewStep(suggest="fits").check([])


def test_another_machine_finds_the_project(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge")
    case.push()
    (case.desk.root / "review" / "label_studio_project.json").unlink()
    assert case.push().there == 6 and len(world.projects) == 1


ANSWERS: list[tuple[str, dict[str, Any], list[dict[str, Any]], str, list[ReviewMark]]] = [
    ("judge", {}, [choices("verdict", "Right")], "accept", []),
    ("judge", {}, [choices("verdict", "reject")], "reject", []),
    ("judge", {}, [choices("verdict", "accept"), text("text", f" {TEXTS[0]} ")], "accept", []),
    ("edit", {}, [text("text", "Old", "Better.")], "edit", []),
    ("edit", {}, [choices("verdict", "cannot_tell")], "cannot_tell", []),
    ("choose", {}, [choices("choice", "2")], "accept", []),
    ("choose", {}, [choices("choice", "reject")], "reject", []),
    ("choose", {}, [text("text", "My own.")], "edit", []),
    ("rate", {"axes": {"a": "A?", "b": "B?"}}, [choices("axis_0", "4"), choices("axis_1", "Cannot tell")], "mark",
     [ReviewMark("a", value=4), ReviewMark("b")]),
    ("moments", {"grid_s": 0}, [span(13, 36, "moment")], "mark", [ReviewMark("moment", "", None, 2.5, 3.5)]),
    ("moments", {}, [span(13, 60, "moment"), span(90, 96, "moment", "b")], "mark",
     [ReviewMark("moment", "", None, 2.0, 6.0)]),
    ("moments", {}, [span(1, 5, "moment")], "mark", [ReviewMark("moment", "", None, 2.0, 4.0)]),
    ("moments", {}, [choices("verdict", "Nowhere in the clip")], "reject", []),
    ("tags", {}, [choices("tags", "0", "2"), text("added", "boots", "Woman")], "mark",
     [ReviewMark("woman"), ReviewMark("<b>"), ReviewMark("boots")]),
    ("cuts", {}, [span(49, 60, "cut")], "mark", [ReviewMark("cut", start_s=4.0)]),
    ("slots", {"slots": {"s": {"question": "S?", "most": 3}}}, [text("slot_0", "One.", "Two.")], "mark",
     [ReviewMark("s", "One."), ReviewMark("s", "Two.")]),
    ("events", {}, [span(25, 48, "event"), text("event", "It snows.")], "mark",
     [ReviewMark("event", "It snows.", None, 3.0, 4.0)]),
    ("boxes", {"labels": ["person"]},
     [{"id": "a", "from_name": "boxes", "to_name": "video", "type": "videorectangle",
       "value": {"sequence": [{"frame": 13, "x": 10, "y": 20, "width": 30, "height": 40}], "labels": ["person"]}}],
     "mark", [ReviewMark("person", "", None, 2.5, None, 0.1, 0.2, 0.3, 0.4)]),
]  # fmt: skip


@pytest.mark.parametrize("example", ANSWERS, ids=lambda example: str(example[0]))
def test_an_annotation_becomes_an_answer(example: Any, world: Labeling, tmp_path: Path) -> None:
    kind, options, result, verdict, marks = example
    case = Case(world, tmp_path, kind=kind, **options)
    case.push()
    found = [(n, task) for n, task in world.tasks.items() if task["meta"]["at"][0] == 2.0]
    first = next(n for n, task in found if task["data"].get("caption", TEXTS[0]) == TEXTS[0])
    world.answer(first, 1, result)
    assert case.pull().answers == 1
    [row], _ = case.desk.build()
    assert (row.person, row.verdict, row.seconds, row.marks) == ("ann@x.org", verdict, 1.5, marks)
    assert row.text == {"edit": {"edit": "Better.", "choose": "My own."}.get(kind, "")}.get(verdict, "")


def test_cells_are_graded_by_the_regions_that_begin_where_they_do(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="saliency")
    from cliploom.schemas import Review

    mark = ReviewMark("moment", "", None, 2.0, 6.0)
    moment = Review("r", "v", "v_0", "v_0_secret0", "ann", "mark", kind="moments", marks=[mark])
    tables = case.desk.tables()
    case.desk.tables = lambda: [*tables[:-1], (Review, [moment])]  # type: ignore[method-assign]
    case.desk.build()
    case.push()
    [task] = world.tasks.values()
    given = task["predictions"][0]["result"]
    assert [r["value"]["ranges"][0] for r in given] == [{"start": 1, "end": 48}, {"start": 49, "end": 96}]
    graded = [{**r, "id": r["id"]} for r in given] + [
        choices("grade", grade, region=r["id"], **{"ranges": r["value"]["ranges"]})
        for r, grade in zip(given, ("4 Very Good", "0"), strict=True)
    ]
    world.answer(task["id"], 2, graded)
    case.pull()
    [row], _ = case.desk.build()
    assert row.marks == [ReviewMark("1", "", 4, 2.0, 4.0), ReviewMark("2", "", 0, 4.0, 6.0)]


def test_edits_deletions_skips_and_second_answers_are_followed(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge")
    case.push()
    one, two, three, *_ = case.tasks()
    first = world.answer(one, 1, [choices("verdict", "accept")])
    world.answer(one, 2, [choices("verdict", "accept")])
    world.answer(two, 1, [], was_cancelled=True)
    world.answer(three, 1, [choices("verdict", "reject")])
    world.answer(three, 1, [choices("verdict", "accept")])  # the same person once more: the later one counts
    found = case.pull()
    assert (found.answers, found.skips, found.by_person) == (3, 1, {"ann@x.org": 2, "bo@x.org": 1})
    assert [row.verdict for row in case.desk.build()[0]] == ["accept"] * 3
    path = case.desk.root / "review" / "label_studio.json"
    before = path.stat().st_mtime_ns
    case.pull()
    assert path.stat().st_mtime_ns == before  # nothing new: the next build has nothing to do
    world.annotations[first] |= {"result": [choices("verdict", "reject")], "updated_at": "2027"}
    del world.annotations[first + 1]
    assert case.pull().answers == 2
    assert sorted(row.verdict for row in case.desk.build()[0]) == ["accept", "reject"]


def test_a_caption_that_changed_makes_room_and_keeps_its_answer(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge")
    case.push()
    world.answer(case.tasks()[0], 1, [choices("verdict", "accept")])
    case.pull()
    case.desk.texts = [f"{text} New." for text in case.desk.texts]
    case.desk.build()
    assert case.push()[:4] == (6, 0, 5, 1)
    assert case.pull().answers == 1
    rows, waiting = case.desk.build()
    assert rows == [] and "(1 answer is to captions that have changed since)" in waiting
    world.tasks.pop(min(world.tasks))  # somebody deletes the old task: its answer stays here
    assert (case.pull().gone, case.pull().answers) == (1, 1)


def test_a_form_that_was_edited_is_told_and_put_back(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge")
    case.push()
    [project] = world.projects.values()
    ours = project["label_config"]
    project["label_config"] = "<View/>"
    world.answer(case.tasks()[0], 1, [choices("mine", "x")])
    [said] = case.pull().broken
    assert "it holds 'mine', which the form does not have" in said
    case.push()
    assert project["label_config"] == ours


def test_ten_thousand_tasks_go_in_pages(world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 3)
    case = Case(world, tmp_path, kind="judge")
    assert case.push().made == 6 and case.push().there == 6
    pages = [request for request in world.requests if request == "GET /api/tasks/"]
    assert len(pages) == 1 + 3  # none; two full ones, and one that is behind them
    for task in case.tasks():
        world.answer(task, 1, [choices("verdict", "accept")])
    assert case.pull().answers == 6


def test_an_import_whose_answer_is_lost_leaves_no_task_twice(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge")
    world.lose_answer = True
    assert case.push().made == 6
    assert case.push().there == 6
    assert len(world.tasks) == 6


@pytest.mark.parametrize("failures", [[500], [0, 503], [429]])
def test_what_passes_is_tried_again(failures: list[int], world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge", sample=1)
    world.failures = failures
    assert case.push().made == 1


PAGE = (
    "<!doctype html>\n<html><head><title>\n502 Bad &amp; Gateway</title></head><body>" + "x" * 2000 + "</body></html>"
)


@pytest.mark.parametrize(
    ("statuses", "page", "said"),
    [
        (429, "", "answers 429: told to fail"),
        (503, "", "answers 503: told to fail"),
        (502, PAGE, "answers 502: a web page, '502 Bad & Gateway'"),
        (0, "", "cannot be reached: Server disconnected without sending a response."),
        (
            200,
            PAGE.replace("502 Bad &amp; Gateway", "Sign in"),
            "does not answer as Label Studio does: a web page, 'Sign in'",
        ),
        (401, "", "does not take the token: told to fail"),
    ],
)
def test_a_server_that_fails_is_told_in_one_line_and_the_next_push_goes_on(
    statuses: int, page: str, said: str, world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cliploom.annotation.backends.label_studio.sync._BATCH", 2)
    case = Case(world, tmp_path, kind="judge")
    world.failures, world.page, world.fail_at = [statuses] * 3, page, 8  # one batch is through by then
    with pytest.raises(UserError) as caught:
        case.push()
    told = caught.value.message
    assert said in told and "\n" not in told and LEGACY not in str(caught.value)
    assert len(world.tasks) == 2  # what was through stays
    world.failures = []
    found = case.push()
    assert (found.made + found.there, len(world.tasks)) == (6, 6) and found.there >= 2
    world.answer(case.tasks()[0], 1, [choices("verdict", "accept")])
    case.pull()
    held = (case.desk.root / "review" / "label_studio.json").read_bytes()
    world.failures, world.fail_at = [statuses] * 3, len(world.requests) + 2
    with pytest.raises(UserError):
        case.pull()
    assert (case.desk.root / "review" / "label_studio.json").read_bytes() == held


def test_a_slow_server_is_told(world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(world, tmp_path, kind="judge", sample=1)
    monkeypatch.setattr(client_module, "TIMEOUT_S", 0.05)
    world.delay_s = 0.2
    with pytest.raises(UserError, match="does not answer in time"):
        case.push()


def test_what_is_no_label_studio_is_told(world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(world, tmp_path, kind="judge", sample=1)
    world.users = {}
    world.page, world.failures = '{"hello": "world"}', [200]
    with pytest.raises(UserError, match="is no Label Studio"):
        case.push()
    monkeypatch.setenv(TOKEN, PERSONAL)
    world.page, world.failures = PAGE, [502] * 3
    with pytest.raises(UserError, match="something that is no JSON"):
        case.push()


def test_personal_tokens_are_exchanged_and_exchanged_again(
    world: Labeling, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, PERSONAL)
    case = Case(world, tmp_path, kind="judge", sample=2)
    world.access_s = 0  # each access token has expired when the next request is made
    assert case.push().made == 2 and world.refreshes > 3
    for path in case.desk.root.rglob("*"):
        assert not path.is_file() or PERSONAL.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "there is no token in the environment variable REVIEW_TOKEN"),
        ("f" * 40, "does not take the token: Invalid token."),
        (token("refresh", 1), "does not take the token: API key has expired"),
        (token("refresh", 4_000_000_001), "does not take the token: Token is invalid or expired"),
        ("a\nb", "holds characters that no token has"),
    ],
)
def test_a_token_that_is_none_is_told(
    held: str | None, said: str, world: Labeling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN)
    if held is not None:
        monkeypatch.setenv(TOKEN, held)
    with pytest.raises(UserError) as caught:
        open_server(world.url, TOKEN, waits_s=())
    assert said in caught.value.message and (held is None or held not in str(caught.value))


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, world: Labeling) -> None:
    monkeypatch.setenv(TOKEN, LEGACY)
    with pytest.raises(UserError, match="cannot be reached"):
        open_server("http://127.0.0.1:9", TOKEN, waits_s=())


def test_clips_that_the_server_cannot_find_are_told(world: Labeling, tmp_path: Path) -> None:
    case = Case(world, tmp_path, kind="judge", sample=1)
    case.place = ClipPlace(case.place.folder, tmp_path / "elsewhere")
    with pytest.raises(UserError, match="from which the server takes local files"):
        case.push()
    assert not world.projects
    case.place = ClipPlace(case.place.folder, None, "https://clips.example/x/")
    case.push()
    [task] = world.tasks.values()
    assert task["data"]["video"].startswith("https://clips.example/x/")
    with pytest.raises(UserError, match="was not pushed to"):
        other = read_folder(case.desk.root, "review")
        assert other
        with labeling_server() as second:
            pull(open_server(second.url, TOKEN, ()), other)
