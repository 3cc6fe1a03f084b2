"""What every step must be. Walks all step files: a new step inherits these tests."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

import cliploom as cl
from cliploom.engine.contract.catalog import FOLDERS, find_step, step_class, step_names
from cliploom.testing import check_imports, check_step, run_step

STEPS = [name for name in step_names() if name.split(".")[0] in FOLDERS]

every_step = pytest.mark.parametrize("name", STEPS)


def test_there_are_steps() -> None:
    assert {name.split(".")[0] for name in STEPS} == set(FOLDERS)


@every_step
def test_one_public_step_named_like_its_file(name: str) -> None:
    module = importlib.import_module(f"cliploom.{name}")
    expected = "".join(word.capitalize() for word in name.split(".")[1].split("_"))
    suffixes = ("", "Step", "Source", "Export")  # where a row type or another step has the plain name
    assert find_step(module).__name__ in {expected + suffix for suffix in suffixes}


@every_step
def test_it_keeps_the_contract(name: str) -> None:
    check_step(step_class(name))


@every_step
def test_it_is_in_the_docs(name: str) -> None:
    page = (Path(__file__).parents[1] / "docs" / "steps.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page


@every_step
def test_it_has_a_test(name: str) -> None:
    folder, _, file = name.partition(".")
    tests = Path(__file__).parent / folder
    assert any(f"cliploom.{name} import" in path.read_text(encoding="utf-8") for path in tests.rglob("*.py")), (
        f"no test in tests/{folder}/ imports cliploom.{name}"
    )


def test_listing_the_steps_loads_nothing_heavy() -> None:
    check_imports(*(f"cliploom.{name}" for name in STEPS))


@dataclass(frozen=True)
class Good(cl.Filter[cl.Clip]):
    """Keep clips that are long."""

    min_s: Annotated[float, cl.Col("least length", unit="s", low=0)]

    def drop(self, row: cl.Clip) -> str | None:
        return None if row.end_s - row.start_s >= self.min_s else "short"


@dataclass
class Thawed(cl.Filter[cl.Clip]):
    """Keep clips."""


@dataclass(frozen=True)
class Unexplained(cl.Filter[cl.Clip]):
    """Keep clips."""

    min_s: float = 1.0


@dataclass(frozen=True)
class Undocumented(cl.Filter[cl.Clip]):
    min_s: Annotated[float, cl.Col("least length")] = 1.0


@dataclass(frozen=True)
class Strange(cl.Map[cl.Clip, Path]):
    """Make paths of clips."""


@dataclass(frozen=True)
class Idle(cl.Filter[cl.Clip]):
    """Keep clips."""


@dataclass(frozen=True)
class Silent(cl.Global[cl.Clip, cl.Score]):
    """Drop clips and say nothing of it."""

    def rows(self, db: Any, context: cl.StepContext) -> Iterator[cl.Score | cl.Drop]:
        yield cl.Drop("v_1", "v", "gone")


@dataclass(frozen=True)
class Forgetful(Good):
    """Keep clips."""

    def __eq__(self, other: object) -> bool:
        return self is other


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (Thawed, "no frozen dataclass"),
        (Unexplained, "min_s has no Col"),
        (Undocumented, "no docstring"),
        (Strange, "writes is no row type"),
        (Idle, r"no work: it has no drop\(\)"),
        (Silent, r"no drops\(\) says so"),
        (cl.Clip, "Clip is no step"),
        (Forgetful, "pickle"),
    ],
)
def test_a_step_that_breaks_the_contract_is_told_how(step: type[cl.Step], problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        check_step(step)


def test_a_step_in_a_package_of_its_own_is_checked_and_run_without_a_build() -> None:
    check_step(Good, min_s=2.0)
    clips = [cl.Clip("v_1", "v", 0.0, 1.0, []), cl.Clip("v_2", "v", 1.0, 4.0, [])]
    assert run_step(Good(2.0), clips) == ["short", None]
    with pytest.raises(AssertionError, match="told loads av"):
        check_imports("told")


@dataclass(frozen=True)
class Answering(cl.Split[cl.Clip, cl.Score]):
    """Give the same answer to every clip."""

    answer: Annotated[Any, cl.Col("what it answers")] = ()

    def process(self, row: cl.Clip) -> Any:
        return self.answer


def _score(value: float, video_id: str = "v") -> cl.Score:
    return cl.Score("v_1_x", video_id, "v_1", None, "x", value, "toy", "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("x", "not a list of rows"),
        (["x"], "a str, not a Score"),
        ([_score(math.nan)], "is nan"),
        ([_score(0.5, "w")], "video_id is w"),
        ([cl.Drop("v_1", "v", "")], "Drop.reason"),
    ],
)
def test_an_answer_that_a_build_refuses_is_refused_without_one(answer: Any, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        run_step(Answering(answer), [cl.Clip("v_1", "v", 0.0, 1.0, [])])


def test_sound_answers_pass() -> None:
    clip = cl.Clip("v_1", "v", 0.0, 1.0, [])
    for answer in ([], [_score(0.5)], [_score(0.5), cl.Drop("v_1_y", "v", "short")]):
        assert run_step(Answering(answer), [clip]) == [answer]
