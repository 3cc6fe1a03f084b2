"""Which rows reach a step in one shard, and a digest of what belongs to each; ``input_reader`` reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas import Row, id_name, row_fields
from ..contract.errors import UserError
from ..contract.step import Item, JoinSpec
from ..planning.plan import Node, TableRef, link_columns
from .hashes import Hashes, as_digests, combine, hash_column, hash_text, mix
from .row_files import UNIQUE_IDS, VERSION, read_window
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
    table = _load(node.anchors, store, number, columns, drops_of(dropped, anchor))
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
    return _load(tables, store, number, _light(join.row), drops_of(dropped, join.row))


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


def files_of(tables: Iterable[TableRef], store: Store, number: int) -> list[Path]:
    """The files that these tables have in a shard."""
    found = (store.shard(table, number).live_file for table in tables)
    return [file for file in found if file is not None]


def _load(
    tables: Iterable[TableRef], store: Store, number: int, columns: list[str], dropped: Mapping[str, pa.Array]
) -> pa.Table | None:
    parts = [read_window(file, columns, "", "") for file in files_of(tables, store, number)]
    if not parts:
        return None
    found = without_dropped(pa.concat_tables(parts), dropped)
    return found if len(parts) == 1 else sort_rows(found)  # each file is in order


def drops_of(dropped: Mapping[str, pa.Array], row: type[Row]) -> dict[str, pa.Array]:
    """The drops that take rows of this type along."""
    return {column: ids for column, ids in dropped.items() if column not in row.outlives}


def without_dropped(table: pa.Table, dropped: Mapping[str, pa.Array]) -> pa.Table:
    """The rows of which no id is among those that were dropped."""
    for column, ids in dropped.items():
        if column in table.column_names:
            table = table.filter(pc.invert(pc.is_in(table.column(column), ids)))
    return table


def sort_rows(table: pa.Table) -> pa.Table:
    """In order of video and id."""
    key = table.column_names[0]
    order = [("video_id", "ascending"), (key, "ascending")] if key != "video_id" else [(key, "ascending")]
    return table.take(pc.sort_indices(table, sort_keys=order))
