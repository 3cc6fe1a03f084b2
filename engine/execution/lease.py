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

    def __init__(self, files: FileSystem) -> None:
        self._files, self._root = files, files.place("").rstrip("/")
        self._record, self._version = LeaseRecord(), ""
        self._lost = False
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
        self._thread.start()

    def check(self) -> None:
        """Raise ``LeaseLost`` if somebody else has it by now."""
        if self._lost:
            raise LeaseLost(f"{self._root} was taken over by another build", "build again: what is finished is kept")

    def give_back(self) -> None:
        """Let go of it."""
        self._ends.set()
        _ours.discard(self._record.id)
        self._thread.join(RENEW_S)
        with suppress(VersionConflict, OSError, UserError):
            self._files.replace_if_unchanged(NAME, LeaseRecord(self.epoch).encode(), self._version)

    def _try(self) -> bool:
        """Take it if it is free. False where somebody else was quicker."""
        mine = LeaseRecord(1, uuid.uuid4().hex, os.getpid(), _machine(), _began(os.getpid()), time.time(), _who())
        try:
            content = self._files.read(NAME)
        except FileNotFoundError:
            if not self._files.put_if_absent(NAME, mine.encode()):
                return False
            self._record, self._version = mine, self._files.read(NAME).version
            return True
        except OSError as error:
            raise UserError(f"{self._files.place(NAME)} cannot be read: {error.strerror}", "remove it") from None
        holder = _decode(content.data)
        if holder.id and not _is_gone(holder) and not self._expires(holder, content.version):
            said = holder.said or "another process"
            raise UserError(f"{self._root} is being built by {said}", "wait for it to end, or stop it")
        mine = replace(mine, epoch=holder.epoch + 1, renewed=time.time())
        try:
            self._version = self._files.replace_if_unchanged(NAME, mine.encode(), content.version)
        except VersionConflict:
            return False
        self._record = mine
        return True

    def _expires(self, holder: LeaseRecord, version: str) -> bool:
        """Is it not renewed, while we watch? One that was lately is not watched: its holder is at work."""
        if holder.machine == _machine() or abs(time.time() - holder.renewed) < EXPIRES_S:
            return False
        until = time.monotonic() + WATCH_S
        while time.monotonic() < until:
            time.sleep(_LOOK_S)
            if self._files.read(NAME).version != version:
                return False
        return True

    def _renew(self) -> None:
        while not self._ends.wait(RENEW_S):
            record = replace(self._record, renewed=time.time())
            try:
                self._version = self._files.replace_if_unchanged(NAME, record.encode(), self._version)
            except VersionConflict:
                self._lost = True
                return
            except (OSError, UserError):
                continue  # a disk that is full may have room again, and a store may answer again


@contextmanager
def hold_build_folder(root: Path) -> Iterator[BuildLease]:
    """Inside, this process alone builds in the folder.

    Raises:
        UserError: another build does; says which.
    """
    root.mkdir(parents=True, exist_ok=True)
    lease = BuildLease(open_files(root))
    lease.take()
    try:
        yield lease
    finally:
        lease.give_back()


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
