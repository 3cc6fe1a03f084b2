"""One shard of a table: keyed by input row, committed chunk by chunk.

Its folder holds immutable objects, each named by a hash of its bytes: rows, rows whose input is gone or filtered out
(kept for when it comes back), and ledgers. Which of them count says its manifest, and nothing else does: a chunk is
committed by swapping the manifest for one that names it. ``finish`` folds the chunks into one object of each kind, the
same rows in the same order whatever the order of work was, and sweeps up what the manifest no longer names.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...schemas import id_name
from .addresses import file_names, share_files
from .files import intact
from .filesystem import FileSystem
from .hashes import hash_column
from .ledger import LEDGER, Counts, count, input_ids, leaving, newest, places_of
from .manifest import Chunk, Manifest
from .object_store import present
from .recent_tables import keep_table
from .row_files import (
    VERSION,
    RowSource,
    group_rows,
    merge_rows,
    parquet_bytes,
    parquet_options,
    pick_rows,
    regroup,
    sort_rows,
    storage_schema,
)
from .table_folder import TableFolder, manifest_place

_HELD_BYTES = 8 << 20  # a table that is written in memory: a file more is slow where there are many


class RowPart(NamedTuple):
    """A file of rows, and the inputs whose rows in it no longer count; None for none."""

    file: Path
    outdated: pa.Array | None


class Results(NamedTuple):
    """What became of some inputs: their ledger, and their rows if they have any."""

    ledger: pa.Table
    rows: pa.Table | None = None


class LedgerLines(NamedTuple):
    """The newest line for each input and part, and where the rows of each are."""

    ledger: pa.Table
    places: np.ndarray  # for each line, at which place in ``objects`` its rows are
    objects: list[str]
    superseded: pa.Table  # the lines that there are newer ones of
    superseded_places: np.ndarray


class _RowObject(NamedTuple):
    name: str  # "" for no rows
    digest: str  # of what they are, whatever wrote the file
    strays: int


class Shard:
    """One shard of one table. Only the build that holds the folder's lease writes to it."""

    def __init__(self, table: TableFolder, number: int) -> None:
        self.table, self.number, self.row = table, number, table.row
        self.folder = table.shard_folder(number)

    @property
    def manifest(self) -> Manifest | None:
        """What is in it, or None where nothing was ever done."""
        return self.table.manifest(self.number)

    @property
    def state(self) -> Manifest | None:
        """What ``finish`` wrote last, or None where work is under way or nothing was ever done."""
        manifest = self.manifest
        return manifest if manifest is not None and manifest.finished else None

    @property
    def token(self) -> str:
        """Changes whenever its rows or verdicts do."""
        state = self.state
        return state.token if state else ""

    @property
    def live_file(self) -> Path | None:
        """The file with the rows that count now, or None where there are none."""
        state = self.state
        return self._file(state.rows) if state and state.rows else None

    @property
    def untouched(self) -> bool:
        """Was nothing ever done here?"""
        return self.manifest is None

    def is_outcome(self, inputs: str) -> bool:
        """Is it finished, with exactly these inputs?"""
        state = self.state
        return state is not None and state.inputs == inputs

    def counts(self) -> Counts:
        """Its ledger in numbers, also while a step is at work or after a stop."""
        return state.counts if (state := self.state) else count(self.ledger())

    def row_parts(self) -> list[RowPart]:
        """The files with its rows, also while a step is at work or after a stop."""
        if (manifest := self.manifest) is None:
            return []
        names = [name for name in (manifest.rows, *(chunk.rows for chunk in manifest.chunks)) if name]
        if manifest.finished:
            return [RowPart(self._file(name), None) for name in names]
        lines = self.lines()
        old, places = input_ids(lines.superseded), lines.superseded_places
        found = []
        for name in names:
            outdated = old.filter(pa.array(places == lines.objects.index(name)))
            found.append(RowPart(self._file(name), outdated.combine_chunks() if len(outdated) else None))
        return found

    def ledger(self) -> pa.Table:
        """The newest line for each input, and those of parts."""
        return self.lines().ledger

    def lines(self) -> LedgerLines:
        """The same, with the places of rows."""
        return self._lines(self.manifest or Manifest(), None)

    def _lines(self, manifest: Manifest, more: Results | None) -> LedgerLines:
        """What a manifest says. ``more`` is in memory yet: its rows are at the place ""."""
        objects = list(dict.fromkeys(["", manifest.rows, manifest.parked, *(c.rows for c in manifest.chunks)]))
        tables, places = [LEDGER.empty_table()], [np.empty(0, np.int32)]
        if manifest.ledger:
            base = self._read(manifest.ledger)
            tables.append(base)
            at = [objects.index(name) for name in (manifest.parked, manifest.rows)]
            places.append(np.array(at, np.int32)[base.column("live").to_numpy().astype(np.int8)])
        for chunk in manifest.chunks:
            tables.append(self._read(chunk.ledger))
            places.append(np.full(tables[-1].num_rows, objects.index(chunk.rows), np.int32))
        if more is not None:
            tables.append(more.ledger)
            places.append(np.zeros(more.ledger.num_rows, np.int32))
        every, place = pa.concat_tables(tables), np.concatenate(places)
        last = newest(every) if len(tables) > 2 else np.arange(every.num_rows)
        if len(last) == every.num_rows:
            return LedgerLines(every, place, objects, every.slice(0, 0), place[:0])
        old = np.setdiff1d(np.arange(every.num_rows), last, assume_unique=True)
        return LedgerLines(every.take(last), place[last], objects, every.take(old), place[old])

    def commit(self, results: Results) -> None:
        """Add a chunk: the outcome of some inputs and their rows, all or nothing."""
        self.append(write_chunk(self.table.files, self.folder, results, self.row_group))

    def append(self, chunk: Chunk) -> None:
        """Commit a chunk whose objects are there."""
        before = self.manifest or Manifest()
        self.table.swap(self.number, before._replace(finished=False, chunks=(*before.chunks, chunk)))

    def finish(self, ids: pa.Array, digests: np.ndarray, token: str, rest: Results | None = None) -> None:
        """Fold the chunks in, and what was done since the last: rows of these inputs are live, all others are parked.

        ``token`` stands for the inputs; the manifest keeps it, with what the ledger then says.
        """
        self.close(self.fold(ids, digests, rest), token)

    def close(self, manifest: Manifest, token: str) -> None:
        """Commit what ``fold`` gave."""
        self.table.swap(self.number, manifest._replace(finished=True, inputs=token))
        keep = manifest.objects
        for name, _, _ in self.table.files.list(self.folder):
            if name not in keep:
                self.table.files.delete(f"{self.folder}/{name}")

    def fold(self, ids: pa.Array, digests: np.ndarray, rest: Results | None = None) -> Manifest:
        """The manifest of the finished shard, whose objects are there; to be committed with ``close``.

        Raises:
            UserError: two rows have one id.
        """
        before = self.manifest or Manifest()
        has_rows = before.rows or before.parked or any(chunk.rows for chunk in before.chunks)
        if rest is not None and rest.rows is not None and has_rows:  # merged from files, as the others are
            chunk = write_chunk(self.table.files, self.folder, rest, self.row_group)
            before, rest = before._replace(chunks=(*before.chunks, chunk)), None
        if rest is not None:
            share_files(self.table.files, file_names(rest.rows))
        lines = self._lines(before, rest)
        here, at = places_of(input_ids(lines.ledger), ids)
        now = digests[at] if len(digests) else np.zeros(len(here), np.int64)
        known = lines.ledger.column("digest").to_numpy()
        keep = ~here | (now == known)  # the others were made of something that has changed since
        was_live = lines.ledger.column("live").to_numpy().astype(bool)
        if before.ledger and not before.chunks and rest is None and keep.all() and (was_live == here).all():
            return before
        ledger = lines.ledger.set_column(LEDGER.get_field_index("live"), LEDGER.field("live"), pa.array(here))
        rows = self._merge("rows", lines, ledger, keep & here, rest)
        parked = self._merge("parked", lines, ledger, keep & ~here, rest)
        ledger = ledger.filter(pa.array(keep))
        if not _is_sorted(ledger):
            ledger = ledger.take(pc.sort_indices(ledger, sort_keys=[("part_of", "ascending"), ("id", "ascending")]))
        name = _put_parquet(self.table.files, self.folder, "ledger", ledger, ledger.num_rows or 1)
        token = self._token(rows.digest, ledger)
        return Manifest(True, "", token, rows.name, parked.name, name, count(ledger), rows.strays)

    def _token(self, rows: str, ledger: pa.Table) -> str:
        gone = leaving(ledger, self.row is None)
        if not gone.num_rows and not rows:
            return ""
        drops = [hash_column(gone.column(c)).tobytes() for c in ("part_of", "id", "kind")] if gone.num_rows else []
        return hashlib.blake2b(b"".join([rows.encode(), *drops]), digest_size=8).hexdigest()

    def _merge(
        self, kind: str, lines: LedgerLines, ledger: pa.Table, which: np.ndarray, rest: Results | None
    ) -> _RowObject:
        """Write the rows of the inputs of these lines into one sorted object."""
        has_rows = ledger.column("rows").to_numpy() > 0
        wanted = which & has_rows
        if self.row is None or not wanted.any():
            return _RowObject("", "", 0)
        if rest is not None and rest.rows is not None:
            inputs = None if (wanted == has_rows).all() else _ids(ledger, wanted)
            return self._write(kind, [sort_rows(pick_rows(rest.rows, inputs), self.row)])
        sources = []
        for at, name in enumerate(lines.objects):
            here = has_rows & (lines.places == at)
            mine = wanted & here
            if mine.any():
                every = (mine == here).all() and not (lines.superseded_places == at).any()
                sources.append(RowSource(self._file(name), None if every else _ids(ledger, mine)))
        return self._write(kind, merge_rows(sources, self.row))

    def _write(self, kind: str, tables: Iterable[pa.Table]) -> _RowObject:
        assert self.row is not None
        hasher, strays, schema = hashlib.blake2b(digest_size=8), 0, storage_schema(self.row)
        groups = regroup(tables, self.row_group)
        first = next(groups, schema.empty_table())
        in_memory = first.num_rows < self.row_group and first.nbytes <= _HELD_BYTES  # it is all there is
        sink: Any = pa.BufferOutputStream() if in_memory else self.table.files.scratch()
        try:
            with pq.ParquetWriter(sink, schema, **parquet_options(first, id_name(self.row))) as writer:
                for table in chain([first], groups):
                    ids, videos = (table.column(c).to_pylist() for c in (id_name(self.row), "video_id"))
                    strays += sum(not id_.startswith(video) for id_, video in zip(ids, videos, strict=True))
                    hasher.update("\n".join(ids).encode())
                    hasher.update(table.column(VERSION).to_numpy().tobytes())
                    writer.write_table(table.cast(schema), row_group_size=self.row_group)
            data = bytes(sink.getvalue()) if in_memory else sink
            name = _put(self.table.files, self.folder, kind, data)
            if in_memory:
                keep_table(name.removesuffix(".parquet"), first.cast(schema), len(data))
        finally:
            if not in_memory:
                sink.unlink(missing_ok=True)
        return _RowObject(name, hasher.hexdigest(), strays)

    def out_ids(self) -> pa.Array:
        """The ids that this table's verdicts take out of the build."""
        counts = self.state.counts if self.state else Counts()
        if not (counts.dropped or counts.failed or counts.parts):
            return pa.array([], pa.string())
        return leaving(self.ledger(), self.row is None).column("id").combine_chunks()

    @property
    def row_group(self) -> int:
        """The size of the row groups of its files."""
        return group_rows(self.row) if self.row else 1

    def _file(self, name: str) -> Path:
        return self.table.files.local_copy(f"{self.folder}/{name}")

    def _read(self, name: str) -> pa.Table:
        file = self._file(name)
        with intact(file, manifest_place(file)), pq.ParquetFile(present(file)) as parquet:
            return parquet.read(LEDGER.names, use_threads=False).select(LEDGER.names).cast(LEDGER)


