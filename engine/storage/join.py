"""What a step reads in one shard: which rows reach it, what belongs to each, and batches of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Row, from_arrow, id_name, row_fields
from ..contract.errors import UserError
from ..contract.step import Filter, InputSpec, Item, JoinSpec
from ..planning.plan import Node, TableRef, link_columns
from .hashes import Hashes, as_digests, combine, hash_column, hash_text, mix
from .row_files import UNIQUE_IDS, VERSION, count_rows, read_window, storage_schema, windows
from .store import Store

Digests = np.ndarray[Any, np.dtype[np.int64]]


class Inputs(NamedTuple):
    """The rows that reach a step in one shard, in order of video and id."""

    ids: pa.Array
    videos: pa.Array  # the ids of their videos
    digests: Digests  # of all that the step reads for each

    def pick(self, which: np.ndarray) -> Inputs:
        """Those at these places."""
        if len(which) == len(self.ids):  # they come in order
            return self
        at = pa.array(which)
        return Inputs(self.ids.take(at), self.videos.take(at), self.digests[which])

    def part(self, start: int, stop: int) -> Inputs:
        """Those from one place up to another; it shares their memory."""
        return Inputs(self.ids[start:stop], self.videos[start:stop], self.digests[start:stop])


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of one shard that are to do, named and not held: whoever does them reads them from storage."""

    number: int  # of the shard
    inputs: Inputs
    wanted: frozenset[str] = frozenset([""])  # parts of a step with several tables
    items: tuple[Item, ...] = ()  # of a source
    tries: Mapping[str, int] = field(default_factory=dict)  # of rows that failed before, how often they were tried

    def __len__(self) -> int:
        return len(self.inputs.ids)

    def slice(self, start: int, stop: int) -> Window:
        """The rows from one place up to another."""
        ids, videos, digests = self.inputs.part(start, stop)
        part = Inputs(_copy(ids), _copy(videos), digests.copy())
        return Window(self.number, part, self.wanted, self.items[start:stop], self.tries)


def _copy(part: pa.Array) -> pa.Array:
    """A slice by itself: pickled as it is, it would bring along all that it was cut from."""
    return pa.concat_arrays([part])


@dataclass(frozen=True, slots=True)
class Batch:
    """The input rows of one call of a step, as tables: rows are made where they are used.

    For a filter that judges tables they have the columns that it asks for; ``by_rows`` reads them whole.
    """

    inputs: Inputs
    wanted: frozenset[str]
    items: Sequence[Item] = ()
    anchor: pa.Table | None = None
    joined: tuple[pa.Table, ...] = ()
    by_rows: Callable[[], Iterator[Batch]] | None = None

    def __len__(self) -> int:
        return len(self.inputs.ids)


def find_dropped_ids(nodes: Sequence[Node], node: Node, store: Store, number: int) -> dict[str, pa.Array]:
    """By id column, the ids that filters before the step took out of this shard."""
    found: dict[str, list[pa.Array]] = defaultdict(list)
    for table in node.filters:
        anchor = nodes[table.node].reads.anchor
        assert anchor is not None
        if len(ids := store.out_ids(table, number)):
            found[id_name(anchor)].append(ids)
    return {column: pc.unique(pa.concat_arrays(some)) for column, some in found.items()}


def inputs_of(nodes: Sequence[Node], node: Node, store: Store, number: int) -> Inputs:
    """Which rows reach the step in this shard, with the digests of what they and their joins hold."""
    anchor = node.reads.anchor
    assert anchor is not None
    dropped = find_dropped_ids(nodes, node, store, number)
    watch = node.step.depends_on
    key, light = id_name(anchor), _light(anchor)
    columns = [*light, *(w for w in watch if w not in light)]
    table = _load(node.anchors, store, number, columns, _applying(dropped, anchor))
    if table is None or not table.num_rows:
        return Inputs(pa.array([], pa.string()), pa.array([], pa.string()), np.empty(0, np.int64))
    ids, videos = table.column(key).combine_chunks(), table.column("video_id").combine_chunks()
    if not is_increasing(ids) and pc.count_distinct(ids).as_py() < len(ids):
        found = pc.value_counts(ids)
        raise duplicate_id_error(node, found.field("values")[pc.index(pc.greater(found.field("counts"), 1), True)])
    if watch:
        versions = combine([hash_column(table.column(column)) for column in watch])
    else:
        versions = table.column(VERSION).to_numpy().view(np.uint64)
    joins = [
        _group_hashes(node, join, tables, table, _load_links(join, tables, store, number, dropped))
        for join, tables in zip(node.reads.joins, node.joined, strict=True)
    ]
    return Inputs(ids, videos, as_digests(combine([versions, *joins])))


