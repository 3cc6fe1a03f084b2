"""The contract that every step keeps, for the tests of whoever writes one: ``check_step(MyStep)``."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .engine.contract.catalog import ROW_PLUGINS, row_types, shape_name, step_name
from .engine.contract.errors import RowError
from .engine.contract.options import make_step, plain_options
from .engine.contract.step import (
    Drop,
    EachRow,
    Filter,
    Global,
    Map,
    MultiOutput,
    Source,
    Split,
    Step,
    StepContext,
    reads,
    writes,
)
from .engine.execution.answers import wrong_drop, wrong_row
from .schemas import Field, row_fields, unwritable

HEAVY = (
    "torch", "spacy", "cv2", "av", "onnxruntime", "faster_whisper", "xllamacpp", "datasets", "pandas", "duckdb",
    "whisper", "open_clip", "openai", "vllm", "PIL", "fasttext",
)  # fmt: skip
"""Packages that a step's file must not load when it is imported: all steps are listed by importing them."""

_WORK: Mapping[type[Step], Sequence[str]] = {
    Source: ("find",),
    Map: ("make", "process", "open", "open_async"),
    Split: ("process", "open", "open_async"),
    MultiOutput: ("open",),
    Filter: ("drop", "open"),
    Global: ("rows",),
}
"""The methods of each shape of which a step writes at least one."""

_SAMPLES: Mapping[Any, Any] = {str: "x", int: 1, float: 1.0, bool: True, Path: Path("x")}


def check_step(step: type[Step], **options: Any) -> None:
    """Check the form of a step: documented, frozen, its options explained, its tables known, and fit for a worker.

    A row type is not a step: it is checked with the steps that read or write it.

    Args:
        step: the class.
        options: values for its options; those without a default get some value of their type otherwise.

    Raises:
        AssertionError: saying everything that is wrong.
    """
    if not (inspect.isclass(step) and issubclass(step, Step)):
        raise AssertionError(f"{getattr(step, '__name__', step)} is no step: give the class of one")
    problems = [*_documentation(step), *_options(step)]
    if not problems:  # what follows asks the options
        made = example_step(step, **options)
        problems += [*_tables(step, made), *_work(step), *_portability(step, made)]
    if problems:
        raise AssertionError(f"{step.__name__}: " + "; ".join(problems))


def check_imports(*modules: str) -> None:
    """Check that modules of steps load nothing heavy: all steps are listed by importing them.

    Raises:
        AssertionError: naming each heavy package and the module that loads it first.
    """
    code = (
        "import importlib, json, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "loaded = {}\n"
        "for name in sys.argv[2:]:\n"
        "    importlib.import_module(name)\n"
        "    for heavy in sys.argv[1].split(','):\n"
        "        if heavy in sys.modules: loaded.setdefault(heavy, name)\n"
        "print(json.dumps(loaded))\n"
    )
    # In a fresh interpreter: here much is loaded already.
    done = subprocess.run([sys.executable, "-c", code, ",".join(HEAVY), *modules], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"they cannot be imported: {done.stderr}")
    if loaded := json.loads(done.stdout):
        raise AssertionError("; ".join(f"{name} loads {heavy}: import it in open()" for heavy, name in loaded.items()))


def example_step(step: type[Step], **options: Any) -> Step:
    """A step with its defaults, these options, and some value for what has neither."""
    required = {f.name: _SAMPLES[f.type] for f in _mandatory_options(step) if f.name not in options}
    return make_step(step_name(step), step, {**required, **options})


def run_step(step: Step, rows: Sequence[Any], root: Path = Path(".")) -> list[Any]:
    """What a step answers to each row, run as the engine runs it but in this process.

    A ``Filter`` answers with a reason or None, a ``Map`` or ``Split`` with a list of rows; ``RowError`` stands in the
    place of a row that cannot be done. Files go to the folder ``root``. What a step raises otherwise is raised here.

    Raises:
        TypeError: for a ``MultiOutput`` or ``Global`` step: they run in a build only.
        AssertionError: the step gives an answer that would fail the row in a build, such as a number out of its range.
    """
    context = StepContext(root, {"": Path("files")})
    if not isinstance(step, (Split, Filter)):
        raise TypeError(f"{type(step).__name__} is a {shape_name(type(step))}: run it in a build")
    if isinstance(step, Split) and step.max_concurrency():
        answers = asyncio.run(_stream(step, rows, context))
    else:
        with step.open(context) as work:
            answers = [_answer(work.answer, row) for row in rows] if isinstance(work, EachRow) else list(work([*rows]))
    if len(answers) != len(rows):
        raise AssertionError(f"{type(step).__name__} answered {len(answers)} times to {len(rows)} rows")
    for row, answer in zip(rows, answers, strict=True):
        if wrong := _wrong(step, row, answer):
            raise AssertionError(f"{type(step).__name__}: {wrong}")
    return answers


