"""Known answers among the tasks, people who are too often wrong, and which answer of several people's holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cliploom.annotation.backends.build_trip import ReviewServer
from cliploom.annotation.backends.folder import read_folder
from cliploom.annotation.forms.answers import ReviewAnswer
from cliploom.annotation.forms.form import Axis, Form, Questions
from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tasks.same import say_same, vote_groups
from cliploom.annotation.tasks.summary import summarize
from cliploom.annotation.tasks.task import read_task_file
from cliploom.engine.contract.errors import UserError, Waiting
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Clip, Review, ReviewMark, Tags, Video, problem, to_arrow

CLIPS = [Clip(f"v_{i:02d}", "v", float(i), i + 4.0, shots=[]) for i in range(12)]
CAPTIONS = [
    Caption(f"{c.clip_id}_t", "v", c.clip_id, "t", "teacher", f"Text {c.clip_id}.", [], "m", "1") for c in CLIPS
]


class Desk:
    """A build folder with a review, and people who save files of answers."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root, self.dropped = root, dict[str, str]()
        root.mkdir(exist_ok=True)
        self.step = make_step("annotation.review", ReviewStep, {"kind": "judge", **options})

    def build(self) -> tuple[list[Review], str]:
        """The rows, and what is waited for."""
        rows: list[Review] = []
        self.dropped = {}
        with duckdb.connect() as db:
            for row, held in ((Clip, CLIPS), (Caption, CAPTIONS), (Video, [Video("v", "v", "v.mp4", "0", 1)])):
                db.register(row.table, to_arrow(row, held))
            for empty in (Tags, Review):
                db.register(empty.table, to_arrow(empty, []))
            try:
                for made in self.step.rows(db, StepContext(self.root, {"": Path("media/review")})):
                    if isinstance(made, Drop):
                        self.dropped[made.id] = made.reason
                    else:
                        rows.append(made)
            except Waiting as waiting:
                return rows, str(waiting)
        assert all(problem(row) is None for row in rows)
        return rows, ""

    def ids(self, sheet: str = "review") -> list[str]:
        return [task.task_id for task in read_task_file(self.root / sheet)]

    def answer(self, person: str, verdicts: Mapping[str, Any], sheet: str = "review") -> None:
        save(self.root / sheet / f"answers_{person}.json", person, verdicts)

    def holds(self) -> dict[str, dict[str, tuple[str, bool | None]]]:
        """By clip and person, the verdict and whether it holds."""
        found: dict[str, dict[str, tuple[str, bool | None]]] = {}
        for row in self.build()[0]:
            found.setdefault(row.clip_id, {})[row.person] = (row.verdict, row.holds)
        return found


def save(path: Path, person: str, verdicts: Mapping[str, Any]) -> Path:
    answers = [
        {"task_id": task, **(said if isinstance(said, dict) else {"verdict": said})} for task, said in verdicts.items()
    ]
    path.write_text(json.dumps({"cliploom": "answers", "format": 1, "person": person, "answers": answers}))
    return path


