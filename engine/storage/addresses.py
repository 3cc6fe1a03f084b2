"""Build folders elsewhere: an address such as ``s3://bucket/builds/films``, and the scratch folder that stands for it.

All that is said of a build names a folder of this machine. For one in a bucket that is a scratch folder, which holds
copies and says of which address. What is in ``tables/`` and ``media/`` is copied when it is used, and let go of when
there is too much of it; all else, such as the lock and the report, is brought here when the build is opened and taken
back when it has changed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..contract.errors import UserError
from .filesystem import FileSystem, LocalFolder
from .object_store import ObjectFolder, copy_all, folder_of

_ADDRESS = re.compile(r"^(s3|gs|az):/{1,2}([^/].*)$")
_MARK = "scratch.address"  # in a scratch folder: the address that it is for
_SEEN = "scratch.seen"  # and the versions of what was brought here
_ID = "build.id"  # tells a build from a later one at the same address
_LAZY = ("tables/", "media/", "parts/", "progress/")  # read when they are used
_OURS = (_MARK, _SEEN, "swap.lock", "build.lock")  # not brought, nor taken back
_FILE_COLUMNS = ("file", "path")
_LITTLE_BYTES = 4 << 20
_FRESH_S = 600.0  # that a copy is kept at least: whoever asked for it is about to read it
SCRATCH, SCRATCH_GB = "CLIPLOOM_SCRATCH", "CLIPLOOM_SCRATCH_GB"
_DEFAULT_GB = 50.0
_LOOK_EVERY_S = 30.0

_looked: dict[Path, float] = {}  # when this process last made room


def address_of(place: str | Path) -> str:
    """The address that a path spells, also after ``Path`` has taken a slash away; "" for a folder of this machine."""
    found = _ADDRESS.match(str(place))
    return f"{found[1]}://{found[2].rstrip('/')}" if found else ""


def build_root(place: str | Path) -> Path:
    """The folder that stands for a build folder: itself, or the scratch folder of an address, brought up to date.

    Raises:
        UserError: the address cannot be read.
    """
    address = address_of(place)
    if not address:
        return Path(place)
    root = scratch_folder(address)
    root.mkdir(parents=True, exist_ok=True)
    (root / _MARK).write_text(address, encoding="utf-8")
    bring(root)
    return root


def scratch_folder(address: str) -> Path:
    """Where copies of what is at an address are kept."""
    base = os.environ.get(SCRATCH) or Path(tempfile.gettempdir()) / f"cliploom-scratch-{os.getuid()}"
    return Path(base).absolute() / address.replace("://", "/")


def place_of(root: Path, file: Path | None = None) -> str:
    """What a build folder, or a file in it, is called for people and other machines: its address, or its path."""
    with suppress(OSError):
        address = (root / _MARK).read_text(encoding="utf-8")
        return f"{address}/{file.relative_to(root).as_posix()}" if file is not None else address
    return str(file or root)


def is_scratch(root: Path) -> bool:
    """Does a folder stand for an address?"""
    return (root / _MARK).is_file()


def open_files(root: Path) -> LocalFolder | ObjectFolder:
    """The objects of a build folder."""
    known = folder_of(root.absolute() / _MARK)
    if known is not None and known.root == root.absolute():
        return known
    try:
        address = (root / _MARK).read_text(encoding="utf-8")
    except OSError:
        return LocalFolder(root)
    return ObjectFolder(address, root)


def bring(root: Path, whole: str = "") -> None:
    """Bring what the build says of itself to its scratch folder: files of little size, and all below ``whole``."""
    files = open_files(root)
    if not isinstance(files, ObjectFolder):
        return
    _forget_other_build(files)
    listed = {name: version for name, version, size in _loose(files, whole) if size <= _LITTLE_BYTES or whole}
    seen = _read_seen(root)
    changed = [name for name, version in listed.items() if seen.get(name, [""])[0] != version]
    for name in [*changed, *(name for name in seen if name not in listed and not whole)]:
        (root / name).unlink(missing_ok=True)
    copy_all(root / name for name in changed)
    kept = {name: told for name, told in seen.items() if name in listed or whole}
    _write_seen(root, kept | {name: [listed[name], *_state(root / name)] for name in changed})


def take_back(root: Path) -> None:
    """Write what has changed in the scratch folder, apart from tables and media, to the address."""
    files = open_files(root)
    if not isinstance(files, ObjectFolder):
        return
    seen = _read_seen(root)
    here = {name for name in _files_below(root) if not name.startswith(_LAZY) and name not in _OURS}
    for name in sorted(here):
        if name not in seen or seen[name][1:] != _state(root / name):
            files.put(name, root / name)
            seen[name] = [files.version(name), *_state(root / name)]
    for name in [name for name in seen if name not in here]:
        files.delete(name)
        del seen[name]
    _write_seen(root, seen)


@contextmanager
def carrying_back(root: Path) -> Iterator[None]:
    """Inside, a build works here; what it says of itself is taken to its address, at the end too."""
    name_build(open_files(root))
    bring(root)  # as it is now that nobody else builds
    try:
        yield
    finally:
        take_back(root)


def _loose(files: ObjectFolder, whole: str) -> Iterator[tuple[str, str, int]]:
    """All but tables and media: few, however large the build is."""
    for one in files.list_top():
        if not (one.name.endswith("/") or one.name in _OURS):
            yield one
        elif one.name.endswith("/") and one.name not in _LAZY and (not whole or one.name == f"{whole}/"):
            for below in files.list(one.name.rstrip("/")):
                yield f"{one.name}{below.name}", below.version, below.size_bytes


def _forget_other_build(files: ObjectFolder) -> None:
    """Let go of copies of a build that was at this address before the one that is there now."""
    try:
        there = files.read(_ID).data.decode()
    except FileNotFoundError:
        there = ""
    mark = files.root / _ID
    if mark.exists() and mark.read_text() != there:
        for entry in files.root.iterdir():
            if entry.name != _MARK:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)


def name_build(files: FileSystem) -> None:
    """Give a build in a bucket its own id, if it has none."""
    if isinstance(files, ObjectFolder) and not (files.root / _ID).exists():
        files.put_if_absent(_ID, uuid.uuid4().hex.encode())


def _files_below(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if f"{name}/" not in _LAZY]
        for name in names:
            if not name.endswith(".part"):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _state(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_mtime_ns, facts.st_size]


def _read_seen(root: Path) -> dict[str, list[object]]:
    try:
        found: dict[str, list[object]] = json.loads((root / _SEEN).read_text())
        return found
    except (OSError, ValueError):
        return {}


def _write_seen(root: Path, seen: dict[str, list[object]]) -> None:
    part = root / f"{_SEEN}.{os.getpid()}.part"
    part.write_text(json.dumps(seen))
    os.replace(part, root / _SEEN)


def held_files(root: Path, names: Iterable[str]) -> ExitStack:
    """See to it that these files of a build are on this machine until what is returned is closed.

    Absolute paths elsewhere are left alone.

    Raises:
        FileNotFoundError: one is nowhere.
    """
    stack, wanted = ExitStack(), list(names)
    files = open_files(root) if wanted else None
    if not isinstance(files, ObjectFolder):
        return stack
    paths = {path for name in wanted if folder_of(path := files.root / name) is files}
    _keep_room(files.root)
    copy_all(paths)
    for path in paths:  # a shared lock: nobody lets go of it meanwhile
        file = open(path, "rb")  # noqa: SIM115 - the stack closes it
        fcntl.flock(stack.enter_context(file), fcntl.LOCK_SH)
    return stack


@contextmanager
def holding(root: Path, names: Iterable[str]) -> Iterator[None]:
    """Inside, these files are on this machine."""
    with held_files(root, names):
        yield


def _keep_room(root: Path) -> None:
    """Make room now and then."""
    if time.monotonic() - _looked.get(root, -_LOOK_EVERY_S) >= _LOOK_EVERY_S:
        _looked[root] = time.monotonic()
        make_room(root)


def file_names(*tables: pa.Table | None) -> Iterator[str]:
    """The files that rows name."""
    for table in tables:
        if table is None:
            continue
        for column in _FILE_COLUMNS:
            if column in table.column_names and pa.types.is_string(table.schema.field(column).type):
                yield from filter(None, pc.unique(table.column(column)).to_pylist())


def share_files(files: FileSystem, names: Iterable[str]) -> None:
    """See to it that files that a step has written can be read from other machines, before rows name them."""
    if isinstance(files, ObjectFolder):
        for name in dict.fromkeys(names):
            path = files.root / name
            if folder_of(path) is files and path.is_file():
                files.put(path.relative_to(files.root).as_posix(), path)


def share_folders(files: FileSystem, folders: Iterable[Path]) -> None:
    """The same for all files in some folders of a build."""
    if isinstance(files, ObjectFolder):
        for folder in folders:
            paths = [path for path in sorted((files.root / folder).rglob("*")) if path.is_file()]
            share_files(files, (path.relative_to(files.root).as_posix() for path in paths))


def bring_folders(files: FileSystem, folders: Iterable[Path]) -> None:
    """Copy all files in some folders of a build here: for steps that keep little there."""
    if isinstance(files, ObjectFolder):
        names = [f"{folder.as_posix()}/{one.name}" for folder in folders for one in files.list(folder.as_posix())]
        copy_all(files.root / name for name in names)


def make_room(root: Path) -> None:
    """Let go of what was used longest ago, where the scratch folder holds more than it may."""
    most = _most_bytes()
    found = []
    for folder in _LAZY:
        for path in (root / folder).rglob("*"):
            with suppress(FileNotFoundError):
                if path.is_file():
                    facts = path.stat()
                    found.append((facts.st_mtime, facts.st_size, path))
    held = sum(size for _, size, _ in found)
    for used, size, path in sorted(found, key=lambda one: one[0]):
        if held <= most:
            break
        held -= size if _let_go(root, path, used) else 0


def _let_go(root: Path, path: Path, used: float) -> bool:
    if time.time() - used < _FRESH_S or not _is_shared(root, path):
        return False
    with suppress(OSError), open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
        return True
    return False


def _is_shared(root: Path, path: Path) -> bool:
    """Is it in the bucket too, as it is here?"""
    files = folder_of(path)
    with suppress(FileNotFoundError):
        return files is not None and files.size_bytes(path.relative_to(root).as_posix()) == path.stat().st_size
    return False


def _most_bytes() -> float:
    said = os.environ.get(SCRATCH_GB, "")
    try:
        return float(said or _DEFAULT_GB) * 1e9
    except ValueError:
        raise UserError(f"{SCRATCH_GB}={said} is no number of gigabytes") from None
