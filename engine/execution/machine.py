"""What this machine has: processors, memory and GPUs."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from ..contract.resources import Resources

_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN_MB = 1 << 20  # more than any step asks for


class Gpu(NamedTuple):
    """One GPU that this process may use; ``word`` is its place in ``CUDA_VISIBLE_DEVICES``."""

    word: str
    memory_mb: int = 0  # 0: unknown
    used_mb: int = 0  # by other programs
    name: str = ""


class Machine(NamedTuple):
    """What there is for all workers of a build."""

    cpus: int
    memory_mb: int
    gpus: tuple[Gpu, ...] = ()

    def lack(self, needs: Resources) -> str:
        """Why no worker could ever have what it needs here; "" if one could."""
        if needs.memory_mb > self.memory_mb:
            return f"needs {needs.memory_mb} MB of memory, this machine has {self.memory_mb} MB"
        if not needs.gpus or not (self.gpus or needs.needs_gpu):
            return ""
        if math.ceil(needs.gpus) > len(self.gpus):
            return f"needs {math.ceil(needs.gpus)} GPU, this machine has {len(self.gpus)}"
        largest = max(gpu.memory_mb for gpu in self.gpus)
        if 0 < largest < needs.gpu_memory_mb:
            return f"needs {needs.gpu_memory_mb} MB on a GPU, the largest here has {largest} MB"
        return ""


def this_machine() -> Machine:
    """The machine that this process runs on, or what its container lets it have of it."""
    return Machine(usable_cpus(), _total_mb(), visible_gpus(read_gpus(), os.environ.get("CUDA_VISIBLE_DEVICES")))


def usable_cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_gpus() -> dict[str, Gpu]:
    """All NVIDIA GPUs by their UUIDs, in the order of their places on the bus; none where no driver answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    query = [program, "--query-gpu=uuid,index,memory.total,memory.used,name", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, Gpu] = {}
    for line in said.splitlines():
        uuid, index, total, used, name = (word.strip() for word in line.split(",", 4))
        found[uuid] = Gpu(index, _number(total), _number(used), name)
    return found


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else 0  # "[N/A]" where memory is shared with the processor


def visible_gpus(found: dict[str, Gpu], visible: str | None) -> tuple[Gpu, ...]:
    """Those that ``CUDA_VISIBLE_DEVICES`` names, by its own words; all where it is not set."""
    if visible is None:
        return tuple(found.values())
    by_word = {gpu.word: gpu for gpu in found.values()}
    made: list[Gpu] = []
    for word in (word.strip() for word in visible.split(",")):
        if word.lstrip("-").isdecimal() and word not in by_word:
            break  # as CUDA does: what comes after a number of no device does not count
        known = by_word.get(word) or next((gpu for uuid, gpu in found.items() if word and uuid.startswith(word)), None)
        if word and found:
            made.append(known._replace(word=word) if known else Gpu(word))  # part of one (MIG) has no line of its own
    return tuple(made)


def _total_mb() -> int:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (ValueError, OSError):
        total = _UNKNOWN_MB
    return min(total, _limit_mb() or total)


def _limit_mb() -> int | None:
    """The most memory that the container may have, if it is limited."""
    try:
        return int((_CGROUP / "memory.max").read_text()) >> 20
    except (OSError, ValueError):
        return None


def available_mb() -> int:
    """The memory that is free for use, in MB; a very large number where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        free = _UNKNOWN_MB
    limit = _limit_mb()
    return free if limit is None else min(free, limit - _memory_in_use_mb())


def _memory_in_use_mb() -> int:
    """What the container holds of its memory, without files that it could let go of."""
    try:
        held = int((_CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return held - int(stat["inactive_file"]) >> 20
    except (OSError, ValueError, KeyError):
        return 0
