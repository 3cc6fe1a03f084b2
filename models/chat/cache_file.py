"""The file in which answers are kept: SQLite, read and written by many processes at once."""

from __future__ import annotations

import fcntl
import os
import queue
import sqlite3
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError
from ..weights import cache_dir
from .cleaning.characters import whole_characters
from .model import ChatAnswer

_GATHER_S = 0.05  # answers are written together; a process that is killed loses those of this time
_BUSY_S = 60.0  # another process writes for that long at most
_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, made_at REAL NOT NULL, size INTEGER NOT NULL, text TEXT NOT NULL,
    finish_reason TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""
_GET = "SELECT text, finish_reason, prompt_tokens, completion_tokens FROM answers WHERE key = ?"
_PUT = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class CacheUsage(NamedTuple):
    """What is kept of one model; ``size`` is that of the answers' texts, in bytes."""

    model: str
    answers: int
    size: int
    first_at: float
    last_at: float


class _CacheWrite(NamedTuple):
    key: bytes
    model: str
    made_at: float
    size: int
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


def answers_path() -> Path:
    """``answers.sqlite`` in the cache folder."""
    return cache_dir() / "answers.sqlite"


class AnswerFile:
    """Answers by key. Reads take microseconds; writes are gathered and done by a thread of its own."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self._path, self._db = path, db
        self._unwritten: dict[bytes, ChatAnswer] = {}
        self._queue: queue.SimpleQueue[_CacheWrite | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="answers", daemon=True)
        self._sound = True
        self._broken: sqlite3.DatabaseError | None = None  # why the file must go

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[AnswerFile]:
        """Open or make it. What is no such file is set aside, with a warning.

        Raises:
            UserError: it cannot be written.
        """
        file = cls(path, _connect(path))
        file._writer.start()
        try:
            yield file
        finally:
            file._queue.put(None)
            file._writer.join()
            file._db.close()
            if file._broken is not None:
                with _alone(path):
                    _set_aside(path, file._broken)

    def get(self, key: bytes) -> ChatAnswer | None:
        """The answer that was kept under a key."""
        if (new := self._unwritten.get(key)) is not None:
            return new
        try:
            found = self._db.execute(_GET, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            self._give_up(error)
            return None
        return ChatAnswer(*found) if found is not None else None

    def put(self, key: bytes, model: str, answer: ChatAnswer) -> None:
        """Keep an answer; it is on disk within a tenth of a second."""
        if not self._sound or not _is_storable(answer):
            return
        self._unwritten[key] = answer
        self._queue.put(_CacheWrite(key, model, time.time(), len(answer.text.encode()), *answer))

    def _give_up(self, error: sqlite3.DatabaseError) -> None:
        if not isinstance(error, sqlite3.OperationalError):  # such as a full disk, or a lock held for a minute
            self._broken = error
        if self._sound:
            self._sound = False
            warnings.warn(f"{self._path} cannot be used any more: {error}; answers are not kept", stacklevel=2)

    def _write(self) -> None:
        """The thread: gather for a moment, write, again."""
        db, open_ = _plain_connection(self._path), True
        while open_ and (first := self._queue.get()) is not None:
            time.sleep(_GATHER_S)
            batch: list[_CacheWrite] = [first]
            while not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    open_ = False
                else:
                    batch.append(item)
            try:
                with db:
                    db.execute("BEGIN IMMEDIATE")
                    db.executemany(_PUT, batch)
            except sqlite3.DatabaseError as error:
                self._give_up(error)
            for item in batch:
                self._unwritten.pop(item.key, None)
        db.close()


def _is_storable(answer: ChatAnswer) -> bool:
    """Whether SQLite takes it: a writer that fails keeps nothing any more."""
    whole = all(whole_characters(text) == text for text in (answer.text, answer.finish_reason))
    return whole and max(answer.prompt_tokens, answer.completion_tokens) < 1 << 63


def cache_usage(path: Path) -> list[CacheUsage]:
    """What the file holds, by model; nothing where there is no file."""
    if not path.exists():
        return []
    db = _connect(path)
    try:
        rows = db.execute(
            "SELECT model, count(*), sum(size), min(made_at), max(made_at) FROM answers GROUP BY model ORDER BY model"
        ).fetchall()
    finally:
        db.close()
    return [CacheUsage(*row) for row in rows]


def prune(path: Path, older_than_s: float | None = None, model: str | None = None, max_bytes: int | None = None) -> int:
    """Forget answers; how many. An answer goes that is older and of that model; then the oldest beyond ``max_bytes``.

    With ``max_bytes`` alone only the size counts.
    """
    if not path.exists():
        return 0
    db = _connect(path)
    try:
        before = db.total_changes
        if older_than_s is not None or model is not None:
            born = float("inf") if older_than_s is None else time.time() - older_than_s
            db.execute("DELETE FROM answers WHERE made_at <= ? AND (model = ? OR ? IS NULL)", (born, model, model))
        if max_bytes is not None:
            db.execute(
                "DELETE FROM answers WHERE key IN (SELECT key FROM ("
                "SELECT key, sum(size) OVER (ORDER BY made_at DESC, key) AS total FROM answers) WHERE total > ?)",
                (max_bytes,),
            )
        gone = db.total_changes - before
        if gone:
            db.execute("VACUUM")
    finally:
        db.close()
    return gone


def _connect(path: Path) -> sqlite3.Connection:
    """A connection to a file with the right table."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):  # two that make it at once would find it locked
            try:
                return _prepare(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                _set_aside(path, error)
                return _prepare(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise UserError(f"cannot write {path}: {error}", "set CLIPLOOM_CACHE to another folder") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.with_name(f"{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare(path: Path) -> sqlite3.Connection:
    db = _plain_connection(path)
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it is of version {version}")
        db.execute("PRAGMA journal_mode = WAL")
        if version == 0:
            db.execute(_TABLE)
            db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute(_GET, (b"",)).fetchone()
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _plain_connection(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = NORMAL")  # safe against kills; a power cut may cost the last answers
    return db


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    aside = path.with_name(f"{path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}")
    with suppress(FileNotFoundError):  # another process was quicker
        os.replace(path, aside)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    warnings.warn(
        f"{path} is no file of answers ({error}); it is now {aside.name}, and a new one is made", stacklevel=2
    )
