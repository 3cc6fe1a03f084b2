"""A build's objects in a bucket: S3, Google Cloud Storage or Azure, through ``obstore``.

What is read is copied to a scratch folder of this machine, at the same names, and found there again. Credentials come
from the environment alone, as the libraries of each cloud take them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contract.errors import UserError
from ..contract.extras import extra
from .filesystem import ABSENT, Content, StoredObject, VersionConflict

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PART_BYTES = 64 << 20  # a file larger than this is sent in parts
_PATIENCE_S = 90  # for a server that is down or overloaded
_TRIES = 40
_BACKOFF: Any = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=8), "base": 2}
_THREADS = 16

_folders: dict[str, ObjectFolder] = {}  # those that this process has opened, by their scratch folders


class ObjectFolder:
    """The objects below an address, such as ``s3://bucket/builds/films``. ``root`` is the scratch folder for them.

    A version is the server's entity tag.
    """

    def __init__(self, address: str, root: Path) -> None:
        self.address, self.root = address, root.absolute()
        self._store = _open(address)
        _folders[f"{self.root}{os.sep}"] = self

    def read(self, name: str) -> Content:
        """As ``FileSystem`` says."""
        import obstore

        with self._errors(name):
            found = obstore.get(self._store, name)
            return Content(bytes(found.bytes()), str(found.meta["e_tag"]))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """As ``FileSystem`` says."""
        import obstore

        with self._errors(name):
            return bytes(obstore.get_range(self._store, name, start=start, end=stop)) if stop > start else b""

    def put(self, name: str, data: bytes | Path) -> None:
        """As ``FileSystem`` says; also a file, which stays."""
        import obstore

        with self._errors(name):
            obstore.put(self._store, name, data)

    def put_if_absent(self, name: str, data: bytes | Path) -> bool:
        """As ``FileSystem`` says. What it writes is kept in the scratch folder too: it is likely to be read soon."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        path = self._keep(name, data)
        with self._errors(name):
            try:
                if path.stat().st_size > _PART_BYTES:  # no store takes parts on a condition
                    if self._exists(name):
                        return False
                    obstore.put(self._store, name, path)
                else:
                    obstore.put(self._store, name, path.read_bytes(), mode="create")
            except AlreadyExistsError:
                return False
        return True

    def replace_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        """As ``FileSystem`` says."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, NotFoundError, PreconditionError

        with self._errors(name):
            try:
                mode: Any = "create" if version == ABSENT else {"e_tag": version}
                return str(obstore.put(self._store, name, data, mode=mode)["e_tag"])
            except (AlreadyExistsError, PreconditionError, NotFoundError, FileNotFoundError):
                return self._own_version(name, data)

    def _own_version(self, name: str, data: bytes) -> str:
        """The version of an object that has just this content: a first try that was answered too late has put it."""
        try:
            found = self.read(name)
        except FileNotFoundError:
            raise VersionConflict(name) from None
        if found.data != data:
            raise VersionConflict(name)
        return found.version

    def list_top(self) -> list[StoredObject]:
        """The objects that are in no folder, and the folders, whose names end in ``/``."""
        import obstore

        with self._errors(""):
            found = obstore.list_with_delimiter(self._store)
        here = [StoredObject(str(one["path"]), str(one["e_tag"]), int(one["size"])) for one in found["objects"]]
        return [*here, *(StoredObject(f"{str(name).rstrip('/')}/", "", 0) for name in found["common_prefixes"])]

    def version(self, name: str) -> str:
        """The version of an object, without its content."""
        import obstore

        with self._errors(name):
            return str(obstore.head(self._store, name)["e_tag"])

    def delete(self, name: str) -> None:
        """As ``FileSystem`` says."""
        import obstore

        with self._errors(name), suppress(FileNotFoundError):
            obstore.delete(self._store, name)
        (self.root / name).unlink(missing_ok=True)

    def local_copy(self, name: str) -> Path:
        """As ``FileSystem`` says; it may be the name of one yet to be copied, which ``present`` does."""
        return self.root / name

    def size_bytes(self, name: str) -> int:
        """As ``FileSystem`` says."""
        import obstore

        with self._errors(name):
            return int(obstore.head(self._store, name)["size"])

    def copy(self, name: str) -> Path:
        """Copy an object to the scratch folder, if it is not there."""
        import obstore

        path = self.root / name
        if path.exists():
            with suppress(FileNotFoundError):
                os.utime(path)  # what is used last is let go of last
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        with self._errors(name):
            try:
                with part.open("wb") as file:
                    for chunk in obstore.get(self._store, name).stream(min_chunk_size=8 << 20):
                        file.write(chunk)
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
        return path

    def _keep(self, name: str, data: bytes | Path) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        if isinstance(data, bytes):
            part.write_bytes(data)
        os.replace(part if isinstance(data, bytes) else data, path)
        return path

    def _exists(self, name: str) -> bool:
        try:
            self.size_bytes(name)
        except FileNotFoundError:
            return False
        return True

    def together(self) -> AbstractContextManager[None]:
        """As ``FileSystem`` says; here each write is done at once, and costs a request."""
        return nullcontext()

    def scratch(self) -> Path:
        """As ``FileSystem`` says."""
        self.root.mkdir(parents=True, exist_ok=True)
        return self.root / f"scratch.{os.getpid()}-{threading.get_ident()}.part"

    def place(self, name: str) -> str:
        """As ``FileSystem`` says."""
        return f"{self.address}/{name}".rstrip("/")

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Inside, what the store says is told as ours: an object that is not there, or a store that refuses."""
        from obstore.exceptions import BaseError, NotFoundError

        try:
            yield
        except (NotFoundError, FileNotFoundError):
            raise FileNotFoundError(self.place(name)) from None
        except (BaseError, PermissionError) as error:
            said = " ".join(str(error).split()).partition(" Debug source")[0]
            hint = "check the address and the credentials in the environment; build again: what is finished is kept"
            raise UserError(f"{self.place(name)}: {said[:300]}", hint) from None

    def list(self, folder: str, unfinished: bool = False) -> list[StoredObject]:
        """As ``FileSystem`` says; nothing here is ever unfinished."""
        import obstore

        start = f"{folder}/" if folder else ""
        with self._errors(folder):
            found = [
                StoredObject(str(one["path"]).removeprefix(start), str(one["e_tag"]), int(one["size"]))
                for some in obstore.list(self._store, prefix=start or None, chunk_size=1000)
                for one in some
            ]
        return sorted(found)


