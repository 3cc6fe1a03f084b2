"""Many small files from a server on this machine: ``builders.urls`` against a bare aiohttp loop, as many at once.

    python benchmarks/urls.py [--files 1000] [--at-once 16] [--wait-ms 0] [--runs 3]

The server is a process of its own that keeps connections open; ``--wait-ms`` is how long it lets each request wait, as
one far away does. Compared are ``bare`` (get, read, write), ``fetch`` (our client: type, first bytes, length, Range
notes, rename) and ``build`` (a whole build with robots.txt, a look into each container, hashes and tables). The share
is files a second in relation to ``bare`` in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

VIDEO = Path(__file__).parents[1] / "tests" / "media" / "made_tiny_16x16.mp4"


def serve(port: Connection, wait_s: float) -> None:
    """Answer every path with the small video."""
    from aiohttp import web

    body = VIDEO.read_bytes()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/robots.txt":
            raise web.HTTPNotFound
        if wait_s:
            await asyncio.sleep(wait_s)
        return web.Response(body=body, content_type="video/mp4")

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/{name}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


async def bare(urls: list[str], folder: Path, at_once: int) -> None:
    """What anybody would write."""
    from aiohttp import ClientSession, TCPConnector

    lanes = asyncio.Semaphore(at_once)
    async with ClientSession(connector=TCPConnector(limit=at_once)) as session:

        async def one(number: int, url: str) -> None:
            async with lanes, session.get(url) as response:
                response.raise_for_status()
                (folder / f"{number}.mp4").write_bytes(await response.read())

        await asyncio.gather(*(one(number, url) for number, url in enumerate(urls)))


async def fetch(urls: list[str], folder: Path, at_once: int) -> None:
    """The same by the client of ``builders.urls``."""
    from cliploom.builders.downloads.direct import DirectClient
    from cliploom.builders.downloads.hosts import Hosts
    from cliploom.builders.downloads.options import DownloadOptions
    from cliploom.builders.downloads.session import open_session

    options = DownloadOptions(allow_private=True, at_once=at_once, per_host=at_once)
    hosts = Hosts(at_once, 0.0, 60.0)
    async with open_session(options) as session:
        client = DirectClient(session, options)

        async def one(number: int, url: str) -> None:
            async with hosts.slot("server"):
                came = await client.fetch(url, part := folder / f"{number}.part")
                part.rename(folder / f"{number}.{came.ending}")

        await asyncio.gather(*(one(number, url) for number, url in enumerate(urls)))


def build(urls: list[str], folder: Path, at_once: int) -> None:
    """A whole build."""
    import cliploom as cl
    from cliploom.builders.urls import Urls

    step = Urls(tuple(urls), at_once=at_once, per_host=at_once, allow_private=True)
    made = cl.build(cl.Recipe("urls", (step,)), folder / "build")
    rows = made.sql("SELECT count(*) AS n FROM videos").to_pylist()[0]["n"]
    assert rows == len(urls), rows


def measure(run: Callable[[Path], None]) -> float:
    """Seconds of one run."""
    folder = Path(tempfile.mkdtemp())
    try:
        began = time.perf_counter()
        run(folder)
        return time.perf_counter() - began
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--wait-ms", type=float, default=0.0)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, given.wait_ms / 1000), daemon=True)
    server.start()
    port = ours.recv()
    urls = [f"http://127.0.0.1:{port}/{n}.mp4" for n in range(given.files)]
    ways: dict[str, Callable[[Path], None]] = {
        "bare": lambda folder: asyncio.run(bare(urls, folder, given.at_once)),
        "fetch": lambda folder: asyncio.run(fetch(urls, folder, given.at_once)),
        "build": lambda folder: build(urls, folder, given.at_once),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.runs):
        for name, way in ways.items():
            times[name].append(measure(way))
    server.kill()
    for name, seconds in times.items():
        share = statistics.median(b / s for b, s in zip(times["bare"], seconds, strict=True))
        print(f"{name:6} {given.files / statistics.median(seconds):8.0f} files/s   {share:5.2f} of bare")


if __name__ == "__main__":
    main()
