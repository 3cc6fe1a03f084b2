"""Steps that read everything at once: run in a process of their own, stored under a key of what they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ...schemas import Row, id_name, unwritable
from ..contract.errors import UserError, Waiting
from ..contract.options import digest
from ..contract.step import Drop, Global, StepContext
from ..contract.usage import Budget, UsageCounter
from ..planning.plan import Node, may_drop
from ..storage.addresses import bring_folders, holding, share_folders
from ..storage.join import duplicate_id_error
from ..storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, newest, to_ledger
from ..storage.object_store import has_folders
from ..storage.shard import Results, Shard
from ..storage.sql import step_database
from ..storage.store import GlobalState, Store, shard_of
from .answers import content_version, to_stored_table, wrong_drop, wrong_row
from .failures import attempt, in_words, plain_text
from .parts import Part
from .row_loop import answers_of_all

if TYPE_CHECKING:
    import duckdb

_COMMIT_ROWS = 20_000


def global_key(node: Node, store: Store, context: StepContext) -> str:
    """A hash of the set that reaches the step, and of what it reads besides."""
    assert isinstance(node.step, Global)
    bring_folders(store.files, context.folders.values())
    return digest(store.global_token(node.depends_on), node.step.external_digest(context))


def run_global(
    nodes: Sequence[Node], index: int, root: Path, shards: int, key: str, context: StepContext
) -> GlobalState:
    """Run the step and write its tables under ``key``, which count once the runner has put down what this returns."""
    node, store = nodes[index], Store(root, shards)
    waiting = ""
    with step_database(nodes, node, store) as db:
        assert isinstance(node.step, Global) and node.reads.anchor is not None
        came = _count(db, node)
        sink = _Sink(node, store, key)
        try:
            with holding(root, _files(db, node)):
                for answer in answers_of_all(node, partial(node.step.rows, db, context)):
                    sink.add(answer)
        except Waiting as error:
            waiting = plain_text(error)
        share_folders(store.files, context.folders.values())
        with store.together():
            sink.finish()
    return GlobalState(key, store.global_token(node.depends_on), waiting, came)


def _files(db: duckdb.DuckDBPyConnection, node: Node) -> list[str]:
    """The files that the step may open: those of a build in a bucket are to be brought here."""
    if not (node.step.reads_media and has_folders()) or node.reads.anchor is None:
        return []
    rows = [row for row in (node.reads.anchor, *(join.row for join in node.reads.joins)) if hasattr(row, "file")]
    return [name for row in rows for (name,) in db.execute(f"SELECT file FROM {row.table} WHERE file <> ''").fetchall()]


def _count(db: duckdb.DuckDBPyConnection, node: Node) -> int:
    """How many rows reach the step; ``UserError`` where two steps gave theirs the same id."""
    assert node.reads.anchor is not None
    table, key = node.reads.anchor.table, id_name(node.reads.anchor)
    if len(node.anchors) > 1:
        query = f"SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1"
        if twice := db.execute(query).fetchall():
            raise duplicate_id_error(node, twice[0][0])
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


class _Sink:
    """Deals rows and verdicts out to their shards."""

    def __init__(self, node: Node, store: Store, key: str) -> None:
        self.node, self.key, self.number_of_shards = node, key, store.shards
        self.folder = store.key_folder(node.tables[0], key)
        self.entries: dict[int, list[LedgerEntry]] = defaultdict(list)
        self.rows: dict[int, list[Row]] = defaultdict(list)
        self.held = 0
        self.begun: set[int] = set()  # shards

    def add(self, answer: Any) -> None:
        """Take one row or verdict. A wrong one fails, if it has an id by which to say so; else ``UserError``."""
        wrong = attempt(self._wrong, answer)
        said = wrong.value if wrong.error is None else in_words(wrong.error, self.node.step)
        if said is None:
            entry = self._entry(answer)
        elif key := attempt(_key, answer).value:
            entry = LedgerEntry(key[0], key[1], 0, FAILED, "BadRow", plain_text(said))
        else:
            raise UserError(f"{self.node.name} gave a wrong answer: {plain_text(said)}")
        self.entries[shard_of(entry.video_id, self.number_of_shards)].append(entry)
        self.held += 1
        if self.held >= _COMMIT_ROWS:
            self._flush()

    def _entry(self, answer: Any) -> LedgerEntry:
        if isinstance(answer, Drop):
            return LedgerEntry(answer.id, answer.video_id, 0, DROPPED, answer.reason, plain_text(answer.detail))
        self.rows[shard_of(answer.video_id, self.number_of_shards)].append(answer)
        return LedgerEntry(answer.id, answer.video_id, content_version(answer), DONE, rows=1)

    def _wrong(self, answer: Any) -> str | None:
        row = self.node.tables[0].row
        if not isinstance(answer, Drop):
            return wrong_row(row, answer) if row else f"it is a {type(answer).__name__}, not a Drop"
        if not may_drop(self.node.step):
            return "it drops a row, though its drops() says that it drops none"
        return wrong_drop(answer)

    def _flush(self) -> None:
        for number in list(self.entries):
            Shard(self.folder, number).commit(self._take(number))
            self.begun.add(number)
        self.held = 0

    def _take(self, number: int) -> Results:
        """What is held for a shard."""
        row, made = self.node.tables[0].row, self.rows.pop(number, [])
        rows = to_stored_table(row, made, [r.id for r in made], [content_version(r) for r in made]) if row else None
        return Results(to_ledger(self.entries.pop(number, [])), rows if made else None)

    def finish(self) -> None:
        """Commit the rest and close the shards."""
        for number in sorted({*self.begun, *self.entries}):
            shard, rest = Shard(self.folder, number), self._take(number)
            every = pa.concat_tables([shard.ledger(), rest.ledger])
            ledger = every.take(newest(every))
            ids, digests = ledger.column("id").combine_chunks(), ledger.column("digest").to_numpy()
            shard.finish(ids, digests, self.key, rest)


def make_context(node: Node, root: Path, budget: Budget | None = None, part: Part | None = None) -> StepContext:
    """Where a node's steps put files: ``media/<step>/<fingerprint>``; and what they may cost."""
    folders = {
        t.name.removeprefix(node.name).removeprefix("."): Path("media") / t.name / t.fingerprint for t in node.tables
    }
    return StepContext(
        root, folders, UsageCounter(root, node.name, budget, f"{part.number}-of-{part.of}" if part else "")
    )


def _key(answer: Any) -> tuple[str, str] | None:
    """The id and the video's id of an answer, if both can be written."""
    wanted = (answer.id, answer.video_id)
    return None if any(map(unwritable, wanted)) else wanted