def _wrong(step: Step, row: Any, answer: Any) -> str | None:
    """What a build would refuse in an answer, in its words."""
    if isinstance(answer, RowError) or (isinstance(step, Filter) and answer is None):
        return None
    if isinstance(step, Filter):
        return f"the reason to drop it {said}; None keeps a row" if (said := unwritable(answer)) else None
    if not isinstance(answer, Sequence) or isinstance(answer, (str, bytes, bytearray, Drop)):
        return f"the step answered {type(answer).__name__}, not a list of rows"
    out = writes(type(step))
    assert out is not None
    video_id = None if isinstance(step, Source) else _video_id(row)
    wrong = (wrong_drop(it, video_id) if isinstance(it, Drop) else wrong_row(out, it, video_id) for it in answer)
    return next(filter(None, wrong), None)


def _video_id(row: Any) -> str:
    """That of a row, or of the anchor of several."""
    return str(getattr(row[0] if isinstance(row, tuple) else row, "video_id", ""))


def _answer(function: Callable[[Any], Any], row: Any) -> Any:
    try:
        return function(row)
    except RowError as error:
        return error


async def _stream(step: Split[Any, Any], rows: Sequence[Any], context: StepContext) -> list[Any]:
    async with step.open_async(context) as work:
        return [await work(row) for row in rows]


def _documentation(step: type[Step]) -> Iterator[str]:
    if "__doc__" not in vars(step) or not step.__doc__ or step.__doc__.startswith(f"{step.__name__}("):
        yield "it has no docstring, or only the one that dataclasses make"
        return
    first = " ".join((inspect.getdoc(step) or "").split("\n\n")[0].split())
    if not first.endswith((".", ":")):
        yield f"its docstring does not begin with a sentence: {first}"
    if not sys.modules[step.__module__].__doc__:
        yield "its module has no docstring"


def _work(step: type[Step]) -> Iterator[str]:
    shape, names = next((shape, names) for shape, names in _WORK.items() if issubclass(step, shape))
    if all(getattr(step, name) is getattr(shape, name) for name in names):
        yield f"it does no work: it has no {names[0]}()"
    if not issubclass(step, Global) or writes(step) is None or step.drops is not Global.drops:
        return
    if "Drop" in str(step.rows.__annotations__.get("return")):
        yield "its rows() may drop rows, by its annotation, and no drops() says so"


def _options(step: type[Step]) -> Iterator[str]:
    if not dataclasses.is_dataclass(step) or not step.__dataclass_params__.frozen:
        yield "it is no frozen dataclass"
        return
    try:
        fields = row_fields(step)
    except TypeError as error:
        yield str(error)
        return
    for field in fields:
        low, high = field.col.low, field.col.high
        if not field.col.doc:
            yield f"the Col of {field.name} says nothing"
        if low is not None and high is not None and low >= high:
            yield f"the range of {field.name} is empty"


def _tables(step: type[Step], made: Step) -> Iterator[str]:
    what, out = reads(step), writes(step)
    if (what.anchor is None) != (shape_name(step) == "source"):
        yield "what it reads is no row type"
    if out is None and issubclass(step, Split):
        yield "what it writes is no row type"
    unknown = {row for row in (what.anchor, out, *(join.row for join in what.joins)) if row and row not in row_types()}
    for part in made.parts() if isinstance(made, MultiOutput) else ():
        unknown |= {part.out} - set(row_types())
        if not set(part.options) <= {field.name for field in row_fields(step)}:
            yield f"its part {part.name} depends on options that it does not have"
    if isinstance(made, MultiOutput) and not made.parts():
        yield "it writes no table"
    for row in unknown:
        yield f"{row.__name__} is the row type of no table: name it under the entry point group {ROW_PLUGINS}"


def _portability(step: type[Step], made: Step) -> Iterator[str]:
    if pickle.loads(pickle.dumps(made)) != made:
        yield "a copy of it that pickle makes, as for a worker, is not equal to it"
    if make_step(step_name(step), step, json.loads(json.dumps(plain_options(made)))) != made:
        yield "a copy of it that is made from its options as JSON is not equal to it"
    if not isinstance(made.revision(), str):
        yield "revision() gives no text"
    if not made.expand():
        yield "expand() gives no step"


def _mandatory_options(step: type[Step]) -> list[Field]:
    """The options that have no default."""
    missing = dataclasses.MISSING
    bare = {f.name for f in dataclasses.fields(step) if f.default is missing and f.default_factory is missing}  # type: ignore[arg-type]
    return [field for field in row_fields(step) if field.name in bare]