def _open(address: str) -> ObjectStore:
    with extra("cloud"):
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    patience = timedelta(seconds=_PATIENCE_S)
    try:
        return from_url(
            address,
            client_options={"allow_http": True, "timeout": patience},
            retry_config={"max_retries": _TRIES, "retry_timeout": patience, "backoff": _BACKOFF},
        )
    except (BaseError, ValueError) as error:
        raise UserError(f"{address} cannot be opened: {' '.join(str(error).split())[:300]}") from None


def folder_of(path: Path) -> ObjectFolder | None:
    """The bucket whose scratch folder a path is in; None for a file of this machine."""
    if not _folders:
        return None
    text = str(path)
    return next((folder for root, folder in _folders.items() if text.startswith(root)), None)


def has_folders() -> bool:
    """Has this process opened any bucket?"""
    return bool(_folders)


def present(path: Path) -> Path:
    """A file of a build, copied here first where the build is in a bucket."""
    folder = folder_of(path)
    return path if folder is None else folder.copy(path.relative_to(folder.root).as_posix())


def size_of(path: Path) -> int:
    """The size of a file of a build, wherever it is."""
    folder = folder_of(path)
    if folder is None or path.exists():
        return path.stat().st_size
    return folder.size_bytes(path.relative_to(folder.root).as_posix())


class RangeFile:
    """An object of a bucket as a file that is read in parts, for readers that want little of it."""

    def __init__(self, folder: ObjectFolder, name: str) -> None:
        self._folder, self._name, self._at = folder, name, 0
        self._size = folder.size_bytes(name)
        self.closed = False

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        stop = self._size if count is None or count < 0 else min(self._at + count, self._size)
        data = self._folder.read_range(self._name, self._at, stop)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """The place that is read next."""
        return self._at

    def size(self) -> int:
        """How many bytes there are."""
        return self._size

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read anywhere."""
        return True

    def writable(self) -> bool:
        """It is not written."""
        return False

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """No more reads."""
        self.closed = True


def copy_all(paths: Iterable[Path]) -> None:
    """Copy several files of a build here, side by side; those that are on this machine anyway are left alone."""
    wanted = [path for path in paths if folder_of(path) is not None]
    if wanted:
        with ThreadPoolExecutor(min(_THREADS, len(wanted))) as pool:
            list(pool.map(present, wanted))
