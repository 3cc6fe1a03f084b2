"""The step contract: six shapes, each a frozen dataclass whose fields are the recipe's options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin

from ...schemas import Row, memoize
from .errors import RowError
from .resources import Resources
from .usage import UsageCounter

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from .requirements import Requirement

In = TypeVar("In")
Out = TypeVar("Out")
Said = TypeVar("Said")

Cost = Literal["row", "io", "cpu", "llm", "gpu"]

_ROWS_PER_TABLE = 65_536


class Drop(NamedTuple):
    """A verdict: what has this id leaves the build here, and why.

    A ``Global`` step says it of a row that it reads; a ``Split`` of a part of its input that it makes no row of.

    Attributes:
        id: the id of the row; of a part, one of its own that no other part has.
        video_id: the video that it belongs to.
        reason: a short word that drops are counted by.
        detail: more of it, for people.
    """

    id: str
    video_id: str
    reason: str
    detail: str = ""


RowAnswer = Sequence[Out | Drop] | RowError
"""What a step says of one input row: its rows and drops (none is an answer too), or why it cannot be done."""
BatchFunction = Callable[[list[In]], Sequence[RowAnswer[Out]]]
"""A batch of input rows to one answer each, in the same order."""
AsyncFunction = Callable[[In], Awaitable[RowAnswer[Out]]]
"""One input row to its answer; many are under way at once."""
MultiOutputFunction = Callable[[list[In], frozenset[str]], Sequence[dict[str, RowAnswer[Row]]]]
"""A batch of input rows and the names of the wanted parts, to one answer per row and part."""


class EachRow(Generic[In, Said]):
    """A batch function that takes its rows one by one: what one of them raises is that row's failure, and no row is
    done twice because of another.
    """

    def __init__(self, answer: Callable[[In], Said]) -> None:
        self.answer = answer

    def __call__(self, rows: list[In]) -> list[Said]:
        return [self.answer(row) for row in rows]


def each_row(answer: Callable[[In], Said]) -> Callable[[list[In]], list[Said]]:
    """A batch function that calls ``answer`` for each row in turn."""
    return EachRow(answer)


class Item(NamedTuple):
    """One thing that a source found.

    Attributes:
        video_id: its id.
        digest: a text that changes when it does, such as a hash of its path, size and time of change.
        payload: what ``process`` or ``open`` needs to read it; it travels to a worker by pickle.
    """

    video_id: str
    digest: str
    payload: Any


class OutputTable(NamedTuple):
    """One table of a ``MultiOutput``.

    Attributes:
        name: its name inside the step; both together name the table in status and plan.
        out: its row type.
        options: the options that its rows depend on. A change of others makes nothing anew.
        version: raise it when the same options give other rows of this table.
    """

    name: str
    out: type[Row]
    options: tuple[str, ...]
    version: int = 1


@dataclass(frozen=True, slots=True)
class StepContext:
    """Where a step works.

    Attributes:
        root: the build folder. Files that rows name are relative to it.
        folders: the step's own folders by table, relative to ``root``; the key is empty for a step of one table.
        usage: counts what the step's models cost.
    """

    root: Path
    folders: dict[str, Path]
    usage: UsageCounter = field(default_factory=UsageCounter)

    def folder(self, part: str = "") -> Path:
        """This step's own folder for files, made if need be. Replace files whole (``os.replace``)."""
        folder = self.root / self.folders[part]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class Step:
    """What all shapes share. The class attributes say what a step costs; the planner reads them.

    ``row`` steps are cheap Python and run inside the runner; all others run in worker processes of
    their own, where a crash or a hang costs one row.
    """

    version: ClassVar[int] = 1  # raise it when the same options give other rows
    cost: ClassVar[Cost] = "cpu"
    memory_mb: ClassVar[int] = 300  # of one worker process
    timeout_s: ClassVar[float] = 600.0  # a row that takes longer is given up
    batch: ClassVar[int] = 16  # rows per call of the batch function
    reads_media: ClassVar[bool] = False  # a ``Global`` step that opens the files of the rows that it reads
    isolate: ClassVar[bool] = False  # decodes untrusted media: its workers get a memory limit
    replaces_inputs: ClassVar[bool] = False  # its rows stand in for those it read: later steps read only them
    corrects: ClassVar[bool] = False  # its captions replace some that it drops; what measured those measures them too
    depends_on: ClassVar[tuple[str, ...]] = ()  # the input's fields that matter; empty: all of them
    measures: ClassVar[tuple[str, ...]] = ()  # names of the scores that it writes
    advice: ClassVar[Mapping[str, str]] = {}  # what the user can do, by the kind of the failed row

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for options that make no sense here; ``earlier`` are the steps before."""

    def requirements(self) -> Sequence[Requirement]:
        """The packages, weights and programs that it loads, with these options; no import, no network."""
        return ()

    def resources(self) -> Resources:
        """What one worker process of it takes, with these options."""
        return Resources(gpus=1.0 if self.cost == "gpu" else 0.0, memory_mb=self.memory_mb)

    def paid_models(self) -> Sequence[str]:
        """The models that cost money when it asks them, by the names that prices are given for."""
        return ()

    def revision(self) -> str:
        """What else its rows depend on, beyond its options: the text of a prompt, a model's version."""
        return ""

    def expand(self) -> Sequence[tuple[str, Step]]:
        """Itself, or one step per table where it stands for several: ``(suffix of the name, step)``."""
        return (("", self),)

    def rows_per_call(self) -> int:
        """Rows per call of the batch function, where that depends on options."""
        return self.batch


