"""A build that goes to a Label Studio server by itself, and a plan that does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toys

from cliploom.annotation.backends.build_trip import ReviewServer
from cliploom.annotation.review import ReviewStep
from cliploom.annotation.tasks.task import read_task_file
from cliploom.engine.build import run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.estimate import estimate
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.preview import preview_build

CLIENT = """#!/bin/sh
# Stands for the cliploom of another environment: notes what it is asked, and brings the answers that lie ready.
cd "$(dirname "$0")"
echo "$@" >> asked.txt
[ -e broken ] && printf 'error: the server is away\\n  try again\\n' >&2 && exit 2
[ "$2" = pull ] && [ -e ready.json ] && cp ready.json "$3/review/label_studio.json"
exit 0
"""


class Office:
    """Where the client is, and a build that has it go to a server."""

    def __init__(self, root: Path) -> None:
        self.root, self.build_root = root, root / "build"
        client = root / "cliploom"
        client.write_text(CLIENT)
        client.chmod(0o755)
        self.server = ReviewServer("http://x:1", "TOKEN", files="/data", client=str(client))
        first: tuple[toys.Numbers, toys.Pieces, StepUse] = (
            toys.Numbers(last=0),
            toys.Pieces(),
            StepUse(toys.Say("one"), "one"),
        )
        self.recipe = Recipe("asked", (*first, ReviewStep(server=self.server)), shards=1)

    def build(self) -> str:
        """What it waits for."""
        return run_build(self.recipe, self.build_root, RunOptions(workers=1)).waiting.get("annotation.review", "")

    def asked(self) -> list[str]:
        """The commands that the client was given."""
        path = self.root / "asked.txt"
        return path.read_text().splitlines() if path.exists() else []

    def get_ready(self) -> None:
        """Answers lie ready on the server."""
        tasks = read_task_file(self.build_root / "review")
        answers = [{"task_id": task.task_id, "person": "ann", "verdict": "accept"} for task in tasks]
        (self.root / "ready.json").write_text(json.dumps({"cliploom": "answers", "format": 1, "answers": answers}))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_build_goes_to_the_server_while_tasks_are_open_and_a_plan_never(office: Office) -> None:
    def plan() -> None:
        preview_build(office.recipe, office.build_root, RunOptions())

    plan()
    assert office.asked() == []
    (office.root / "broken").touch()
    assert office.build().endswith("reviews are open: the server could not be asked: the server is away")
    (office.root / "broken").unlink()
    assert office.build().endswith("reviews are open: people answer at http://x:1")
    common = f"{office.build_root} --sheet review --url http://x:1 --token TOKEN"
    assert office.asked()[-2:] == [f"review push {common} --files /data", f"review pull {common}"]
    office.get_ready()
    before = office.asked()
    plan()
    assert office.asked() == before
    assert office.build() == ""
    office.build()  # what the pull brought is read once more, then nothing is open any longer
    before = office.asked()
    assert office.build() == "" and office.asked() == before


def test_an_estimate_asks_nobody(office: Office) -> None:
    estimate(office.recipe, office.build_root, 1, RunOptions(workers=1))
    assert office.asked() == []


def test_a_server_that_is_away_does_not_hold_up_what_is_answered(office: Office) -> None:
    office.build()
    office.get_ready()
    (office.root / "ready.json").rename(office.build_root / "review" / "label_studio.json")
    (office.root / "broken").touch()
    assert office.build() == ""


def test_what_it_takes_to_go_there_is_asked_for_beforehand(office: Office) -> None:
    assert all(one.is_there for one in office.server.requirements())
    [missing] = ReviewServer("http://x:1", client="/no/such/cliploom").requirements()
    assert not missing.is_there and "extra `review`" in missing.hint
    [client] = ReviewServer("http://x:1").requirements()
    assert client.install == ("cliploom[review]",)
    assert ReviewStep().requirements() == ()


def test_a_server_is_written_in_a_recipe(office: Office) -> None:
    step = make_step("annotation.review", ReviewStep, {"server": "http://x:1"})
    assert step.server == ReviewServer("http://x:1")
    with pytest.raises(UserError, match="annotation.review.server has no option ulr"):
        make_step("annotation.review", ReviewStep, {"server": {"ulr": "http://x:1"}})


def test_without_a_client_of_its_own_it_is_the_one_here(tmp_path: Path) -> None:
    assert ReviewServer("http://x:1").travel(tmp_path, "review") == f"{tmp_path} holds no build"
