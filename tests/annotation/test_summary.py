"""How a review stands, and the commands that say and change it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builds import TEXTS, ReviewBuild
from labeling import LEGACY, labeling_server

from cliploom.annotation.backends.folder import read_folder
from cliploom.annotation.tasks.summary import summarize
from cliploom.annotation.tasks.task import read_task_file
from cliploom.cli.main import main


def answer(desk: ReviewBuild, person: str, answers: list[dict[str, Any]]) -> None:
    tasks = [task.task_id for task in read_task_file(desk.root / "review")]
    listed = [{"task_id": task, **one} for task, one in zip(tasks, answers, strict=False)]
    held = {"cliploom": "answers", "format": 1, "person": person, "answers": listed}
    (desk.root / "review" / f"answers_{person}.json").write_text(json.dumps(held))


def accept(*verdicts: str, seconds: float = 8.0) -> list[dict[str, Any]]:
    return [{"verdict": verdict, "seconds": seconds} for verdict in verdicts]


def test_people_and_their_agreement(tmp_path: Path) -> None:
    desk = ReviewBuild(tmp_path / "b", kind="judge", people=2)
    desk.build()
    answer(desk, "ann", accept("accept", "accept", "reject", "reject"))
    answer(desk, "bo", accept("accept", "accept", "reject", "accept", seconds=1.0))
    answer(desk, "cy", accept("accept", "reject", "reject", "accept"))
    folder = read_folder(desk.root, "review")
    assert folder
    found = summarize(folder)
    assert (found.tasks, found.answered, found.shared, found.broken) == (6, 4, 4, [])
    assert [(p.person, p.answers, p.seconds, p.with_most, p.outlier) for p in found.people] == [
        ("ann", 4, 8.0, 0.75, ""), ("bo", 4, 1.0, 1.0, "fast"), ("cy", 4, 8.0, 0.75, ""),
    ]  # fmt: skip
    same, alpha, kappa = found.agreement
    assert (kappa.name, found.missing) == ("answers, kappa (Fleiss)", 4)
    assert same.name == "answers, the same" and same.value == pytest.approx(2 / 3)
    assert alpha.low is not None and alpha.high is not None and alpha.low <= alpha.value <= alpha.high


def test_two_people_have_cohens_kappa_and_one_who_differs_is_told_apart(tmp_path: Path) -> None:
    desk = ReviewBuild(tmp_path / "b", kind="judge", people=2)
    desk.build()
    answer(desk, "ann", accept("accept", "accept", "reject", "reject"))
    answer(desk, "bo", accept("accept", "reject", "reject", "reject"))
    folder = read_folder(desk.root, "review")
    assert folder
    measures = {one.name: one.value for one in summarize(folder).agreement}
    assert measures["answers, kappa (Cohen)"] == pytest.approx(0.5)  # 3 of 4 are the same, 1 of 2 by chance
    answer(desk, "ann", accept(*("accept",) * 6))
    answer(desk, "bo", accept(*("reject",) * 6))
    answer(desk, "cy", accept(*("accept",) * 6))
    assert [one.outlier for one in summarize(folder).people] == ["", "often alone", ""]


def test_spans_and_grades_have_measures_of_their_own(tmp_path: Path) -> None:
    def measured(kind: str, *marks: list[dict[str, Any]], **options: Any) -> dict[str, float]:
        desk = ReviewBuild(tmp_path / kind, kind=kind, sample=1, **options)
        desk.build()
        for person, some in zip("abc", marks, strict=False):
            answer(desk, person, [{"verdict": "mark", "marks": some}])
        folder = read_folder(desk.root, "review")
        assert folder
        return {one.name: one.value for one in summarize(folder).agreement}

    desk = ReviewBuild(tmp_path / "probe", kind="moments", sample=1)
    desk.build()
    [task] = read_task_file(desk.root / "review")
    s = task.start_s
    spans = [[{"name": "moment", "start_s": s + a, "end_s": s + b}] for a, b in ((0, 2), (0, 4))]
    assert measured("moments", *spans) == {"temporal IoU": 0.5}
    grades = [[{"name": "quality", "value": value}] for value in (5, 4, 1)]
    found = measured("rate", *grades)
    assert {"quality, alpha (ordinal)", "quality, alpha (interval)"} <= found.keys()
    assert found["quality, 2 within 1"] == 1 and found["quality, 2 the same"] == 0
    tags = [[{"name": name} for name in names] for names in (("woman", "snow"), ("snow",))]
    assert measured("tags", *tags) == {"shared tags": 0.5}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command of `cliploom review` prints."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)

    def run_(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["cliploom", "review", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert stopped.value.code in (0, 2)
        return said.out + said.err

    return run_


VERDICT = {"id": "a", "from_name": "verdict", "to_name": "video", "type": "choices"}


def test_the_commands(tmp_path: Path, run: Callable[..., str]) -> None:
    desk = ReviewBuild(tmp_path / "b", kind="judge")
    desk.build()
    assert "is nowhere yet" in run("open", desk.root)
    with labeling_server() as world:
        assert run("push", desk.root, "--url", world.url, "--files", tmp_path).startswith(
            "6 tasks are new, 0 were there"
        )
        first = next(n for n, task in world.tasks.items() if task["data"]["caption"] == TEXTS[0])
        world.answer(first, 1, [{**VERDICT, "value": {"choices": ["accept"]}}])
        assert run("pull", desk.root, "--url", world.url).startswith("ann@x.org: 1 answer\n1 answer, 0 skipped")
        assert run("open", desk.root) == f"{world.url}/projects/1/data?labeling=1\n"
        world.projects.clear()
        assert "answers 404: Not found." in run("pull", desk.root, "--url", world.url)
        assert "tasks are new" in run("push", desk.root, "--url", world.url, "--files", tmp_path)
    assert run("status", desk.root).startswith("1 of 6 tasks is answered, 0 by several people\n\nperson")
    assert json.loads(run("status", desk.root, "--json"))["people"][0]["person"] == "ann@x.org"
    assert "6 tasks: open" in run("push", desk.root, "--format", "html")
    assert "did you mean html?" in run("push", desk.root, "--format", "htm")
    assert "is no address of a server" in run("pull", desk.root, "--url", "ftp://x")
    assert "there is no review nope" in run("status", desk.root, "--sheet", "nope")


def test_what_was_sent_to_a_senior_goes_along(tmp_path: Path, run: Callable[..., str]) -> None:
    options = {"kind": "judge", "sample": 2, "people": 2, "rule": "unanimous", "adjudicator": True}
    desk = ReviewBuild(tmp_path / "b", **options)
    desk.build()
    with labeling_server() as world:
        where = ("--url", world.url, "--files", tmp_path)
        assert run("push", desk.root, *where).startswith("2 tasks are new, 0 were there")
        for person, verdict in enumerate(("accept", "reject"), 1):
            for task in list(world.tasks):
                world.answer(task, person, [{**VERDICT, "value": {"choices": [verdict]}}])
        run("pull", desk.root, "--url", world.url)
        assert desk.build()[1].startswith("2 of 2 are in dispute")
        said = run("push", desk.root, *where).splitlines()
        assert said[0] == "0 tasks are new, 2 were there"
        assert said[2:4] == ["review-adjudication:", "2 tasks are new, 0 were there"] and len(world.projects) == 2
        [senior] = [n for n, project in world.projects.items() if "adjudication" in project["description"]]
        assert world.projects[senior]["maximum_annotations"] == 1
        for number in [n for n, task in world.tasks.items() if task["project"] == senior]:
            world.answer(number, 1, [{**VERDICT, "value": {"choices": ["accept"]}}])
        said = run("pull", desk.root, "--url", world.url).splitlines()
        assert said[3:5] == ["review-adjudication:", "ann@x.org: 2 answers"]
        assert len(run("open", desk.root).splitlines()) == 2
    assert "review-adjudication:\n2 of 2 tasks are answered" in run("status", desk.root)
    rows, waiting = desk.build()
    assert not waiting and [row.verdict for row in rows if row.rule == "senior" and row.holds] == ["accept"] * 4
    saved = tmp_path / "saved.json"
    held = {"cliploom": "answers", "format": 1, "person": "Cy", "sheet": "review-adjudication"}
    saved.write_text(json.dumps(held | {"answers": [{"task_id": rows[-1].task_id, "verdict": "reject"}]}))
    assert run("pull", desk.root, saved).startswith("Cy: 1 answer\n")
    assert (desk.root / "review-adjudication" / "answers_Cy.json").exists()
    assert not (desk.root / "review" / "answers_Cy.json").exists()


def test_a_pull_that_watches_ends_when_all_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]
) -> None:
    desk = ReviewBuild(tmp_path / "b", kind="judge", sample=2)
    desk.build()
    slept: list[float] = []
    with labeling_server() as world:
        run("push", desk.root, "--url", world.url, "--files", tmp_path)

        def sleep(seconds: float) -> None:
            """The server is away, then somebody answers one task, and the other."""
            slept.append(seconds)
            if len(slept) == 1:
                world.failures = [403]
            else:
                world.answer(list(world.tasks)[len(slept) - 2], 2, [{**VERDICT, "value": {"choices": ["reject"]}}])

        monkeypatch.setattr("cliploom.cli.review.time.sleep", sleep)
        said = run("pull", desk.root, "--url", world.url, "--watch", "30")
    none, away, one, first, two, both, _ = said.splitlines()
    assert slept == [30.0] * 3
    assert none.startswith("0 answers") and away.startswith("warning: ") and "forbids it" in away
    assert (one, first[:9], two, both[:9]) == ("bo@x.org: 1 answer", "1 answer,", "bo@x.org: 2 answers", "2 answers")
