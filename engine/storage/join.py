"""What a step reads in one shard: which rows reach it, what belongs to each, and batches of them."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Row, from_arrow, id_name, row_fields
from ..contract.errors import UserError
from ..contract.step import InputSpec, Item, JoinSpec
from ..planning.plan import Node, TableRef, link_columns
from .row_files import UNIQUE_IDS, VERSION, read_window, storage_schema, windows
from .store import Store


class Inputs(NamedTuple):
    """The rows that reach a step in one shard, in order of video and id."""

    videos: dict[str, str]  # id -> video_id
    digests: dict[str, int]  # id -> digest of all that the step reads for it


@dataclass(frozen=True, slots=True)
class Batch:
    """Some input rows on their way to a work function. Tables travel; rows are made where they are used."""

    ids: list[str]
    videos: list[str]
    digests: list[int]
    wanted: frozenset[str]  # parts of a fan
    items: list[Item]  # of a source
    anchor: pa.Table | None = None
    joined: tuple[pa.Table, ...] = ()

    def one(self, at: int) -> Batch:
        """The same for one row only."""
        pick = slice(at, at + 1)
        anchor = None if self.anchor is None else self.anchor.slice(at, 1)
        return Batch(
            self.ids[pick], self.videos[pick], self.digests[pick], self.wanted, self.items[pick], anchor, self.joined
        )

    def __reduce__(self) -> Any:
        tables = [None if t is None else _pack(t) for t in (self.anchor, *self.joined)]
        return _unpack, (self.ids, self.videos, self.digests, self.wanted, self.items, tables)


def _pack(table: pa.Table) -> pa.Buffer:
    """A table as bytes. Those of a slice hold its rows alone, where its pickle would hold the whole table's."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpack(*parts: Any) -> Batch:
    ids, videos, digests, wanted, items, packed = parts
    anchor, *joined = (None if t is None else pa.ipc.open_stream(t).read_all() for t in packed)
    return Batch(ids, videos, digests, wanted, items, anchor, tuple(joined))


def find_dropped_ids(nodes: Sequence[Node], node: Node, store: Store, number: int) -> dict[str, pa.Array]:
    """By id column, the ids that filters before the step took out of this shard."""
    found: dict[str, set[str]] = defaultdict(set)
    for table in node.filters:
        anchor = nodes[table.node].reads.anchor
        assert anchor is not None
        found[id_name(anchor)].update(store.shard(table, number).out_ids())
    return {column: pa.array(sorted(ids), pa.string()) for column, ids in found.items() if ids}


def inputs_of(nodes: Sequence[Node], node: Node, store: Store, number: int) -> Inputs:
    """Which rows reach the step in this shard, with the digests of what they and their joins hold."""
    anchor = node.reads.anchor
    assert anchor is not None
    dropped = find_dropped_ids(nodes, node, store, number)
    watch = node.step.depends_on
    key, light = id_name(anchor), _light(anchor)
    table = _load(
        node.anchors, store, number, [*light, *(w for w in watch if w not in light)], _applying(dropped, anchor)
    )
    if table is None:
        return Inputs({}, {})
    ids, videos = table.column(key).to_pylist(), table.column("video_id").to_pylist()
    if len(set(ids)) < len(ids):
        raise duplicate_id_error(node, next(id_ for id_, n in Counter(ids).items() if n > 1))
    if watch:
        values = zip(*(table.column(w).to_pylist() for w in watch), strict=True)
        versions = [_hash(repr(v)) for v in values]
    else:
        versions = table.column(VERSION).to_pylist()
    if node.reads.joins:
        versions = _with_joins(node, store, number, dropped, table, versions)
    return Inputs(dict(zip(ids, videos, strict=True)), dict(zip(ids, versions, strict=True)))


def duplicate_id_error(node: Node, id_: str) -> UserError:
    """What is wrong where two rows with one id reach a step."""
    assert node.reads.anchor is not None
    steps = " and ".join(t.name for t in node.anchors)
    return UserError(f"{node.name} reads two {node.reads.anchor.table} with the id {id_}, from {steps}", UNIQUE_IDS)


