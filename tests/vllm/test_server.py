"""vLLM's own server, asked over HTTP as a recipe with ``url`` asks it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from cliploom.engine.contract.errors import RowError, UserError
from cliploom.models.chat.model import ChatModel, ChatModelOptions, ChatRequest, ImagePart, Message, VideoPart
from cliploom.models.chat.remote import open_remote

PATIENCE_S = 240
SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string", "maxLength": 20}},
    "required": ["caption"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def url(seer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the model that sees, under the name ``seer``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--max-model-len", "2048", "--max-num-seqs", "16", "--enforce-eager", "--dtype", "bfloat16"]
    options += ["--structured-outputs-config", json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})]
    options += ["--media-io-kwargs", json.dumps({"video": {"num_frames": -1}}), "--served-model-name", "seer"]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(seer), *options]
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    settings = {**os.environ, **quiet, "VLLM_ENABLE_V1_MULTIPROCESSING": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=file, stderr=file, env=settings
        )
    try:
        wait(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Until it answers."""
    last = time.monotonic() + PATIENCE_S
    while server.poll() is None and time.monotonic() < last:
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])


def ask(model: ChatModelOptions, *requests: ChatRequest) -> list[Any]:
    async def all_() -> list[Any]:
        async with open_remote(model) as opened:
            return await asyncio.gather(*(answered(opened, request) for request in requests))

    return asyncio.run(all_())


async def answered(model: ChatModel, request: ChatRequest) -> Any:
    try:
        return await model.ask(request)
    except RowError as error:
        return error


def question(*parts: Any, schema: Any = None) -> ChatRequest:
    return ChatRequest([Message(role="user", content=["What is shown?", *parts])], schema, 40)


def test_pictures_films_and_schemas(url: str, jpegs: list[bytes]) -> None:
    film = VideoPart(tuple(map(ImagePart, jpegs)), tuple(0.5 * i for i in range(len(jpegs))))
    model = ChatModelOptions("seer", [url], film="video")
    requests = [question(), question(ImagePart(jpegs[0])), question(film), question(schema=SCHEMA)]
    plain, picture, films, json_ = ask(model, *requests)
    assert picture.prompt_tokens == plain.prompt_tokens + 2 + 24
    assert films.prompt_tokens == plain.prompt_tokens + 2 + 20 * 24  # all forty frames, two a token
    assert json_.finish_reason in ("stop", "length") and json_.text.startswith('{"caption":"')
    if json_.finish_reason == "stop":
        assert list(json.loads(json_.text)) == ["caption"]


def test_what_it_does_not_take(url: str, jpegs: list[bytes]) -> None:
    long, broken, good = ask(
        ChatModelOptions("seer", [url]), question("word " * 1000), question(ImagePart(b"nothing")), question()
    )
    assert (long.kind, broken.kind, good.completion_tokens > 0) == ("too_long", "bad_request", True)
    with pytest.raises(UserError, match="seer"):
        ask(ChatModelOptions("sear", [url]), question())


def test_many_at_once(url: str, jpegs: list[bytes]) -> None:
    answers = ask(ChatModelOptions("seer", [url]), *(question(f"{i}", ImagePart(jpegs[i])) for i in range(16)))
    assert [answer.finish_reason in ("stop", "length") for answer in answers] == [True] * 16