class Split(Step, Generic[In, Out]):
    """One input row to any number of rows: override ``process``, or ``open`` for what must be loaded first."""

    def process(self, row: In) -> RowAnswer[Out]:
        """The rows that come of ``row``, and drops of parts of it; or a ``RowError``, returned or raised."""
        raise NotImplementedError

    @contextmanager
    def open(self, context: StepContext) -> Iterator[BatchFunction[In, Out]]:
        """Load what it takes, yield the batch function, close. Called once in each worker."""
        yield each_row(self.process)

    def max_concurrency(self) -> int:
        """How many rows it waits for at once, such as answers of a server: 0 for work done in worker processes.

        Above 0 the runner calls ``open_async`` in place of ``open``, on an event loop in its own process.
        """
        return 0

    def open_async(self, context: StepContext) -> AbstractAsyncContextManager[AsyncFunction[In, Out]]:
        """As ``open``, where ``max_concurrency`` is above 0: yields a coroutine function of one row."""
        raise NotImplementedError


class Map(Split[In, Out]):
    """One input row to one row: override ``make``, or ``open`` for what must be loaded first."""

    def make(self, row: In) -> Out:
        """The row that comes of ``row``; raises ``RowError`` where there is none."""
        raise NotImplementedError

    def process(self, row: In) -> RowAnswer[Out]:
        """The row that ``make`` makes, as the answer."""
        return [self.make(row)]


class Source(Split[Item, Out]):
    """Where rows come from. ``find`` is cheap and runs in every build; ``open`` reads what is new."""

    def find(self) -> Iterator[Item]:
        """Everything that is there, in any order; ``UserError`` where there is nothing."""
        raise NotImplementedError

    def folders(self) -> Sequence[str]:
        """The folders that it takes files from; a build in one of them would take its own files for sources."""
        return ()


class MultiOutput(Step, Generic[In]):
    """One input row, rows of several tables, each with a fingerprint of its own (the decode pass)."""

    def parts(self) -> Sequence[OutputTable]:
        """The tables that it writes."""
        raise NotImplementedError

    def open(self, context: StepContext) -> AbstractContextManager[MultiOutputFunction[In]]:
        """As for ``Split``; the function is given the rows and the names of the wanted tables.

        It answers each row with a mapping: name of the table to its rows, or to a ``RowError``.
        """
        raise NotImplementedError