@pytest.fixture(scope="module")
def ids(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    desk = Desk(tmp_path_factory.mktemp("ids") / "b")
    desk.build()
    return sorted(desk.ids())


def test_known_tasks_are_mixed_in_unseen_and_tell_how_right_people_are(ids: list[str], tmp_path: Path) -> None:
    known = dict.fromkeys(ids[6:], "reject")
    gold = save(tmp_path / "gold.json", "expert", known)
    desk = Desk(tmp_path / "b", sample=3, gold=str(gold), people=2)
    desk.build()
    asked = desk.ids()
    assert set(ids[6:]) < set(asked) and 6 <= len(asked) <= 9 and asked[-6:] != sorted(ids[6:])
    tasks = [json.loads(line) for line in (desk.root / "review" / "tasks.jsonl").read_text().splitlines()]
    assert len({tuple(task) for task in tasks}) == 1 and {task["people"] for task in tasks} == {2}
    assert not any("expert" in path.read_text() for path in (desk.root / "review").iterdir())
    desk.answer("ann", {task: "reject" for task in asked})
    desk.answer("bo", {task: "reject" if task in ids[6:9] else "accept" for task in asked})
    rows, waiting = desk.build()
    assert not waiting
    by_person = {p: [r.gold for r in rows if r.person == p and r.gold is not None] for p in ("ann", "bo")}
    assert (
        by_person == {"ann": [True] * 6, "bo": [True] * 3 + [False] * 3}
        or sorted(by_person["bo"]) == [False] * 3 + [True] * 3
    )
    assert {r.task_id for r in rows if r.gold is not None} == set(ids[6:])
    folder = read_folder(desk.root, "review")
    assert folder
    people = {one.person: (one.gold, one.outlier) for one in summarize(folder).people}
    assert people == {"ann": (1.0, ""), "bo": (0.5, "often wrong")}


def test_who_is_too_often_wrong_is_left_out_where_the_recipe_says_so(ids: list[str], tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.json", "expert", dict.fromkeys(ids[:6], "reject"))
    desk = Desk(tmp_path / "b", gold=str(gold), trust=0.8)
    desk.build()
    desk.answer("bo", dict.fromkeys(ids, "accept"))
    desk.answer("cy", dict.fromkeys(ids[:4], "accept"))  # has not answered enough to be judged
    rows, waiting = desk.build()
    assert {row.person for row in rows} == {"cy"}
    assert waiting.startswith("8 of 12 reviews are open") and waiting.endswith(
        "(12 answers are of people below `trust`)"
    )
    desk.answer("ann", dict.fromkeys(ids, "reject"))
    rows, waiting = desk.build()
    assert {row.person for row in rows} == {"ann", "cy"} and not waiting
    assert desk.step.external_digest(StepContext(desk.root, {})) != replace(desk.step, gold=None).external_digest(
        StepContext(desk.root, {})
    )


def test_a_sheet_of_known_answers_is_taken_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "b")
    desk.build()
    lines = (desk.root / "review" / "tasks.csv").read_text().replace("\r\n", "\n").split("\n")
    filled = [lines[0], *(line.removesuffix(",,,") + "reject,,," for line in lines[1:3])]
    (tmp_path / "gold.csv").write_text("\n".join(filled) + "\n")
    known = Desk(tmp_path / "c", gold=str(tmp_path / "gold.csv"))
    known.build()
    known.answer("ann", dict.fromkeys(known.ids(), "reject"))
    assert sorted((row.gold is True) for row in known.build()[0]) == [False] * 10 + [True] * 2


THREE = {"ann": "accept", "bo": "accept", "cy": "reject"}


def disagree(desk: Desk, ids: Sequence[str], **verdicts: str) -> None:
    for person, verdict in {**THREE, **verdicts}.items():
        desk.answer(person, {ids[0]: verdict, **dict.fromkeys(ids[1:], "accept")})


def test_the_majority_holds_and_dissent_is_kept(ids: list[str], tmp_path: Path) -> None:
    desk = Desk(tmp_path / "b", people=3, rule="majority")
    desk.build()
    disagree(desk, ids)
    found = desk.holds()
    assert found[CLIPS[0].clip_id] == {"ann": ("accept", True), "bo": ("accept", True), "cy": ("reject", False)}
    assert found[CLIPS[1].clip_id] == dict.fromkeys(THREE, ("accept", True))
    assert desk.dropped == {} and {row.rule for row in desk.build()[0]} == {"majority"}


def test_where_not_all_say_the_same_nothing_holds(ids: list[str], tmp_path: Path) -> None:
    desk = Desk(tmp_path / "b", people=3, rule="unanimous", unreviewed="drop")
    desk.build()
    disagree(desk, ids)
    assert set(desk.holds()[CLIPS[0].clip_id].values()) == {("accept", False), ("reject", False)}
    assert desk.dropped == {CLIPS[0].clip_id: "unreviewed"}


def test_who_is_right_more_often_weighs_more(ids: list[str], tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.json", "expert", dict.fromkeys(ids[4:], "accept"))
    desk = Desk(tmp_path / "b", people=3, rule="weighted", gold=str(gold))
    desk.build()
    for person in ("ann", "bo"):  # right half of the time
        wrong = ids[4:8] if person == "ann" else ids[8:12]
        desk.answer(person, {task: "reject" if task in wrong else "accept" for task in ids})
    desk.answer("cy", {ids[0]: "reject", **dict.fromkeys(ids[1:], "accept")})
    assert desk.holds()[CLIPS[0].clip_id] == {"ann": ("accept", False), "bo": ("accept", False), "cy": ("reject", True)}
    assert desk.dropped == {CLIPS[0].clip_id: "rejected"}


def test_dawid_and_skene_find_who_says_the_same_whatever_is_shown(ids: list[str], tmp_path: Path) -> None:
    desk = Desk(tmp_path / "b", people=3, rule="dawid_skene")
    desk.build()
    truth = {task: "reject" if i % 2 else "accept" for i, task in enumerate(ids)}
    for person in ("ann", "bo"):
        desk.answer(person, truth)
    desk.answer("cy", dict.fromkeys(ids, "accept"))
    assert {clip for clip, said in desk.holds().items() if said["cy"][1] is False} == set(desk.dropped)
    assert len(desk.dropped) == 6


def test_disagreements_go_out_again_to_an_adjudicator(ids: list[str], tmp_path: Path) -> None:
    desk = Desk(tmp_path / "b", people=2, rule="unanimous", adjudicator=True)
    assert "12 of 12 reviews are open" in desk.build()[1] and not (desk.root / "review-adjudication").exists()
    desk.answer("ann", {ids[0]: "accept", ids[1]: "reject", **dict.fromkeys(ids[2:], "accept")})
    desk.answer("cy", {ids[0]: "reject", ids[1]: "accept", **dict.fromkeys(ids[2:], "accept")})
    folder = desk.root / "review-adjudication"
    before = desk.step.external_digest(StepContext(desk.root, {}))
    rows, waiting = desk.build()
    assert waiting == f"2 of 12 are in dispute: fill in {folder / 'answers.csv'}, a copy of tasks.csv"
    assert sorted(desk.ids("review-adjudication")) == ids[:2] and {row.holds for row in rows} == {True, False}
    desk.answer("ann", {ids[0]: "reject"}, "review-adjudication")  # the adjudicator may be one of those before
    assert before != desk.step.external_digest(StepContext(desk.root, {}))
    assert desk.build()[1].startswith("1 of 12 is in dispute")
    desk.answer("ann", {ids[0]: "reject", ids[1]: "accept"}, "review-adjudication")
    rows, waiting = desk.build()
    assert not waiting and desk.dropped == {CLIPS[0].clip_id: "rejected"}
    first = [(r.person, r.verdict, r.rule, r.holds) for r in rows if r.task_id == ids[0]]
    assert first == [
        ("ann", "accept", "senior", False), ("cy", "reject", "senior", True), ("ann", "reject", "senior", True)
    ]  # fmt: skip
    assert len({row.review_id for row in rows}) == len(rows) == 26
    assert sorted(desk.ids("review-adjudication")) == ids[:2]  # they stay there


def test_a_server_is_asked_for_disagreements_too(
    ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits: list[str] = []

    def travel(server: ReviewServer, root: Path, sheet: str) -> str:
        visits.append(sheet)
        return "it is down" if len(visits) > 4 else ""

    monkeypatch.setattr(ReviewServer, "travel", travel)
    desk = Desk(tmp_path / "b", rule="unanimous", people=2, adjudicator=True, server="http://127.0.0.1:9")
    desk.build()
    assert visits == ["review"]
    for person, verdict in (("ann", "accept"), ("bo", "reject")):
        desk.answer(person, dict.fromkeys(ids, verdict))
    assert desk.build()[1] == "12 of 12 are in dispute: people answer at http://127.0.0.1:9"
    assert visits == ["review", "review", "review-adjudication"]
    assert desk.build()[1] == "12 of 12 are in dispute: the server could not be asked: it is down"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"adjudicator": True}, "adjudicator needs a rule"),
        ({"rule": "weighted"}, "name known answers with `gold`"),
        ({"rule": "dawid_skene", "kind": "choose"}, "needs the same few answers"),
        ({"trust": 0.5}, "trust needs known answers"),
        ({"kind": "slots", "slots": {"a": "b"}, "gold": "x.csv"}, "texts are not right or wrong"),
        ({"rule": "majorty"}, "did you mean majority"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_step("annotation.review", ReviewStep, options).check([])


def test_known_answers_to_nothing_are_an_error(tmp_path: Path) -> None:
    gold = save(tmp_path / "gold.json", "expert", {"elsewhere_1": "accept"})
    with pytest.raises(UserError, match="no answer of .* is to a task that can be asked"):
        Desk(tmp_path / "b", gold=str(gold)).build()
    with pytest.raises(UserError, match="there is no such file"):
        Desk(tmp_path / "b", gold="nowhere.csv").step.external_digest(StepContext(tmp_path, {}))


def marks(*made: ReviewMark, verdict: str = "mark") -> ReviewAnswer:
    return ReviewAnswer("t", "p", verdict, marks=made)


def grades(**values: float | None) -> ReviewAnswer:
    return marks(*(ReviewMark(name, value=value) for name, value in values.items()))


def spans(*times: tuple[float, float], name: str = "moment") -> ReviewAnswer:
    return marks(*(ReviewMark(name, start_s=s, end_s=e) for s, e in times))


def boxes(*made: tuple[str, float]) -> ReviewAnswer:
    return marks(*(ReviewMark(name, start_s=1.0, x=x, y=0.0, w=0.4, h=0.5) for name, x in made))


def slot(text: str) -> ReviewAnswer:
    return marks(ReviewMark("a", text))


def form(kind: str, **options: Any) -> Form:
    return Questions(kind=kind, **options).form()


TWO = {"a": Axis("?"), "b": Axis("?", 0, 1)}
CHOICE, EDIT = ReviewAnswer("t", "p", "accept", choice=1), ReviewAnswer("t", "p", "edit", "A.")
THINGS = form("boxes", labels=("x", "y"))
SAME: list[tuple[Form, ReviewAnswer, ReviewAnswer, ReviewAnswer]] = [  # one, what says the same, what does not
    (form("choose"), CHOICE, CHOICE._replace(person="q"), CHOICE._replace(choice=2)),
    (form("judge"), EDIT, EDIT._replace(text="B."), EDIT._replace(verdict="accept")),
    (form("rate", axes=TWO), grades(a=3, b=1), grades(a=4, b=1), grades(a=3, b=0)),
    (form("rate", axes=TWO), grades(a=None, b=1), grades(a=None, b=1), grades(a=3, b=1)),
    (form("moments"), spans((0, 4)), spans((0, 2)), spans((2, 8))),
    (form("moments"), spans((0, 4)), spans((0, 2), (2, 4)), marks(verdict="reject")),
    (form("moments", labels=("moment", "x")), spans((0, 4)), spans((0, 3)), spans((0, 4), name="x")),
    (form("cuts"), spans((1, 1)), spans((1.2, 1.2)), spans((1.3, 1.3))),
    (form("tags"), grades(dog=None, snow=None), grades(Dog=None), grades(dog=None, a=None, b=None)),
    (THINGS, boxes(("x", 0.0), ("x", 0.5)), boxes(("x", 0.55), ("x", 0.05)), boxes(("x", 0.0), ("y", 0.5))),
    (form("boxes"), boxes(("x", 0.0)), boxes(("x", 0.1)), boxes(("x", 0.2))),
    (form("slots", slots={"a": "?"}), slot("A"), slot("A"), slot("B")),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "one", "same", "other"), SAME)
def test_what_says_the_same(asked: Form, one: ReviewAnswer, same: ReviewAnswer, other: ReviewAnswer) -> None:
    assert say_same(asked, one, same) and say_same(asked, same, one)
    assert not say_same(asked, one, other) and not say_same(asked, other, one)


def test_an_answer_gathers_those_that_are_like_it() -> None:
    likely = [grades(quality=value) for value in (1, 2, 3, 5)]
    assert vote_groups(form("rate"), likely) == [1, 1, 1, 3]
    assert vote_groups(form("rate"), []) == []