def _is_sorted(ledger: pa.Table) -> bool:
    """Are there no parts, and all inputs in order?"""
    ids = ledger.column("id").combine_chunks()
    parts = pc.any(pc.not_equal(ledger.column("part_of"), "")).as_py()
    return not parts and (len(ids) < 2 or bool(pc.all(pc.less(ids[:-1], ids[1:])).as_py()))


def _ids(ledger: pa.Table, which: np.ndarray) -> pa.Array:
    return ledger.column("id").filter(pa.array(which)).combine_chunks()


def write_chunk(files: FileSystem, folder: str, results: Results, row_group: int) -> Chunk:
    """Write the objects of a chunk, which nothing names yet."""
    rows = results.rows
    share_files(files, file_names(rows))
    name = _put_parquet(files, folder, "rows", rows, row_group) if rows is not None and rows.num_rows else ""
    return Chunk(name, _put_parquet(files, folder, "ledger", results.ledger, results.ledger.num_rows or 1))


def _put_parquet(files: FileSystem, folder: str, kind: str, table: pa.Table, row_group: int) -> str:
    data = parquet_bytes(table, row_group, table.column_names[0])
    return _put(files, folder, kind, data)


def _put(files: FileSystem, folder: str, kind: str, data: bytes | Path) -> str:
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        name = f"{kind}-{hashlib.file_digest(file, _blake).hexdigest()}.parquet"
    files.put_if_absent(f"{folder}/{name}", data)
    return name


def _blake() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=12)
