"""The tables of a build folder, sharded: where each shard is, and what it is the outcome of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ...schemas import id_name
from ..contract.errors import UserError
from ..contract.options import digest
from ..contract.step import Item
from ..planning.plan import TableRef
from .files import read_json, write_json
from .row_files import UNIQUE_IDS, read_window
from .shard import Shard, ShardState


class GlobalState(NamedTuple):
    """What the last run of a ``Global`` step that got to its end left."""

    key: str  # of the folder with its shards: a hash of ``inputs`` and of what else it read
    inputs: str  # token of the set that reached it
    waiting: str  # what it waits for, or ""
    came: int  # rows that reached it


@dataclass
class _Folder:
    """Where the shards of a table are, and the states of those that were looked at."""

    path: str
    whole: GlobalState | None
    states: dict[str, ShardState | None] = field(default_factory=dict)


class Store:
    """The tables of a build folder. It reads each shard's state once; ``refresh`` after another process wrote a table.

    Paths are absolute: libraries take a relative ``~`` or ``s3:/x`` for another.
    """

    def __init__(self, root: Path, shards: int) -> None:
        self.root, self.shards = root.absolute(), shards
        self._folders: dict[tuple[str, str], _Folder] = {}

    def base(self, table: TableRef) -> Path:
        """The folder of a table, of all its keys."""
        return self.root / "tables" / table.name / table.fingerprint

    def _folder(self, table: TableRef) -> _Folder:
        known = self._folders.get((table.name, table.fingerprint))
        if known is None:
            base = self.base(table)
            found = read_json(base / "whole.json", ("key",))
            whole = GlobalState(**found) if found and found.keys() == set(GlobalState._fields) else None
            known = _Folder(str(base / whole.key if whole else base), whole)
            self._folders[table.name, table.fingerprint] = known
        return known

    def whole(self, table: TableRef) -> GlobalState | None:
        """What a ``Global`` step left; None where it did not get to its end, and for other steps."""
        return self._folder(table).whole

    def begin_global(self, table: TableRef) -> None:
        """From now on a ``Global`` step's table is empty, until ``end_whole``."""
        (self.base(table) / "whole.json").unlink(missing_ok=True)
        self.refresh(table)

    def end_global(self, table: TableRef, state: GlobalState) -> None:
        """The shards of this key are the table now."""
        self.base(table).mkdir(parents=True, exist_ok=True)
        write_json(self.base(table) / "whole.json", state._asdict())
        self.refresh(table)

    def refresh(self, table: TableRef) -> None:
        """Forget what is known of a table that another process has written."""
        self._folders.pop((table.name, table.fingerprint), None)

    def shard(self, table: TableRef, number: int, key: str | None = None) -> Shard:
        """One shard. A ``Global`` step's table has a folder per key; without one, the current."""
        if key is not None:
            return Shard(f"{self.base(table) / key}/{number:04d}", table.row)
        folder = self._folder(table)
        return Shard(f"{folder.path}/{number:04d}", table.row, folder.states)

    def input_token(self, tables: Iterable[TableRef], number: int, items: Iterable[Item] = ()) -> str:
        """A hash of what these tables hold in one shard, and of a source's items: equal tokens, equal inputs."""
        named = {table.name: self.shard(table, number).token for table in tables}
        return digest(named, [(item.video_id, item.digest) for item in items])

    def global_token(self, tables: Iterable[TableRef]) -> str:
        """The same over all shards."""
        listed = list(tables)
        return digest([self.input_token(listed, number) for number in range(self.shards)])

    def has_rows(self, tables: Iterable[TableRef], number: int) -> bool:
        """Is there a row in any of these tables in this shard?"""
        return any(self.shard(table, number).live_file for table in tables)

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