def is_increasing(ids: pa.Array) -> bool:
    """Are they in order, and each there once?"""
    return len(ids) < 2 or bool(pc.all(pc.less(ids[:-1], ids[1:])).as_py())


def duplicate_id_error(node: Node, id_: object) -> UserError:
    """What is wrong where two rows with one id reach a step."""
    assert node.reads.anchor is not None
    steps = " and ".join(t.name for t in node.anchors)
    return UserError(f"{node.name} reads two {node.reads.anchor.table} with the id {id_}, from {steps}", UNIQUE_IDS)


def _load_links(
    join: JoinSpec, tables: Iterable[TableRef], store: Store, number: int, dropped: Mapping[str, pa.Array]
) -> pa.Table | None:
    return _load(tables, store, number, _light(join.row), _applying(dropped, join.row))


def _group_hashes(
    node: Node, join: JoinSpec, tables: Sequence[TableRef], anchors: pa.Table, joined: pa.Table | None
) -> Hashes:
    """For each anchor a hash of the set of rows that belong to it, 0 for none; a single 0 where none has any."""
    assert node.reads.anchor is not None
    on = join_column(node.reads.anchor, join.row)
    keys = anchors.column(on).combine_chunks()
    if joined is None or not joined.num_rows:
        return np.zeros(1, np.uint64)
    groups = pc.unique(keys)
    group = pc.index_in(joined.column(on), value_set=groups).combine_chunks()
    belongs = group.is_valid().to_numpy(zero_copy_only=False)
    members = combine(
        [hash_column(joined.column(id_name(join.row))), joined.column(VERSION).to_numpy().view(np.uint64)]
    )
    at = group.drop_null().to_numpy().astype(np.int64)
    order = np.argsort(at, kind="stable")
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(members[belongs][order], dtype=np.uint64)])
    sizes = np.bincount(at, minlength=len(groups))
    ends = np.cumsum(sizes)
    made = np.where(sizes > 0, mix(sums[ends] - sums[ends - sizes] + sizes.astype(np.uint64)), np.uint64(0))
    found: Hashes = made[pc.index_in(keys, value_set=groups).to_numpy()]
    return found


def join_column(anchor: type[Row], joined: type[Row]) -> str:
    """The closest id that two row types share."""
    shared = set(link_columns(anchor)) & set(link_columns(joined))
    return next(c for c in ("caption_id", "clip_id", "video_id") if c in shared)


def by_time(anchor: type[Row], joined: type[Row]) -> tuple[str, str] | None:
    """The columns of the joined row's span, where only the time says which rows belong to an anchor."""
    if join_column(anchor, joined) != "video_id" or not _has(anchor, "start_s") or not _has(anchor, "end_s"):
        return None
    if _has(joined, "start_s") and _has(joined, "end_s"):
        return "start_s", "end_s"
    return ("time_s", "time_s") if _has(joined, "time_s") else None


def _has(row: type[Row], column: str) -> bool:
    return any(f.name == column and f.type is float and not f.optional for f in row_fields(row))


def _light(row: type[Row]) -> list[str]:
    return list(dict.fromkeys([id_name(row), *link_columns(row), VERSION]))


def output_versions(digests: Digests, fingerprint: str) -> Digests:
    """The version of all rows that a step makes from each input."""
    return as_digests(mix(digests.view(np.uint64) ^ hash_text(fingerprint)))


def _files(tables: Iterable[TableRef], store: Store, number: int) -> list[Path]:
    found = (store.shard(table, number).live_file for table in tables)
    return [file for file in found if file is not None]


