"""Tables on disk: sharded, keyed by input row, committed chunk by chunk.

A shard's folder holds ``ledger.parquet`` with ``rows-<hash>.parquet`` (the rows of what is there now,
sorted by video and id) and ``parked-<hash>.parquet`` (those whose input is gone or filtered out, kept for
when it comes back). While a step works, ``NNNNNN.rows.parquet`` and then ``NNNNNN.ledger.parquet`` are
added per chunk; the ledger file goes last and is the commit. ``finish`` folds the chunks in.
``state.json`` says of which inputs all this is the outcome, so that a finished shard is not read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas import Row, id_name, row_fields
from ..planning.plan import TableRef
from .files import read_json, replaced, write_json
from .ledger import DROPPED, FAILED, Counts, Entry, count, read_ledger, write_ledger
from .row_files import VERSION, Chunk, merged, regrouped, stored_schema

_STATE = ("inputs", "token", "file", "came", *Counts._fields)
_HEAVY_GROUP, _LIGHT_GROUP = 128, 16384  # rows per Parquet row group, so that readers hold little


class Store:
    """The tables of a build folder. Paths are absolute: libraries take a relative ``~`` or ``s3:/x`` for another."""

    def __init__(self, root: Path, shards: int) -> None:
        self.root, self.shards = root.absolute(), shards

    def base(self, table: TableRef) -> Path:
        """The folder of a table, of all its keys."""
        return self.root / "tables" / table.name / table.fingerprint

    def whole(self, table: TableRef) -> dict[str, Any] | None:
        """What the last run of a ``Whole`` step left: ``key``, ``waiting`` (or "") and ``came``."""
        found: dict[str, Any] | None = read_json(self.base(table) / "whole.json", ("key", "waiting", "came"))
        return found

    def shard(self, table: TableRef, number: int, key: str | None = None) -> Shard:
        """One shard. A ``Whole`` step's table has a folder per key; without one, the current."""
        base = self.base(table)
        if key is None:
            whole = self.whole(table)
            key = whole["key"] if whole else ""
        return Shard(base / str(key) / f"{number:04d}", table.row)


def shard_of(video_id: str, shards: int) -> int:
    """The shard of a video: it never moves while ``shards`` stays."""
    return int.from_bytes(hashlib.blake2b(video_id.encode(), digest_size=8).digest()) % shards


