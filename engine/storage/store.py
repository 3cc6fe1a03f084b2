"""The tables of a build folder, sharded: where each shard is, and what it is the outcome of."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from ...schemas import id_name
from ..contract.errors import UserError
from ..contract.options import digest
from ..contract.step import Item
from ..planning.plan import TableRef
from .addresses import open_files
from .files import intact
from .filesystem import VersionConflict
from .row_files import UNIQUE_IDS, read_window
from .shard import Shard
from .table_folder import Lease, TableFolder, takeover_error

_POINTER = "global.json"  # of a ``Global`` step's table: which of its folders counts
_KEPT_VERDICTS = 256  # lists of ids


class GlobalState(NamedTuple):
    """What the last run of a ``Global`` step that got to its end left."""

    key: str  # of the folder with its shards: a hash of ``inputs`` and of what else it read
    inputs: str  # token of the set that reached it
    waiting: str  # what it waits for, or ""
    came: int  # rows that reached it


class _Table(NamedTuple):
    """The shards of a table that count, and for a ``Global`` step's what it left."""

    folder: TableFolder
    state: GlobalState | None


class Store:
    """The tables of a build folder. It lists each table's shards once; ``refresh`` after another process wrote one.

    For one who works at a few shards while another process finishes more, ``listed`` is False.
    """

    def __init__(self, root: Path, shards: int, lease: Lease | None = None, listed: bool = True) -> None:
        self.files = open_files(root)
        self.root, self.shards = self.files.root, shards
        self._lease, self._listed = lease, listed
        self._tables: dict[tuple[str, str], _Table] = {}
        self._verdicts: OrderedDict[tuple[str, int, str], pa.Array] = OrderedDict()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, commits may wait for the end, where all are done in one go.

        Raises:
            LeaseLost: somebody else has changed one of the shards meanwhile.
        """
        try:
            with self.files.together():
                yield
        except VersionConflict as error:
            raise takeover_error(self.files.place(str(error))) from None

    def place(self, table: TableRef) -> str:
        """The folder of a table, of all its keys."""
        return f"tables/{table.name}/{table.fingerprint}"

    def base(self, table: TableRef) -> Path:
        """The same as a folder of this machine."""
        return self.root / self.place(table)

    def _table(self, table: TableRef) -> _Table:
        known = self._tables.get((table.name, table.fingerprint))
        if known is None:
            state, place = self._read_state(table), self.place(table)
            folder = f"{place}/{state.key}" if state else place
            known = _Table(TableFolder(self.files, folder, table.row, self._lease, self._listed), state)
            self._tables[table.name, table.fingerprint] = known
        return known

    def _read_state(self, table: TableRef) -> GlobalState | None:
        name = f"{self.place(table)}/{_POINTER}"
        place = self.files.place(name)
        with intact(place, place):
            try:
                return GlobalState(**json.loads(self.files.read(name).data))
            except FileNotFoundError:
                return None

    def global_state(self, table: TableRef) -> GlobalState | None:
        """What a ``Global`` step left; None where it did not get to its end, and for other steps."""
        return self._table(table).state

    def begin_global(self, table: TableRef) -> None:
        """From now on a ``Global`` step's table is empty, until ``end_global``."""
        self._check()
        place = self.place(table)
        self.files.delete(f"{place}/{_POINTER}")
        for name, _, _ in self.files.list(place):  # no key of it counts any more
            self.files.delete(f"{place}/{name}")
        self.refresh(table)

    def end_global(self, table: TableRef, state: GlobalState) -> None:
        """The shards of this key are the table now."""
        self._check()
        name = f"{self.place(table)}/{_POINTER}"
        if not self.files.put_if_absent(name, json.dumps(state._asdict(), ensure_ascii=False).encode()):
            raise takeover_error(self.files.place(name))  # ``begin_global`` has removed what was there
        self.refresh(table)

    def _check(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def refresh(self, table: TableRef) -> None:
        """Forget what is known of a table that another process has written."""
        self._tables.pop((table.name, table.fingerprint), None)

    def summarise(self, table: TableRef) -> None:
        """All shards of a table are finished for now: let the next one who looks read them in one go."""
        self._table(table).folder.summarise()

    def shard(self, table: TableRef, number: int) -> Shard:
        """One shard; of a ``Global`` step's table that of the current key."""
        return Shard(self._table(table).folder, number)

    def key_folder(self, table: TableRef, key: str) -> TableFolder:
        """The folder of a ``Global`` step's table that has this key."""
        return TableFolder(self.files, f"{self.place(table)}/{key}", table.row, self._lease)

    def input_token(self, tables: Iterable[TableRef], number: int, items: Iterable[Item] = ()) -> str:
        """A hash of what these tables hold in one shard, and of a source's items: equal tokens, equal inputs."""
        named = sorted({(table.name, self.shard(table, number).token) for table in tables})  # each once
        said = json.dumps([named, [(item.video_id, item.digest) for item in items]])
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    def global_token(self, tables: Iterable[TableRef]) -> str:
        """The same over all shards."""
        listed = list(tables)
        return digest([self.input_token(listed, number) for number in range(self.shards)])

    def has_rows(self, tables: Iterable[TableRef], number: int) -> bool:
        """Is there a row in any of these tables in this shard?"""
        states = (self.shard(table, number).state for table in tables)
        return any(state is not None and state.rows for state in states)

    def out_ids(self, table: TableRef, number: int) -> pa.Array:
        """The ids that a table's verdicts take out of the build in one shard; those asked for last are kept at hand."""
        shard = self.shard(table, number)
        key = (table.name, number, shard.token)
        if key not in self._verdicts:
            self._verdicts[key] = shard.out_ids()
            while len(self._verdicts) > _KEPT_VERDICTS:
                self._verdicts.popitem(last=False)
        self._verdicts.move_to_end(key)
        return self._verdicts[key]

    def check_ids(self, table: TableRef) -> None:
        """``UserError`` where rows of two videos have one id; looks only where ids do not begin with the video's."""
        shards = [self.shard(table, number) for number in range(self.shards)]
        if table.row is None or not any(shard.state.strays for shard in shards if shard.state):
            return
        columns, videos = [id_name(table.row), "video_id"], dict[str, str]()
        for file in filter(None, (shard.live_file for shard in shards)):
            rows = read_window(file, columns, "", "")
            for id_, video in zip(*(rows.column(column).to_pylist() for column in columns), strict=True):
                if id_ in videos:
                    said = f"{table.row.table} of the videos {videos[id_]} and {video} have the same id, {id_}"
                    raise UserError(f"{table.name}: {said}", UNIQUE_IDS)
                videos[id_] = video


def shard_of(video_id: str, shards: int) -> int:
    """The shard of a video: it never moves while ``shards`` stays."""
    return int.from_bytes(hashlib.blake2b(video_id.encode(), digest_size=8).digest()) % shards
