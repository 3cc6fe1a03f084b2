"""What every step must be. Walks all step files: a new step inherits these tests."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cliploom.engine.contract.catalog import FOLDERS, shape_name, step_class, step_names, the_step
from cliploom.engine.contract.options import make_step, plain_options
from cliploom.engine.contract.step import Fan, Step, reads, writes
from cliploom.schemas import ROWS, Field, row_fields

HEAVY = (
    "torch", "spacy", "cv2", "av", "onnxruntime", "faster_whisper", "xllamacpp", "datasets", "pandas", "duckdb",
    "whisper", "open_clip", "openai", "vllm", "PIL", "fasttext",
)  # fmt: skip
STEPS = [name for name in step_names() if name.split(".")[0] in FOLDERS]
SAMPLES: dict[Any, Any] = {str: "x", int: 1, float: 1.0, bool: True, Path: Path("x")}

every_step = pytest.mark.parametrize("name", STEPS)


def needed(step: type[Step]) -> list[Field]:
    """The options that have no default."""
    bare = {
        f.name
        for f in dataclasses.fields(step)  # type: ignore[arg-type]
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return [f for f in row_fields(step) if f.name in bare]


def example(name: str) -> Step:
    """The step with its defaults, and some value where there is none."""
    step = step_class(name)
    return make_step(name, step, {f.name: SAMPLES[f.type] for f in needed(step)})


def test_there_are_steps() -> None:
    assert {name.split(".")[0] for name in STEPS} == set(FOLDERS)


@every_step
def test_one_public_step_named_like_its_file(name: str) -> None:
    module = importlib.import_module(f"cliploom.{name}")
    expected = "".join(word.capitalize() for word in name.split(".")[1].split("_"))
    assert the_step(module).__name__ == expected


@every_step
def test_it_says_what_it_is(name: str) -> None:
    step = step_class(name)
    assert "__doc__" in vars(step) and step.__doc__
    assert not step.__doc__.startswith(f"{step.__name__}("), "it has no docstring, only the one dataclasses make"
    first = " ".join((inspect.getdoc(step) or "").split("\n\n")[0].split())
    assert first.endswith((".", ":")), first
    assert importlib.import_module(step.__module__).__doc__


@every_step
def test_it_is_a_frozen_dataclass_and_every_option_says_what_it_means(name: str) -> None:
    step = step_class(name)
    assert step.__dataclass_params__.frozen  # type: ignore[attr-defined]
    for field in row_fields(step):  # raises TypeError for one without a Col
        assert field.col.doc
        low, high = field.col.low, field.col.high
        assert low is None or high is None or low < high


@every_step
def test_what_it_reads_and_writes_is_known(name: str) -> None:
    step = step_class(name)
    what, out = reads(step), writes(step)
    assert (what.anchor is None) == (shape_name(step) == "source")
    assert what.anchor is None or what.anchor in ROWS
    assert {join.row for join in what.joins} <= set(ROWS)
    assert out is None or out in ROWS
    if issubclass(step, Fan):
        made = example(name)
        assert isinstance(made, Fan)
        options = {field.name for field in row_fields(step)}
        assert made.parts()
        for part in made.parts():
            assert part.out in ROWS
            assert set(part.options) <= options


@every_step
def test_defaults_make_a_step_that_travels_and_comes_back_from_a_lock(name: str) -> None:
    made = example(name)
    assert pickle.loads(pickle.dumps(made)) == made
    written = json.loads(json.dumps(plain_options(made)))
    assert make_step(name, type(made), written) == made
    assert isinstance(made.revision(), str)
    assert made.expand()


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
    code = (
        "import importlib, json, sys\n"
        "said = {}\n"
        "for name in sys.argv[2:]:\n"
        "    importlib.import_module(f'cliploom.{name}')\n"
        "    for heavy in sys.argv[1].split(','):\n"
        "        if heavy in sys.modules: said.setdefault(heavy, name)\n"
        "print(json.dumps(said))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, ",".join(HEAVY), *STEPS], capture_output=True, text=True)
    assert json.loads(done.stdout or done.stderr) == {}
