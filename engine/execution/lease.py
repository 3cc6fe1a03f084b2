"""One build at a time in a folder: a lease that is renewed, and that others may take once its holder is gone.

The lease is a small object that is swapped: of two who want it one gets it. Its holder renews it every few seconds.
On the holder's own machine it is free as soon as his process is gone. Elsewhere nobody can know that, and no clock is
trusted: it is free once it has not been renewed for a while that the one who wants it has waited himself. Each holder
has a higher epoch than the one before; manifests carry it, so that one who was taken for dead can change none.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..contract.errors import UserError
from ..storage.addresses import open_files
from ..storage.filesystem import FileSystem, VersionConflict
from ..storage.table_folder import LeaseLost
from .parts import FOLDER, Part, part_of_lease

NAME = "build.lock"
RENEW_S = 5.0
EXPIRES_S = 30.0  # without renewal, by the clock of the one who wants it; then he watches
WATCH_S = 12.0  # for a renewal, before he takes it
_LOOK_S = 0.5

_ours: set[str] = set()  # leases that this process holds


@dataclass(frozen=True)
class LeaseRecord:
    """What the object says. A lease that was given back has no ``id``."""

    epoch: int = 0
    id: str = ""
    pid: int = 0
    machine: str = ""  # where ``pid`` means this process and no other
    began: str = ""  # when the process began, so that a later one of the same number is another
    renewed: float = 0.0  # seconds since 1970
    said: str = ""  # who it is, for people

    def encode(self) -> bytes:
        """As the object's bytes."""
        return json.dumps(asdict(self), ensure_ascii=False).encode("utf-8", "backslashreplace")


