"""Which workers have which GPUs, or which share of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..contract.resources import Resources
from .machine import Gpu

_LITTLE = 1e-6  # thirds add up to one


class GpuGrant(NamedTuple):
    """What one worker has of the GPUs."""

    places: tuple[int, ...]  # of its GPUs among all
    needs: Resources
    environment: dict[str, str]  # by which it sees these alone; empty for none


class GpuShares:
    """The GPUs of a machine and what is left of each. Two workers share one only if shares and memory of both fit."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._gpus = list(gpus)
        self._grants: list[GpuGrant] = []

    def take(self, needs: Resources) -> GpuGrant | None:
        """What a worker needs, on the GPUs with most left; None where there is not enough now."""
        if not needs.gpus or not self._gpus:
            return GpuGrant((), needs, {})
        free = sorted((at for at in range(len(self._gpus)) if self._fits(at, needs)), key=self._share_held)
        wanted = math.ceil(needs.gpus)
        if len(free) < wanted:
            return None
        words = [self._gpus[at].word for at in free[:wanted]]
        environment = {"CUDA_VISIBLE_DEVICES": ",".join(words)}
        if all(map(str.isdecimal, words)):
            environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as they were counted
        self._grants.append(grant := GpuGrant(tuple(free[:wanted]), needs, environment))
        return grant

    def give_back(self, grant: GpuGrant) -> None:
        """The worker is gone."""
        if grant.places:
            self._grants.remove(grant)

    def _fits(self, at: int, needs: Resources) -> bool:
        gpu, others = self._gpus[at], self._needs_of(at)
        if self._share_held(at) + min(needs.gpus, 1.0) > 1.0 + _LITTLE:
            return False
        if not others or not gpu.memory_mb:
            return True  # alone it may try, whatever other programs hold
        return gpu.used_mb + sum(_memory_mb(gpu, some) for some in [*others, needs]) <= gpu.memory_mb

    def _share_held(self, at: int) -> float:
        return sum(min(needs.gpus, 1.0) for needs in self._needs_of(at))

    def _needs_of(self, at: int) -> list[Resources]:
        return [grant.needs for grant in self._grants if at in grant.places]


def _memory_mb(gpu: Gpu, needs: Resources) -> float:
    return needs.gpu_memory_mb or gpu.memory_mb * min(needs.gpus, 1.0)
