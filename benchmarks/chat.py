"""What a step costs beside the server that it asks: calls per second against the bare client's.

``python benchmarks/chat.py [CALLS]`` starts a server of made-up answers (50 ms each, 64 at once) in a process of its
own and prints calls per second of (a) OpenAI's client under a semaphore of 64, (b) ``captioners.rewrite`` as its event
loop drives it, and the same as a build (goal: at least 0.95 of (a)), (c) the same rows when every answer is known
(goal: at least 20,000 rows/s of the step itself), and (d) peak memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cliploom.captioners.rewrite import Rewrite, RewriteAnswer, RewriteInput
from cliploom.engine.build import run_build
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import BatchFunction, Item, Source, Split, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.models.chat.answer_schema import shape_of
from cliploom.models.chat.model import ChatModelOptions
from cliploom.models.chat.prompt import load_prompt
from cliploom.schemas import Caption, Clip, Col, Video

SLOTS, LATENCY_S = 64, 0.05
ROUNDS = 4  # (a) and (b) take turns, so that both meet the same machine
CLIPS = 50  # per video
PROMPT = (
    "{% block system %}Merge notes about a clip into one caption.{% endblock %}"
    "{% block user %}{% for c in captions %}{{ c.teacher }}: {{ c.text }}\n{% endfor %}{% endblock %}"
)
MODEL = {"id": "m", "root": "m"}
CAPTION = json.dumps({"caption": "Two people sit at a long table in a dark room and talk about a map."})
ANSWER = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": CAPTION}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 90, "completion_tokens": 22, "total_tokens": 112},
}


class Connection(asyncio.Protocol):
    """A connection to the server; a question waits for a slot, then for its answer."""

    free = SLOTS
    queue: deque[Connection] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.read = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each question that has come whole."""
        self.read += data
        head, whole, rest = self.read.partition(b"\r\n\r\n")
        if not whole:
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        self.read = rest[length:]
        if head.startswith(b"GET"):
            self.transport.write(_http({"data": [MODEL]}))
        elif Connection.free:
            self.begin()
        else:
            Connection.queue.append(self)

    def begin(self) -> None:
        """Take a slot for as long as an answer takes."""
        Connection.free -= 1
        asyncio.get_running_loop().call_later(LATENCY_S, self.end)

    def end(self) -> None:
        """Answer, and let the next one begin."""
        Connection.free += 1
        self.transport.write(_ANSWER)
        if Connection.queue:
            Connection.queue.popleft().begin()


def _http(body: object) -> bytes:
    content = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(content),
        content,
    )


_ANSWER = _http(ANSWER)


async def serve() -> None:
    """The server; it prints its port."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def served() -> Iterator[str]:
    """A server process, and its address."""
    process = subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


def note(clip: str, teacher: str, text: str) -> Caption:
    """A caption to be merged."""
    return Caption(f"{clip}_{teacher}", clip.split("_")[0], clip, teacher, "teacher", text, [], "m", "1")


def notes(clip: str) -> list[Caption]:
    """Two captions of a clip."""
    seen = f"Two people and a table, number {clip}, are visible in a dark, mainly brown picture."
    return [note(clip, "evidence", seen), note(clip, "title", "The search for the lost map")]


def rows(numbers: range) -> list[RewriteInput]:
    """Clips with their captions."""
    return [RewriteInput(Clip(f"v_{i}", "v", 0.0, 5.0, []), notes(f"v_{i}")) for i in numbers]


async def bare(url: str, given: Sequence[RewriteInput]) -> float:
    """Seconds that OpenAI's own client takes for the same questions."""
    import openai

    prompt, done = load_prompt(PROMPT), []
    wanted = {"name": "answer", "schema": shape_of(RewriteAnswer).schema, "strict": True}
    how: dict[str, Any] = {"response_format": {"type": "json_schema", "json_schema": wanted}}
    gate = asyncio.Semaphore(SLOTS)
    async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:

        async def ask(row: RewriteInput) -> None:
            async with gate:
                captions = [{"teacher": c.teacher, "text": c.text} for c in row.captions]
                messages: Any = prompt.messages({"captions": captions})
                reply = await client.chat.completions.create(
                    model="m", messages=messages, max_tokens=160, temperature=0, seed=0, **how
                )
            done.append(json.loads(reply.choices[0].message.content or "")["caption"])

        began = time.perf_counter()
        await asyncio.gather(*(ask(row) for row in given))
        took = time.perf_counter() - began
    assert len(done) == len(given)
    return took