def _load(
    tables: Iterable[TableRef], store: Store, number: int, columns: list[str], dropped: Mapping[str, pa.Array]
) -> pa.Table | None:
    parts = [read_window(file, columns, "", "") for file in _files(tables, store, number)]
    if not parts:
        return None
    found = _passing(pa.concat_tables(parts), dropped)
    return found if len(parts) == 1 else _sort(found)  # each file is in order


def _applying(dropped: Mapping[str, pa.Array], row: type[Row]) -> dict[str, pa.Array]:
    """The drops that take rows of this type along."""
    return {column: ids for column, ids in dropped.items() if column not in row.outlives}


def _passing(table: pa.Table, dropped: Mapping[str, pa.Array]) -> pa.Table:
    for column, ids in dropped.items():
        if column in table.column_names:
            table = table.filter(pc.invert(pc.is_in(table.column(column), ids)))
    return table


def _sort(table: pa.Table) -> pa.Table:
    key = table.column_names[0]
    order = [("video_id", "ascending"), (key, "ascending")] if key != "video_id" else [(key, "ascending")]
    return table.take(pc.sort_indices(table, sort_keys=order))


class _SpanTables(NamedTuple):
    """What a step reads of some videos of a shard."""

    number: int
    low: str
    high: str  # the first that is not in it; "" for none
    columns: list[str] | None  # of the anchors; None for all of them, and for the rows that belong to them
    anchors: pa.Table
    joined: list[pa.Table]


def _text(value: pa.Scalar) -> str:
    return str(value.as_py())


class InputReader:
    """Reads what a step is to do. It holds the videos that it read last, about 64 MB of them."""

    def __init__(self, nodes: Sequence[Node], node: Node, store: Store) -> None:
        self._nodes, self._node, self._store = nodes, node, store
        self._span: _SpanTables | None = None

    def batches(self, window: Window) -> Iterator[Batch]:
        """The rows of a window, call by call, with what belongs to them."""
        step = self._node.step
        if isinstance(step, Filter) and (columns := step.table_columns()):
            yield from self._table_batches(window, columns, self._node.rows_per_call)
        else:
            yield from self._row_batches(window, self._node.rows_per_call)

    def _table_batches(self, window: Window, columns: Sequence[str], size: int) -> Iterator[Batch]:
        """Those of a filter that judges tables by some columns."""
        assert self._node.reads.anchor is not None
        inputs, fewer = window.inputs, min(size, self._node.step.batch)
        files = _files(self._node.anchors, self._store, window.number)
        read = list(columns)
        if len(files) > 1 or count_rows(files[0]) != len(inputs.ids):  # the ids say which rows are meant
            read = list(dict.fromkeys([id_name(self._node.reads.anchor), "video_id", *columns]))
        for start, anchors, _ in self._tables(window, read):
            for at in range(0, anchors.num_rows, size):
                some = anchors.slice(at, size).select(list(columns))
                part = replace(window, inputs=inputs.part(start + at, start + at + some.num_rows))
                yield Batch(part.inputs, window.wanted, (), some, (), partial(self._row_batches, part, fewer))

    def _row_batches(self, window: Window, size: int) -> Iterator[Batch]:
        if self._node.reads.anchor is None:
            for at in range(0, len(window), size):
                yield Batch(window.inputs.part(at, at + size), window.wanted, window.items[at : at + size])
            return
        for start, anchors, joined in self._tables(window):
            for at in range(0, anchors.num_rows, size):
                some = anchors.slice(at, size)
                belonging = tuple(
                    _belonging(self._node, join, table, some)
                    for join, table in zip(self._node.reads.joins, joined, strict=True)
                )
                inputs = window.inputs.part(start + at, start + at + some.num_rows)
                yield Batch(inputs, window.wanted, (), some, belonging)

    def _tables(
        self, window: Window, columns: list[str] | None = None
    ) -> Iterator[tuple[int, pa.Table, list[pa.Table]]]:
        """Parts of a window: where it begins, its anchors, and rows of which some belong to them.

        ``columns`` are those of the anchors; None for all, and for what belongs to them.
        """
        assert self._node.reads.anchor is not None
        key, start = id_name(self._node.reads.anchor), 0
        for span in self._spans(window.number, window.inputs.videos, columns):
            anchors = span.anchors
            if key in anchors.column_names:
                wanted, found = window.inputs.ids[start:], anchors.column(key).combine_chunks()
                if not found.equals(wanted[: len(found)]):
                    anchors = anchors.filter(pc.is_in(found, wanted))
            if anchors.num_rows:
                yield start, anchors, span.joined
                start += anchors.num_rows

    def _spans(self, number: int, videos: pa.Array, columns: list[str] | None) -> Iterator[_SpanTables]:
        """What there is of these videos, in their order."""
        node, store = self._node, self._store
        anchor_files = _files(node.anchors, store, number)
        join_files = [] if columns else [_files(tables, store, number) for tables in node.joined]
        for low, high in windows([*anchor_files, *(f for files in join_files for f in files)]):
            first = bisect_left(videos, low, key=_text)
            if first == len(videos) or (high and _text(videos[first]) >= high):
                continue
            span = self._span
            if span is None or (span.number, span.low, span.high, span.columns) != (number, low, high, columns):
                self._span = None  # before the next is read
                dropped = find_dropped_ids(self._nodes, node, store, number) if join_files else {}
                parts = [read_window(f, columns, low, high) for f in anchor_files]
                anchors = parts[0] if len(parts) == 1 else _sort(pa.concat_tables(parts))
                joined = [
                    _read_joined(join, files, low, high, dropped)
                    for join, files in zip(node.reads.joins, join_files, strict=False)
                ]
                self._span = span = _SpanTables(number, low, high, columns, anchors, joined)
            yield span


