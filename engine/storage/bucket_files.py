"""The files of a build in a bucket as DuckDB reads them: in parts, where they are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract.extras import extra
from .object_store import RangeFile, folder_of, has_folders

if TYPE_CHECKING:
    import duckdb

_PROTOCOL = "build"
_WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)  # objects are never changed


def bucket_name(file: Path) -> str:
    """What DuckDB calls a file that is in a bucket and not here; "" for one that is here."""
    return "" if folder_of(file) is None or file.exists() else f"{_PROTOCOL}://{file}"


def read_buckets(db: duckdb.DuckDBPyConnection) -> None:
    """Let a database read files in buckets, if this process has opened any."""
    if not has_folders():
        return
    with extra("cloud"):
        from fsspec import AbstractFileSystem

    class BucketFiles(AbstractFileSystem):  # type: ignore[misc]
        """Exactly the files that are named: nothing in a name is a pattern."""

        protocol = _PROTOCOL
        cachable = False

        def glob(self, path: str, **_: Any) -> list[str]:
            """The one file that is meant."""
            return [path]

        def exists(self, path: str, **_: Any) -> bool:
            """What a manifest names is there."""
            return True

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            """Its size."""
            return {"name": path, "size": _open(path).size(), "type": "file"}

        def modified(self, path: str) -> datetime:
            """When it was written."""
            return _WRITTEN

        def _open(self, path: str, mode: str = "rb", **_: Any) -> RangeFile:
            return _open(path)

    db.register_filesystem(BucketFiles())


def _open(path: str) -> RangeFile:
    file = Path(path.removeprefix(f"{_PROTOCOL}://"))
    folder = folder_of(file)
    if folder is None:
        raise FileNotFoundError(path)
    return RangeFile(folder, file.relative_to(folder.root).as_posix())
