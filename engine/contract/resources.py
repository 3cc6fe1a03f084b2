"""What one worker process of a step takes of a machine."""

from __future__ import annotations

from typing import NamedTuple


class Resources(NamedTuple):
    """Numbers that hold for one worker; about right is good enough.

    Attributes:
        cpus: processors that it keeps busy.
        gpus: GPUs: whole ones, or a share of one (0.5: two such workers fit on it); 0 for none.
        gpu_memory_mb: memory that it takes on its GPU; 0: as much as its share.
        memory_mb: main memory.
        needs_gpu: it cannot work on a machine without a GPU; otherwise it does without.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    gpu_memory_mb: int = 0
    memory_mb: int = 300
    needs_gpu: bool = False

    def __str__(self) -> str:
        memory = f" with {self.gpu_memory_mb} MB" if self.gpu_memory_mb else ""
        gpu = f"{self.gpus:g} GPU{memory}{'' if self.needs_gpu else ' if there is one'}, " if self.gpus else ""
        return f"{self.cpus:g} CPU, {gpu}{self.memory_mb} MB"