def _read_joined(
    join: JoinSpec, files: Sequence[Path], low: str, high: str, dropped: Mapping[str, pa.Array]
) -> pa.Table:
    if not files:
        return storage_schema(join.row).empty_table()
    found = pa.concat_tables([read_window(file, None, low, high) for file in files])
    return _passing(found, _applying(dropped, join.row))


def _belonging(node: Node, join: JoinSpec, table: pa.Table, anchor: pa.Table) -> pa.Table:
    """The joined rows that any of these anchors may want."""
    assert node.reads.anchor is not None
    on = join_column(node.reads.anchor, join.row)
    mask = pc.is_in(table.column(on), anchor.column(on).combine_chunks())
    times = by_time(node.reads.anchor, join.row)
    if times is not None and len(pc.unique(anchor.column("video_id"))) == 1:
        low, high = pc.min(anchor.column("start_s")), pc.max(anchor.column("end_s"))
        mask = pc.and_(mask, pc.less_equal(table.column(times[0]), high))
        mask = pc.and_(mask, pc.greater_equal(table.column(times[1]), low))
    return table.filter(mask)


def rows_of(batch: Batch, what: InputSpec) -> list[Any]:
    """The batch as the step's input rows: items, plain rows or views."""
    if what.anchor is None:
        return list(batch.items)
    anchors = list(from_arrow(what.anchor, batch.anchor))
    if what.view is None:
        return anchors
    columns = [_rows_by_anchor(what.anchor, join, t, anchors) for join, t in zip(what.joins, batch.joined, strict=True)]
    return [what.view(*values) for values in zip(anchors, *columns, strict=True)]


def _rows_by_anchor(anchor: type[Row], join: JoinSpec, table: pa.Table, anchors: Sequence[Any]) -> list[Any]:
    on, times = join_column(anchor, join.row), by_time(anchor, join.row)
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in sorted(from_arrow(join.row, table), key=lambda r: r.id):
        groups[getattr(row, on)].append(row)
    made = []
    for one in anchors:
        rows = groups.get(getattr(one, on), [])
        if times is not None:
            rows = [r for r in rows if _overlaps(one, getattr(r, times[0]), getattr(r, times[1]))]
        made.append(rows if join.many else (rows[0] if rows else None))
    return made


def _overlaps(anchor: Any, start_s: float, end_s: float) -> bool:
    if start_s == end_s:
        return bool(anchor.start_s == start_s or anchor.start_s < start_s < anchor.end_s)  # an image is [0, 0]
    return bool(start_s < anchor.end_s and end_s > anchor.start_s)
