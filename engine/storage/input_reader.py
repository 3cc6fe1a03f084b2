"""The rows that a step reads in one shard, in batches, with what belongs to each."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Row, from_arrow, id_name
from ..contract.step import Filter, InputSpec, JoinSpec
from ..planning.plan import Node
from .join import Batch, Window, by_time, drops_of, files_of, find_dropped_ids, join_column, sort_rows, without_dropped
from .row_files import count_rows, read_window, storage_schema, windows
from .store import Store


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
        files = files_of(self._node.anchors, self._store, window.number)
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
        anchor_files = files_of(node.anchors, store, number)
        join_files = [] if columns else [files_of(tables, store, number) for tables in node.joined]
        for low, high in windows([*anchor_files, *(f for files in join_files for f in files)]):
            first = bisect_left(videos, low, key=_text)
            if first == len(videos) or (high and _text(videos[first]) >= high):
                continue
            span = self._span
            if span is None or (span.number, span.low, span.high, span.columns) != (number, low, high, columns):
                self._span = None  # before the next is read
                dropped = find_dropped_ids(self._nodes, node, store, number) if join_files else {}
                parts = [read_window(f, columns, low, high) for f in anchor_files]
                anchors = parts[0] if len(parts) == 1 else sort_rows(pa.concat_tables(parts))
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
    return without_dropped(found, drops_of(dropped, join.row))


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
