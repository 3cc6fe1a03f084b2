"""One shard of a table: keyed by input row, committed chunk by chunk.

Its folder holds ``ledger.parquet`` with ``rows-<hash>.parquet`` (the rows of what is there now, sorted by video and
id) and ``parked-<hash>.parquet`` (those whose input is gone or filtered out, kept for when it comes back). While a
step works, ``NNNNNN.rows.parquet`` and then ``NNNNNN.ledger.parquet`` are added per chunk; the ledger file goes last
and is the commit. ``finish`` folds the chunks in. ``state.json`` sums up the folded ledger and says of which inputs it
is the outcome, so that a finished shard is not read again. It is there only while that is so: it is removed before
anything else changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas import Row, id_name, row_fields
from .files import intact, read_json, replace_file, sync_folder, write_json
from .ledger import DROPPED, FAILED, Counts, Key, LedgerEntry, count, read_ledger, write_ledger
from .row_files import VERSION, Chunk, merge_chunks, regroup, storage_schema

_HEAVY_GROUP, _LIGHT_GROUP = 128, 16384  # rows per Parquet row group, so that readers hold little
_FORMAT = 2  # of state.json; one of another format counts as none, and is made anew from the ledger


class ShardState(NamedTuple):
    """A finished shard in short: all but ``inputs`` follows from its ledger."""

    inputs: str  # token of the inputs that it is the outcome of
    token: str  # changes whenever its rows or verdicts do; "" for a shard without either
    file: str  # of the rows that count now, "" for none
    counts: Counts
    strays: int = 0  # rows whose id does not begin with their video's, so that it may be another video's too


class RowPart(NamedTuple):
    """A file of rows, and the inputs whose rows in it no longer count."""

    file: Path
    outdated: frozenset[str]


class _RowFile(NamedTuple):
    file: str  # its name, "" for no rows
    strays: int


class Shard:
    """One shard of one table. Only the build that holds the folder's lock writes to it."""

    def __init__(self, folder: str, row: type[Row] | None, states: dict[str, ShardState | None] | None = None) -> None:
        self._path, self.row = folder, row
        self._states = {} if states is None else states  # those that were read, by folder
        self._ledger: dict[Key, LedgerEntry] | None = None
        self._sources: dict[Key, str] = {}  # the name of the file that an input's rows are in, or ""
        self._chunks: list[int] = []
        self._meta: dict[str, str] = {}  # of the folded ledger: its last chunk, its files of rows
        self._outdated: dict[str, set[str]] = defaultdict(set)  # file name -> inputs whose rows in it do not count

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(self._path)

    @property
    def state(self) -> ShardState | None:
        """What ``finish`` wrote last, or None where work is under way or nothing was ever done."""
        if self._path not in self._states:
            self._states[self._path] = _read_state(self.folder)
        return self._states[self._path]

    @property
    def token(self) -> str:
        """Changes whenever its rows or verdicts do."""
        state = self.state
        return state.token if state else ""

    @property
    def live_file(self) -> Path | None:
        """The file with the rows that count now, or None where there are none."""
        state = self.state
        return Path(self._path, state.file) if state and state.file else None

    @property
    def untouched(self) -> bool:
        """Was nothing ever done here?"""
        return self.state is None and not os.path.exists(self._path)

    def is_outcome(self, inputs: str) -> bool:
        """Is it finished, with exactly these inputs?"""
        state = self.state
        return state is not None and state.inputs == inputs

    def counts(self) -> Counts:
        """Its ledger in numbers, also while a step is at work or after a stop."""
        return state.counts if (state := self.state) else count(self.ledger().values())

    def live_entries(self) -> Iterator[LedgerEntry]:
        """The entries that ``counts`` counts."""
        return (entry for entry in self.ledger().values() if entry.live)

    def row_parts(self) -> list[RowPart]:
        """The files with its rows, also while a step is at work or after a stop."""
        if self.state is not None:
            return [RowPart(file, frozenset())] if (file := self.live_file) else []
        self.ledger()
        base = self._meta.get("rows", "")
        names = [base, *(_chunk(number, "rows") for number in self._chunks)]
        there = (name for name in names if name and (self.folder / name).exists())
        return [RowPart(self.folder / name, frozenset(self._outdated[name])) for name in there]

    def ledger(self) -> dict[Key, LedgerEntry]:
        """The newest entry for each input, and those of parts."""
        if self._ledger is None:
            self._ledger = {}
            self._load()
        return self._ledger

    def _load(self) -> None:
        names = set(os.listdir(self._path)) if os.path.isdir(self._path) else set()
        if "ledger.parquet" in names:
            entries, self._meta = read_ledger(self.folder / "ledger.parquet")
            self._take([(entry, self._base(entry.live)) for entry in entries], names)
        numbers = sorted(int(name[:6]) for name in names if name.endswith(".ledger.parquet") and name[:6].isdigit())
        self._chunks = [number for number in numbers if number > self._upto]
        for number in self._chunks:
            entries, _ = read_ledger(self.folder / _chunk(number, "ledger"))
            self._take([(entry, _chunk(number, "rows")) for entry in entries], names)

    def _take(self, entries: Iterable[tuple[LedgerEntry, str]], names: set[str]) -> None:
        """Entries that were read, with the files of their rows; without those whose file a power cut took."""
        for entry, name in entries:
            if not entry.rows or name in names:
                self._put(entry, name)

    def _put(self, entry: LedgerEntry, name: str) -> None:
        before = self._sources.get(entry.key, "")
        if before and before != name:
            self._outdated[before].add(entry.id)
        self.ledger()[entry.key] = entry
        self._sources[entry.key] = name

    @property
    def _upto(self) -> int:
        """The last chunk that was folded in."""
        return int(self._meta.get("upto", 0))

    def _base(self, live: bool) -> str:
        return self._meta.get("rows" if live else "parked", "")

    def commit(self, entries: Iterable[LedgerEntry], rows: pa.Table | None) -> None:
        """Add a chunk: the outcome of some inputs and their rows, all or nothing."""
        self.ledger()
        entries = list(entries)
        if not self._chunks:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_state()
        number = max(self._chunks, default=self._upto) + 1
        file = self.folder / _chunk(number, "rows")
        if rows is not None and rows.num_rows:
            with replace_file(file) as part:
                pq.write_table(rows, part, compression="zstd", row_group_size=self._group)
        write_ledger(self.folder / _chunk(number, "ledger"), entries, {})
        sync_folder(self.folder)
        self._chunks.append(number)
        for entry in entries:
            self._put(entry, file.name)

    def finish(self, inputs: Mapping[str, int], token: str) -> None:
        """Fold the chunks in: rows of ``inputs`` (id to digest) are live, all others are parked.

        ``token`` stands for the inputs; ``state.json`` keeps it, with what the ledger then says.
        """
        ledger = self.ledger()
        outdated = [k for k, e in ledger.items() if inputs.get(e.input, e.digest) != e.digest]
        for key in outdated:
            del ledger[key]  # made of something that has changed since
        moved = any(e.live != (e.input in inputs) for e in ledger.values())
        if self._chunks or outdated or moved:
            self._remove_state()
            self._fold(inputs)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        state = self._sum_up(token)
        write_json(self.folder / "state.json", {"format": _FORMAT, **state._asdict(), "counts": state.counts._asdict()})
        self._states[self._path] = state

    def _remove_state(self) -> None:
        """From here on the folder says itself how far it is."""
        self._states[self._path] = None
        if (file := self.folder / "state.json").exists():
            file.unlink()
            sync_folder(self.folder)  # before anything else changes

    def _fold(self, inputs: Mapping[str, int]) -> None:
        ledger = {key: e._replace(live=e.input in inputs) for key, e in sorted(self.ledger().items())}
        merged_rows = self._merge("rows", [e for e in ledger.values() if e.live])
        parked = self._merge("parked", [e for e in ledger.values() if not e.live])
        meta = {"upto": str(max(self._chunks, default=self._upto)), "strays": str(merged_rows.strays)}
        meta |= {"rows": merged_rows.file, "parked": parked.file}
        write_ledger(self.folder / "ledger.parquet", ledger.values(), meta)
        sync_folder(self.folder)  # before the chunks go
        self._ledger, self._meta, self._chunks = ledger, meta, []
        self._sources = {key: self._base(e.live) for key, e in ledger.items()}
        self._outdated.clear()

    def _sum_up(self, inputs: str) -> ShardState:
        rows = self._base(True)
        drops = sorted([*e.key, e.kind] for e in self.live_entries() if self._leaves(e))
        token = hashlib.blake2b(json.dumps([rows, drops]).encode(), digest_size=8).hexdigest() if rows or drops else ""
        return ShardState(inputs, token, rows, count(self.ledger().values()), int(self._meta.get("strays", 0)))

    def _leaves(self, entry: LedgerEntry) -> bool:
        """Does the row that this verdict is about stay behind? One that could not be judged does too."""
        return entry.status == DROPPED or (entry.status == FAILED and self.row is None)

    def out_ids(self) -> list[str]:
        """The ids that this table's verdicts take out of the build."""
        counts = self.state.counts if self.state else Counts()
        if not (counts.dropped or counts.failed or counts.parts):
            return []
        return [e.id for e in self.live_entries() if self._leaves(e)]

    def _sweep(self) -> None:
        """Remove what folded chunks and killed writers left."""
        keep = {"ledger.parquet", "state.json", self._base(True), self._base(False)}
        for name in os.listdir(self._path):
            if name not in keep:
                (self.folder / name).unlink()

    def _merge(self, name: str, entries: Iterable[LedgerEntry]) -> _RowFile:
        """Write the rows of these inputs into one sorted file named by its content."""
        by_file: dict[str, set[str]] = defaultdict(set)
        for entry in entries:
            if entry.rows:
                by_file[self._sources[entry.key]].add(entry.id)
        if self.row is None or not by_file:
            return _RowFile("", 0)
        chunks = [Chunk(self.folder / file, frozenset(wanted)) for file, wanted in by_file.items()]
        hasher, strays = hashlib.blake2b(digest_size=8), 0
        target = self.folder / f"{name}.merged"
        schema = storage_schema(self.row)
        with replace_file(target) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for table in regroup(merge_chunks(chunks, self.row), self._group):
                ids, videos = (table.column(c).to_pylist() for c in (id_name(self.row), "video_id"))
                strays += sum(not id_.startswith(video) for id_, video in zip(ids, videos, strict=True))
                hasher.update("\n".join(ids).encode())
                hasher.update(table.column(VERSION).to_numpy().tobytes())
                writer.write_table(table, row_group_size=self._group)
        final = target.with_name(f"{name}-{hasher.hexdigest()}.parquet")
        target.replace(final)
        return _RowFile(final.name, strays)

    @property
    def _group(self) -> int:
        heavy = self.row is not None and any(f.type is bytes or "ndarray" in str(f.type) for f in row_fields(self.row))
        return _HEAVY_GROUP if heavy else _LIGHT_GROUP


def _chunk(number: int, kind: str) -> str:
    return f"{number:06d}.{kind}.parquet"


def _read_state(folder: Path) -> ShardState | None:
    path = folder / "state.json"
    found = read_json(path, ("inputs", "token", "file"))
    if found is None or found.pop("format", 0) != _FORMAT:
        return None
    with intact(path, path):
        return ShardState(**found | {"counts": Counts(**found["counts"])})