def _with_joins(
    node: Node, store: Store, number: int, dropped: Mapping[str, pa.Array], anchors: pa.Table, versions: list[int]
) -> list[int]:
    assert node.reads.anchor is not None
    digests = [[str(v) for v in versions]]
    for join, tables in zip(node.reads.joins, node.joined, strict=True):
        on = join_column(node.reads.anchor, join.row)
        joined = _load(tables, store, number, _light(join.row), _applying(dropped, join.row))
        groups: dict[str, list[str]] = defaultdict(list)
        if joined is not None:
            columns = (joined.column(c).to_pylist() for c in (on, id_name(join.row), VERSION))
            for group, id_, version in zip(*columns, strict=True):
                groups[group].append(f"{id_}:{version}")
        hashes = {group: str(_hash("\n".join(sorted(members)))) for group, members in groups.items()}
        digests.append([hashes.get(group, "") for group in anchors.column(on).to_pylist()])
    return [_hash("|".join(parts)) for parts in zip(*digests, strict=True)]


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


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


def output_version(digest: int, fingerprint: str) -> int:
    """The version of all rows that a step makes from one input."""
    return _hash(f"{digest}:{fingerprint}")


def _files(tables: Iterable[TableRef], store: Store, number: int) -> list[Path]:
    found = (store.shard(table, number).live_file for table in tables)
    return [file for file in found if file is not None]


def _load(
    tables: Iterable[TableRef], store: Store, number: int, columns: list[str], dropped: Mapping[str, pa.Array]
) -> pa.Table | None:
    parts = [read_window(file, columns, "", "") for file in _files(tables, store, number)]
    return _sort(_passing(pa.concat_tables(parts), dropped)) if parts else None


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


def batches(
    nodes: Sequence[Node], node: Node, store: Store, number: int, inputs: Inputs, wanted: Mapping[str, frozenset[str]]
) -> Iterator[Batch]:
    """The rows to do, ``wanted`` (id to the parts that lack it), with what belongs to them.

    A window of videos at a time, so that memory does not grow with the shard.
    """
    assert node.reads.anchor is not None
    dropped = find_dropped_ids(nodes, node, store, number)
    anchor_files = _files(node.anchors, store, number)
    join_files = [_files(tables, store, number) for tables in node.joined]
    videos = sorted({inputs.videos[i] for i in wanted})
    key, ids = id_name(node.reads.anchor), pa.array(list(wanted), pa.string())
    for low, high in windows([*anchor_files, *(f for files in join_files for f in files)]):
        first = bisect_left(videos, low)
        if first == len(videos) or (high and videos[first] >= high):
            continue
        table = pa.concat_tables([read_window(f, None, low, high) for f in anchor_files])
        table = _sort(table.filter(pc.is_in(table.column(key), ids)))
        joined = [
            _passing(pa.concat_tables([read_window(f, None, low, high) for f in files]), _applying(dropped, join.row))
            if files
            else storage_schema(join.row).empty_table()
            for files, join in zip(join_files, node.reads.joins, strict=True)
        ]
        yield from _cut(node, table, joined, inputs, wanted)


def _cut(
    node: Node, table: pa.Table, joined: Sequence[pa.Table], inputs: Inputs, wanted: Mapping[str, frozenset[str]]
) -> Iterator[Batch]:
    ids = table.column(0).to_pylist()
    size, start = node.step.rows_per_call(), 0
    while start < len(ids):
        parts, stop = wanted[ids[start]], start + 1
        while stop < len(ids) and stop - start < size and wanted[ids[stop]] == parts:
            stop += 1
        some, anchor = ids[start:stop], table.slice(start, stop - start)
        belonging = tuple(_belonging(node, join, t, anchor) for join, t in zip(node.reads.joins, joined, strict=True))
        yield Batch(
            some, [inputs.videos[i] for i in some], [inputs.digests[i] for i in some], parts, [], anchor, belonging
        )
        start = stop


def _belonging(node: Node, join: JoinSpec, table: pa.Table, anchor: pa.Table) -> pa.Table:
    """The joined rows that any of these anchors may want."""
    assert node.reads.anchor is not None
    on = join_column(node.reads.anchor, join.row)
    mask = pc.is_in(table.column(on), anchor.column(on).combine_chunks())
    times = by_time(node.reads.anchor, join.row)
    if times is not None and len(pc.unique(anchor.column("video_id"))) == 1:
        low, high = pc.min(anchor.column("start_s")), pc.max(anchor.column("end_s"))
        mask = pc.and_(mask, pc.less(table.column(times[0]), high))
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
        return bool(anchor.start_s <= start_s < anchor.end_s)
    return bool(start_s < anchor.end_s and end_s > anchor.start_s)
