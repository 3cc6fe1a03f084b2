"""Pictures and films through vLLM's own processor and a Qwen2.5-VL of random weights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from vllm.multimodal.media import MediaConnector
from vllm.v1.engine.llm_engine import LLMEngine

from cliploom.engine.contract.errors import RowError
from cliploom.models.chat.model import ChatModel, ChatRequest, ImagePart, Message, VideoPart
from cliploom.models.chat.vllm_video import VllmVideoReader, pack_video

Pair = tuple[asyncio.Runner, ChatModel]
PROMPT = 33
"""Tokens of a question that shows nothing."""
PICTURE = 24 + 2
"""Tokens of a picture of 160x120, which is made 168x112."""


@pytest.fixture(scope="module")
def films(seer: Path, opened: Callable[..., Any]) -> Iterator[Pair]:
    with opened(seer, film="video") as pair:
        yield pair


def ask(pair: Pair, *parts: Any, max_tokens: int = 8) -> Any:
    async def one() -> Any:
        request = ChatRequest([Message(role="user", content=["What is shown?", *parts])], None, max_tokens)
        return (await asyncio.gather(pair[1].ask(request), return_exceptions=True))[0]

    return pair[0].run(one())


def film(jpegs: list[bytes], every_s: float = 0.5) -> VideoPart:
    return VideoPart(tuple(ImagePart(jpeg) for jpeg in jpegs), tuple(7.0 + every_s * i for i in range(len(jpegs))))


def test_a_film_is_read_with_its_times(jpegs: list[bytes]) -> None:
    times_s = (3.0, 3.5, 4.25, 5.0)
    frames, told = VllmVideoReader.load_bytes(
        pack_video(VideoPart(tuple(map(ImagePart, jpegs[:4])), times_s)), num_frames=2
    )
    assert frames.shape == (4, 120, 160, 3) and frames[0].mean() < frames[3].mean()
    assert [index / told["fps"] for index in told["frames_indices"]] == [0.0, 0.5, 1.25, 2.0]
    assert told["duration"] == pytest.approx(8 / 3, abs=0.01)
    assert len(times_s) / told["total_num_frames"] * told["fps"] == pytest.approx(1.5, abs=0.01)  # frames a second
    assert not told["do_sample_frames"]
    _, still = VllmVideoReader.load_bytes(pack_video(VideoPart(tuple(map(ImagePart, jpegs[:2])), (3.0, 3.0))))
    assert still["total_num_frames"] >= 2 and still["fps"] > 0


def test_what_vllm_makes_of_frames_without_times(jpegs: list[bytes]) -> None:
    """Why ``VllmVideoReader`` is there; when this fails, it may go."""
    import base64

    frames = ",".join(base64.b64encode(jpeg).decode() for jpeg in jpegs)
    read, told = MediaConnector().fetch_video(f"data:video/jpeg;base64,{frames}")
    assert (len(read), told["fps"]) == (32, 1.0)


def test_films(films: Pair, jpegs: list[bytes]) -> None:
    assert ask(films).prompt_tokens == PROMPT
    assert ask(films, ImagePart(jpegs[0])).prompt_tokens == PROMPT + PICTURE
    eight, forty = ask(films, film(jpegs[:8])), ask(films, film(jpegs))
    assert (eight.prompt_tokens, eight.completion_tokens) == (PROMPT + 2 + 4 * 24, 8)
    assert forty.prompt_tokens == PROMPT + 2 + 20 * 24


def test_times_reach_the_model(films: Pair, jpegs: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    per_token, add = [], LLMEngine.add_request

    def watched(engine: LLMEngine, name: str, prompt: Any, *others: Any, **options: Any) -> str:
        per_token.append(prompt["mm_kwargs"]["video"][0]["second_per_grid_ts"].data.item())
        return str(add(engine, name, prompt, *others, **options))

    monkeypatch.setattr(LLMEngine, "add_request", watched)
    for every_s in (0.25, 4.0):
        assert ask(films, film(jpegs[:8], every_s)).completion_tokens == 8
    assert per_token == [0.5, 8.0]  # a token stands for two frames


def test_films_that_cannot_be_read_cost_only_themselves(films: Pair, jpegs: list[bytes]) -> None:
    import cv2
    import numpy as np

    small = cv2.imencode(".jpg", np.zeros((40, 40, 3), np.uint8))[1].tobytes()
    for broken in ([jpegs[0], b"nothing"], [jpegs[0], small], [jpegs[0], jpegs[1][:300]]):
        error = ask(films, film(broken))
        assert isinstance(error, RowError) and error.kind == "bad_request"
    error = ask(films, film(jpegs * 8))
    assert isinstance(error, RowError) and error.kind == "too_long"
    assert ask(films, film(jpegs[:2])).completion_tokens == 8


def test_pictures(seer: Path, opened: Callable[..., Any], jpegs: list[bytes]) -> None:
    letters = [*range(64, 90)]
    with opened(seer, {"limit_mm_per_prompt": {"image": 8, "video": 0}}, extra={"allowed_token_ids": letters}) as pair:
        eight = ask(pair, film(jpegs[:8]))  # as pictures, if not told otherwise
        assert eight.prompt_tokens == PROMPT + 8 * PICTURE
        assert eight.text.isascii() and len(eight.text) == 8
        assert ask(pair, film(jpegs[:8])) == eight
        error = ask(pair, film(jpegs[:9]))
        assert isinstance(error, RowError) and error.kind == "bad_request" and "At most 8 image" in error.message
        error = ask(pair, ImagePart(b"nothing"))
        assert isinstance(error, RowError) and error.kind == "bad_request"
        many = pair[0].run(_all(pair[1], jpegs))
        assert [answer.completion_tokens for answer in many] == [4] * 24


async def _all(model: ChatModel, jpegs: list[bytes]) -> list[Any]:
    requests = [
        ChatRequest([Message(role="user", content=[f"{i}", *map(ImagePart, jpegs[i % 5 : i % 5 + 8])])], None, 4)
        for i in range(24)
    ]
    return await asyncio.gather(*map(model.ask, requests))
