"""Vectors of texts that were encoded before: in this process, or in any build on this machine."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

from ..weights import cache_dir
from .choice import Encoder, model_of

Halfs = NDArray[np.float16]

_MOST = 50_000  # texts that are kept in memory
_PAGES = 262_144  # of 4 KiB: beyond 1 GiB nothing is added to the file
_PATIENCE_S = 10.0  # that a writer waits for another


class TextVectorCache:
    """An encoder's text side that encodes equal texts once."""

    def __init__(self, encoder: Encoder, key: str, db: sqlite3.Connection | None) -> None:
        self._encoder, self._key, self._db = encoder, key, db
        self._known: dict[bytes, Halfs] = {}

    def vectors(self, texts: Sequence[str]) -> list[Halfs]:
        """One ``(dim,)`` float16 vector of length 1 per text, in order."""
        keys = [hashlib.sha256(f"{self._key}\0{text}".encode("utf-8", "surrogatepass")).digest() for text in texts]
        if len(self._known) + len(texts) > _MOST:
            self._known.clear()
        wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        for key in list(wanted):
            if (vector := self._lookup(key)) is not None:
                self._known[key] = vector
                del wanted[key]
        if wanted:
            made = self._encoder.texts(list(wanted.values())).astype(np.float16)
            fresh = dict(zip(wanted, made, strict=True))
            self._known |= fresh
            self._store(fresh)
        return [self._known[key] for key in keys]

    def _lookup(self, key: bytes) -> Halfs | None:
        if self._db is None:
            return None
        try:
            found = self._db.execute("SELECT vector FROM texts WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            self._db = None
            return None
        fits = found is not None and len(found[0]) == 2 * self._encoder.dim
        return np.frombuffer(found[0], "<f2") if fits else None

    def _store(self, fresh: dict[bytes, Halfs]) -> None:
        if self._db is None:
            return
        rows = [(key, vector.astype("<f2").tobytes()) for key, vector in fresh.items()]
        try:
            with self._db:
                self._db.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", rows)
        except sqlite3.Error:  # full, locked for long, or damaged: what is not kept is encoded again
            self._db = None


@contextmanager
def open_text_cache(encoder: Encoder, precision: str) -> Iterator[TextVectorCache]:
    """Open ``texts.sqlite`` in the cache folder; without it where it cannot be used. Any number of processes may."""
    key = f"{model_of(encoder)} {precision}"
    db = _database()
    if db is None:
        yield TextVectorCache(encoder, key, None)
        return
    with closing(db):
        yield TextVectorCache(encoder, key, db)


def _database() -> sqlite3.Connection | None:
    folder = cache_dir()
    with suppress(OSError, sqlite3.Error):
        folder.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(folder / "texts.sqlite", timeout=_PATIENCE_S)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA max_page_count = {_PAGES}")
            db.execute("CREATE TABLE IF NOT EXISTS texts (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        except sqlite3.Error:
            db.close()
            raise
        return db
    return None