class Filter(Step, Generic[In]):
    """Decides for each row whether it stays. It writes no rows: its verdicts are its ledger."""

    cost: ClassVar[Cost] = "row"
    batch = 1024

    def drop(self, row: In) -> str | None:
        """Why the row leaves, or None for one that stays."""
        raise NotImplementedError

    def table_columns(self) -> Sequence[str]:
        """The columns of the first row type that it reads by which ``drop_table`` judges; none: it judges rows."""
        return ()

    def drop_table(self, table: pa.Table) -> pa.Array:
        """As ``drop``, for all rows of a table with these columns: a text or null for each.

        Where it raises, or answers otherwise, the rows are judged one by one.
        """
        raise NotImplementedError

    def rows_per_call(self) -> int:
        """Many where it judges tables."""
        return _ROWS_PER_TABLE if self.table_columns() else self.batch

    @contextmanager
    def open(self, context: StepContext) -> Iterator[Callable[[list[In]], Sequence[str | None | RowError]]]:
        """Yield the batch function; override it where a whole batch is cheaper to judge."""
        yield each_row(self.drop)


class Global(Step, Generic[In, Out]):
    """Reads everything that reaches it, across all shards, once it has all arrived."""

    timeout_s = 86_400.0  # it has no rows to give up one by one

    def drops(self) -> bool:
        """May it drop rows? All later steps wait for one that may; by default, one that writes no rows."""
        return writes(type(self)) is None

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Out | Drop]:
        """Its rows or verdicts, from a database with a view per table it reads (``clips``, …).

        The views hold only what filters let through. Order by ids: the result must not depend on
        the order of files. Raise ``Waiting`` after the rows that are known to wait for the rest.
        """
        raise NotImplementedError

    def external_digest(self, context: StepContext) -> str:
        """A digest of what it reads besides tables (an answer sheet); a change runs it again."""
        return ""


class JoinSpec(NamedTuple):
    """One field of a view: rows of ``row`` that belong to the anchor."""

    name: str
    row: type[Row]
    many: bool
    required: bool  # False where the view has a default: nothing need write that table


class InputSpec(NamedTuple):
    """What a step reads: the anchor, whose id keys the ledger, and what is joined to it."""

    anchor: type[Row] | None  # None for a source
    view: type | None  # the NamedTuple, or None for plain rows
    joins: tuple[JoinSpec, ...]


@memoize
def reads(step: type[Step]) -> InputSpec:
    """What a step class reads, from its header."""
    first = _arguments(step)[0]
    if first is Item:
        return InputSpec(None, None, ())
    if isinstance(first, type) and issubclass(first, Row):
        return InputSpec(first, None, ())
    from typing import get_type_hints

    hints = get_type_hints(first)
    anchor, *others = hints.items()
    defaults = first._field_defaults
    joins = [JoinSpec(n, get_args(h)[0] if get_origin(h) is list else h, get_origin(h) is list, n not in defaults)
             for n, h in others]  # fmt: skip
    return InputSpec(anchor[1], first, tuple(joins))


@memoize
def writes(step: type[Step]) -> type[Row] | None:
    """The row type that a step class writes; None for filters, fans and verdicts alone."""
    arguments = _arguments(step)
    out = arguments[1] if len(arguments) > 1 else None
    if isinstance(step, type) and issubclass(step, Source):
        out = arguments[-1]
    return out if isinstance(out, type) and issubclass(out, Row) else None


def _arguments(step: type) -> tuple[Any, ...]:
    """The type arguments of the shape that a step class is made from; for a source, ``(Item, Out)``."""
    for base in getattr(step, "__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Step):
            args = get_args(base)
            return (Item, *args) if issubclass(origin, Source) else args
    for base in step.__mro__[1:]:
        if issubclass(base, Step) and base is not Step:
            return _arguments(base)
    raise TypeError(f"{step.__name__} does not say what it reads: write Map[In, Out], Filter[In], …")
