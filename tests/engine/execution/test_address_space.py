"""Too little address space is said before anything breaks."""

from __future__ import annotations

import resource

import pytest

from cliploom.engine.contract.errors import UserError
from cliploom.engine.execution.address_space import check_address_space


def test_a_process_that_may_take_little_memory_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (2_000_000_000, resource.RLIM_INFINITY))
    with pytest.raises(UserError, match=r"allows a process 2.00 GB of address space; a build needs 3") as caught:
        check_address_space()
    assert caught.value.hint == "raise the limit: ulimit -v unlimited"


@pytest.mark.parametrize("allowed", [3_000_000_000, 1 << 40, resource.RLIM_INFINITY])
def test_enough_is_enough(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (allowed, resource.RLIM_INFINITY))
    check_address_space()