async def through_step(step: Rewrite, given: Sequence[RewriteInput], root: Path) -> float:
    """Seconds that the step takes on an event loop, with twice as many rows under way as are asked."""
    left, done = iter(given), 0
    async with step.open_async(StepContext(root, {})) as work:

        async def lane() -> None:
            nonlocal done
            for row in left:
                made = await work(row)
                assert isinstance(made, list), made
                done += len(made)

        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(2 * step.max_concurrency())))
        took = time.perf_counter() - began
    assert done == len(given)
    return took


@dataclass(frozen=True)
class Videos(Source[Video]):
    """Videos that are not there."""

    cost = "row"
    n: Annotated[int, Col("how many", local=True)] = 1

    def find(self) -> Iterator[Item]:
        """Numbered ones."""
        for i in range(self.n):
            yield Item(f"v{i:05d}", "1", i)

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Item, Video]]:
        """Make them up."""
        yield lambda items: [[Video(i.video_id, str(i.payload), "", "", 0)] for i in items]


@dataclass(frozen=True)
class Clips(Split[Video, Clip]):
    """Fifty clips a video."""

    cost = "row"

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Video, Clip]]:
        """Make them up."""
        yield lambda videos: [
            [Clip(f"{v.video_id}_{k:02d}", v.video_id, k * 5.0, k * 5.0 + 5.0, []) for k in range(CLIPS)]
            for v in videos
        ]


@dataclass(frozen=True)
class Notes(Split[Clip, Caption]):
    """Two captions a clip."""

    cost = "row"
    batch = 256

    @contextmanager
    def open(self, site: StepContext) -> Iterator[BatchFunction[Clip, Caption]]:
        """Make them up."""
        yield lambda clips: [notes(c.clip_id) for c in clips]


def through_build(step: Rewrite, count: int, root: Path) -> float:
    """Seconds that a build takes for the step alone: what it reads is there already.

    In a folder where it was built before, that is a build that finds everything done.
    """
    before = (Videos(n=-(-count // CLIPS)), Clips(), Notes())
    options = RunOptions(workers=2)
    run_build(Recipe("chat", before, shards=4), root, options)
    began = time.perf_counter()
    run_build(Recipe("chat", (*before, step), shards=4), root, options)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, served() as url:
        root = Path(folder)
        os.environ["CLIPLOOM_CACHE"] = str(root / "cache")
        step = Rewrite(prompt=PROMPT, model=ChatModelOptions("m", url=[url], at_once=SLOTS, max_tokens=160))
        parts = [range(k * calls // ROUNDS, (k + 1) * calls // ROUNDS) for k in range(ROUNDS)]
        times = [(asyncio.run(bare(url, rows(p))), asyncio.run(through_step(step, rows(p), root))) for p in parts]
        floor, own = (sum(t) for t in zip(*times, strict=True))
        print(f"(a) the bare client  {calls / floor:8,.0f} calls/s")
        print(f"(b) the step         {calls / own:8,.0f} calls/s, {floor / own:.2f} of (a)")
        known = asyncio.run(through_step(step, rows(range(calls)), root))
        built = through_build(step, calls, root / "one")
        print(f"    as a build       {calls / built:8,.0f} calls/s, {floor / built:.2f} of (a)")
        again = through_build(step, calls, root / "two")
        print(f"(c) known answers    {calls / known:8,.0f} rows/s; as another build {calls / again:,.0f} rows/s")
        same = through_build(step, calls, root / "one")
        print(f"    the build again  {calls / same:8,.0f} rows/s")
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        print(f"(d) peak memory      {used:8,.0f} MB")


if __name__ == "__main__":
    main()