class BuildLease:
    """The right to build in a folder, while it is held. A thread renews it."""

    def __init__(self, files: FileSystem, part: Part | None = None) -> None:
        self._name, self._part = part.lease if part else NAME, part
        self._files, self._root = files, files.place("").rstrip("/")
        self._record, self._version = LeaseRecord(), ""
        self._lost = False
        self._renewed, self._turn = time.monotonic(), threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def epoch(self) -> int:
        """Higher than that of every holder before."""
        return self._record.epoch

    def take(self) -> None:
        """Get hold of it.

        Raises:
            UserError: another build holds it; says which.
        """
        while not self._try():
            pass
        _ours.add(self._record.id)
        try:
            self._check_others()  # who is there already sees this one, or is seen
        except UserError:
            self._release()
            raise
        self._renewed = time.monotonic()
        self._thread.start()

    def check(self) -> None:
        """Raise ``LeaseLost`` if somebody else has it by now."""
        if not self._lost and time.monotonic() - self._renewed > EXPIRES_S:
            self._renew_now()  # it may be somebody else's by now
        if self._lost:
            raise LeaseLost(f"{self._root} was taken over by another build", "build again: what is finished is kept")

    def give_back(self) -> None:
        """Let go of it."""
        self._ends.set()
        self._thread.join(RENEW_S)
        self._release()

    def _release(self) -> None:
        _ours.discard(self._record.id)
        with suppress(VersionConflict, OSError, UserError):
            self._files.replace_if_unchanged(self._name, LeaseRecord(self.epoch).encode(), self._version)

    def _try(self) -> bool:
        """Take it if it is free. False where somebody else was quicker."""
        epoch = 1 + max((record.epoch for record in lease_records(self._files).values()), default=0)
        mine = LeaseRecord(epoch, uuid.uuid4().hex, os.getpid(), _machine(), _began(os.getpid()), time.time(), _who())
        try:
            content = self._files.read(self._name)
        except FileNotFoundError:
            if not self._files.put_if_absent(self._name, mine.encode()):
                return False
            self._record, self._version = mine, self._files.read(self._name).version
            return True
        except OSError as error:
            raise UserError(f"{self._files.place(self._name)} cannot be read: {error.strerror}", "remove it") from None
        holder = _decode(content.data)
        if not self._is_free(self._name, holder, content.version):
            raise self._held_error(holder)
        mine = replace(mine, renewed=time.time())
        try:
            self._version = self._files.replace_if_unchanged(self._name, mine.encode(), content.version)
        except VersionConflict:
            return False
        self._record = mine
        return True

    def _held_error(self, holder: LeaseRecord) -> UserError:
        said = holder.said or "another process"
        return UserError(f"{self._root} is being built by {said}", "wait for it to end, or stop it")

    def _check_others(self) -> None:
        """``UserError`` where somebody is at work whose shards are ours too: a whole build, or a rank of such ones."""
        for name in lease_records(self._files):
            other = part_of_lease(name.partition("/")[2])
            if name == self._name or (self._part and other and other.of == self._part.of):
                continue
            content = self._files.read(name)
            holder = _decode(content.data)
            if not self._is_free(name, holder, content.version):
                raise self._held_error(holder)

    def orphans(self) -> list[Part]:
        """Other ranks of the same build whose processes are gone."""
        found = []
        for name in lease_records(self._files):
            other = part_of_lease(name.partition("/")[2])
            if self._part and other and other.of == self._part.of and other != self._part:
                content = self._files.read(name)
                holder = _decode(content.data)
                if holder.id and self._is_free(name, holder, content.version):
                    found.append(other)
        return found

    def _is_free(self, name: str, holder: LeaseRecord, version: str) -> bool:
        return not holder.id or _is_gone(holder) or self._expires(name, holder, version)

    def _expires(self, name: str, holder: LeaseRecord, version: str) -> bool:
        """Is it not renewed, while we watch? One that was lately is not watched: its holder is at work."""
        if holder.machine == _machine() or abs(time.time() - holder.renewed) < EXPIRES_S:
            return False
        until = time.monotonic() + WATCH_S
        while time.monotonic() < until:
            time.sleep(_LOOK_S)
            if self._files.read(name).version != version:
                return False
        return True

    def _renew(self) -> None:
        while not self._lost and not self._ends.wait(RENEW_S):
            with suppress(OSError, UserError):  # a disk that is full may have room again, and a store may answer again
                self._renew_now()

    def _renew_now(self) -> None:
        with self._turn:
            record = replace(self._record, renewed=time.time())
            try:
                self._version = self._files.replace_if_unchanged(self._name, record.encode(), self._version)
                self._renewed = time.monotonic()
            except VersionConflict:
                self._lost = True


@contextmanager
def hold_build_folder(root: Path, part: Part | None = None) -> Iterator[BuildLease]:
    """Inside, this process alone builds in the folder, or does this part of it.

    Raises:
        UserError: another build does; says which.
    """
    root.mkdir(parents=True, exist_ok=True)
    lease = BuildLease(open_files(root), part)
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()


def lease_records(files: FileSystem) -> dict[str, LeaseRecord]:
    """What the leases of a build say, by name: that of a whole build, and those of ranks."""
    found: dict[str, LeaseRecord] = {}
    for name in (NAME, *(f"{FOLDER}/{one.name}" for one in files.list(FOLDER))):
        with suppress(FileNotFoundError):
            found[name] = _decode(files.read(name).data)
    return found


def _decode(data: bytes) -> LeaseRecord:
    """What an object says; one that says nothing of use is nobody's."""
    try:
        found = json.loads(data)
        return LeaseRecord(**found) if isinstance(found["epoch"], int) else LeaseRecord()
    except (ValueError, TypeError, KeyError):
        return LeaseRecord()


def _is_gone(holder: LeaseRecord) -> bool:
    """Has the holder's process ended? Known on its own machine only."""
    if holder.machine != _machine():
        return False
    if holder.pid == os.getpid():
        return holder.id not in _ours
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _began(holder.pid) != holder.began


def _machine() -> str:
    """Where process numbers mean the same: a running system, and one space of numbers in it."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _began(pid: int) -> str:
    """When a process began, in the system's ticks; "" where that is not known, and for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _who() -> str:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%H:%M:%S')}: {command}"
