"""What is raised, as a value and in words."""

from __future__ import annotations

import asyncio
from pathlib import Path

import hostile
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

from cliploom.engine.contract.errors import RowError
from cliploom.engine.execution.failures import (
    as_row_error,
    attempt,
    attempt_async,
    in_words,
    leaves_gpu_unusable,
    plain_text,
)


def raised(deed: str) -> BaseException:
    error = attempt(hostile.DEEDS[deed]).error
    assert error is not None
    return error


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_whatever_is_raised_is_a_value_and_has_words(deed: str) -> None:
    error = as_row_error(raised(deed), hostile.InWorker())
    assert plain_text(error).encode()


@pytest.mark.parametrize("deed", hostile.RAISING)
def test_whatever_a_coroutine_raises_is_a_value(deed: str) -> None:
    async def work() -> None:
        hostile.DEEDS[deed]()

    assert asyncio.run(attempt_async(work())).error is not None


def test_a_cancellation_from_outside_is_passed_on() -> None:
    async def cancelled() -> bool:
        task = asyncio.create_task(attempt_async(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(cancelled())


@given(st.one_of(st.text(st.characters()), st.binary(), st.integers(), st.none()))
def test_plain_text_can_be_written(value: object) -> None:
    assert len(plain_text(value).encode().decode()) <= 2000


def test_plain_text_shows_what_it_cannot_write() -> None:
    assert plain_text("a \ud800 b") == "a \\ud800 b"
    assert plain_text(hostile.Unspeakable()) == "<Unspeakable, whose text cannot be read>"


def test_an_error_names_the_line_of_the_step_and_no_folder_of_the_machine() -> None:
    def make() -> None:
        toys.Say(mode="raise").make(toys.Shown(hostile.clip("v00003_1"), None))  # type: ignore[arg-type]

    error = attempt(make).error
    assert error is not None
    lines = Path(toys.__file__).read_text().splitlines()
    number = next(n for n, text in enumerate(lines, 1) if 'raise ValueError("no word for it")' in text)
    assert in_words(error, toys.Say()) == f"no word for it (toys.py:{number})"


def test_an_error_without_a_text_is_named() -> None:
    assert in_words(KeyError(), hostile.InWorker()) == "KeyError()"
    assert in_words(SystemExit(3), hostile.InWorker()) == "SystemExit(3)"


def test_a_step_s_own_words_stay_as_they_are() -> None:
    error = RowError("it will not", "refused")
    assert as_row_error(error, hostile.InWorker()) is error


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: unspecified launch failure",
        "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=x",
        "CUDA failed with error an illegal memory access was encountered",
        "HIP error: invalid argument",
        "CUDA driver error: misaligned address",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    ],
)
def test_a_gpu_that_is_lost_is_known_by_its_words(message: str) -> None:
    assert leaves_gpu_unusable(RuntimeError(message))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: out of memory",
        "CUDA failed with error out of memory",
        "Torch not compiled with CUDA enabled",
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
        "the clip's title is CUDA errors explained",
    ],
)
def test_a_gpu_that_lacks_memory_or_is_not_there_is_not_lost(message: str) -> None:
    assert not leaves_gpu_unusable(RuntimeError(message))