class Shard:
    """One shard of one table. Only the build that holds the folder's lock writes to it."""

    def __init__(self, folder: Path, row: type[Row] | None) -> None:
        self.folder, self.row = folder, row
        self._ledger: dict[str, Entry] | None = None
        self._sources: dict[str, Path | None] = {}  # input id -> the file that its rows are in
        self._chunks: list[int] = []
        self._said: dict[str, str] = {}

    @property
    def state(self) -> dict[str, Any] | None:
        """What ``finish`` wrote last, or None where work is under way or nothing was ever done."""
        found: dict[str, Any] | None = read_json(self.folder / "state.json", _STATE)
        return found

    @property
    def live_file(self) -> Path | None:
        """The file with the rows that count now, or None where there are none."""
        state = self.state
        return self.folder / state["file"] if state and state["file"] else None

    def row_files(self) -> list[Path]:
        """The files with its rows, also while a step is at work or after a stop."""
        if (live := self.live_file) is not None:
            return [live]
        if self.state is not None:
            return []
        self.ledger()
        chunks = [file for n in self._chunks if (file := self._chunk(n, "rows")).exists()]
        base = self._file(True)
        return [base, *chunks] if base else chunks

    def counts(self) -> dict[str, Any] | None:
        """The numbers of ``finish``, or of what there is so far; None where nothing was ever done."""
        state = self.state
        if state is None and self.folder.exists():
            entries = self.ledger().values()
            return {"came": len(entries), **count(entries)._asdict()}
        return state

    @property
    def token(self) -> str:
        """Changes whenever its rows or verdicts do."""
        state = self.state
        return str(state["token"]) if state else ""

    def ledger(self) -> dict[str, Entry]:
        """The entries by input id, the newest for each."""
        if self._ledger is None:
            self._load()
        assert self._ledger is not None
        return self._ledger

    def _load(self) -> None:
        self._ledger, self._sources, self._said = {}, {}, {}
        base = self.folder / "ledger.parquet"
        if base.exists():
            entries, self._said = read_ledger(base)
            for entry in entries:
                self._ledger[entry.id] = entry
                self._sources[entry.id] = self._file(entry.live)
        after = int(self._said.get("upto", 0))
        numbers = sorted(int(p.name[:6]) for p in self.folder.glob("[0-9]*.ledger.parquet"))
        self._chunks = [n for n in numbers if n > after]
        for number in self._chunks:
            for entry in read_ledger(self._chunk(number, "ledger"))[0]:
                self._ledger[entry.id] = entry
                self._sources[entry.id] = self._chunk(number, "rows")

    def _file(self, live: bool) -> Path | None:
        name = self._said.get("rows" if live else "parked")
        return self.folder / name if name else None

    def _chunk(self, number: int, kind: str) -> Path:
        return self.folder / f"{number:06d}.{kind}.parquet"

    def commit(self, entries: Iterable[Entry], rows: pa.Table | None) -> None:
        """Add a chunk: the outcome of some inputs and their rows, all or nothing."""
        ledger = self.ledger()
        entries = list(entries)
        if not self._chunks:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "state.json").unlink(missing_ok=True)
        number = max(self._chunks, default=int(self._said.get("upto", 0))) + 1
        file = self._chunk(number, "rows")
        if rows is not None and rows.num_rows:
            with replaced(file) as part:
                pq.write_table(rows, part, compression="zstd", row_group_size=self._group)
        write_ledger(self._chunk(number, "ledger"), entries, {})
        self._chunks.append(number)
        for entry in entries:
            ledger[entry.id] = entry
            self._sources[entry.id] = file

    def finish(self, inputs: Mapping[str, int], token: str) -> None:
        """Fold the chunks in: rows of ``inputs`` (id to digest) are live, all others are parked.

        ``token`` stands for the inputs; ``state.json`` keeps it, with the counts.
        """
        ledger = self.ledger()
        if not ledger and not self.folder.exists():
            return
        outdated = [i for i, e in ledger.items() if inputs.get(e.input, e.digest) != e.digest]
        for id_ in outdated:
            del ledger[id_]  # made of something that has changed since
        live = {i for i, e in ledger.items() if e.input in inputs}
        moved = any(e.live != (i in live) for i, e in ledger.items())
        changed = self._chunks or outdated or moved or not self._said
        if changed:
            (self.folder / "state.json").unlink(missing_ok=True)
            self._fold(live)
        self._sweep()
        drops = sorted(e.id + "\t" + e.kind for e in ledger.values() if e.live and self._out(e))
        own = hashlib.blake2b("\n".join([self._said.get("rows", ""), *drops]).encode(), digest_size=8).hexdigest()
        counts = count(ledger.values())._asdict()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(
            self.folder / "state.json",
            {"inputs": token, "token": own, "file": self._said.get("rows", ""), "came": len(inputs), **counts},
        )

    def _fold(self, live: set[str]) -> None:
        ledger = self.ledger()
        said = {"upto": str(max(self._chunks, default=int(self._said.get("upto", 0))))}
        for name, wanted in (("rows", live), ("parked", ledger.keys() - live)):
            if file := self._merge(name, wanted):
                said[name] = file
        sorted_entries = (ledger[i] for i in sorted(ledger))
        entries = [e if e.live == (e.id in live) else e._replace(live=not e.live) for e in sorted_entries]
        write_ledger(self.folder / "ledger.parquet", entries, said)
        self._ledger = {entry.id: entry for entry in entries}
        self._said, self._chunks = said, []
        self._sources = {e.id: self._file(e.live) for e in entries}

    def _out(self, entry: Entry) -> bool:
        """Does the row that this verdict is about stay behind? One that could not be judged does too."""
        return entry.status == DROPPED or (entry.status == FAILED and self.row is None)

    def out_ids(self) -> list[str]:
        """The ids that this table's verdicts take out of the build."""
        state = self.state
        if not state or not (state["dropped"] or state["failed"]):
            return []
        return [e.id for e in self.ledger().values() if e.live and self._out(e)]

    def _sweep(self) -> None:
        """Remove what folded chunks and killed writers left."""
        keep = {"ledger.parquet", "state.json", self._said.get("rows"), self._said.get("parked")}
        for old in self.folder.iterdir() if self.folder.exists() else ():
            if old.name not in keep:
                old.unlink()

    def _merge(self, name: str, ids: Iterable[str]) -> str:
        """Write the rows of these inputs into one sorted file named by its content; "" for no rows."""
        if self.row is None:
            return ""
        by_file: dict[Path, set[str]] = {}
        for id_ in ids:
            source = self._sources.get(id_)
            if source is not None and self.ledger()[id_].rows:
                by_file.setdefault(source, set()).add(id_)
        chunks = [Chunk(file, frozenset(wanted)) for file, wanted in by_file.items()]
        if not chunks:
            return ""
        hasher = hashlib.blake2b(digest_size=8)
        target = self.folder / f"{name}.merged"
        schema = stored_schema(self.row)
        with replaced(target) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for table in regrouped(merged(chunks, self.row), self._group):
                hasher.update("\n".join(table.column(id_name(self.row)).to_pylist()).encode())
                hasher.update(table.column(VERSION).to_numpy().tobytes())
                writer.write_table(table, row_group_size=self._group)
        final = target.with_name(f"{name}-{hasher.hexdigest()}.parquet")
        target.replace(final)
        return final.name

    @property
    def _group(self) -> int:
        heavy = self.row is not None and any(f.type is bytes or "ndarray" in str(f.type) for f in row_fields(self.row))
        return _HEAVY_GROUP if heavy else _LIGHT_GROUP
