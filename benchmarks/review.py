"""What a review costs: tasks to a real Label Studio server and answers back, and the page's part of a judgement.

``.venv-review/bin/python benchmarks/review.py [TASKS]``, in the environment of ``make test-review``, pushes so many
tasks (10,000 by default) to a server of its own on the loopback, with one answer each, and prints

- ``push``, ``again``, ``pull``: seconds of the command's work (goal: push and pull of 10,000 at most 300 together);
- ``bare``: the same JSON to another project, and its tasks back, by plain requests: the floor below which no client
  comes (goal: push and pull at most twice that);
- ``memory``: how far this process grew by it (goal: at most 300 MB);
- ``page``: keys of a judgement and the time from the key until the next clip is shown in headless Chromium, in the
  median and for the slowest of twenty. With ``HUMAN_S`` for watching and reading that makes judgements an hour (goal:
  300).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "review"))

import httpx
from builds import FILM, ReviewBuild
from playwright.sync_api import sync_playwright
from server_process import LEGACY, Server

from cliploom.annotation.backends.folder import ReviewFolder, read_folder
from cliploom.annotation.backends.label_studio import sync
from cliploom.annotation.backends.label_studio.client import PAGE, LabelStudioServer, open_server
from cliploom.annotation.backends.label_studio.places import ClipPlace
from cliploom.annotation.backends.page.backend import Page
from cliploom.annotation.tasks.task import CandidateCaption, ReviewTask, write_task_file

CLIPS = 50
HUMAN_S = 9.0  # to watch a clip of four seconds and read three captions of ten words
JUDGED = 40  # on the page
ANSWER = {"id": "a", "from_name": "verdict", "to_name": "video", "type": "choices", "value": {"choices": ["accept"]}}

NEXT = """(key) => new Promise((done) => {
    const began = performance.now(), video = document.querySelector("video");
    const shown = () => requestAnimationFrame(() => done(performance.now() - began));
    video.addEventListener("loadeddata", shown, { once: true });
    document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
})"""
"""Press a key; milliseconds until the next clip is shown."""


def make_review(root: Path, kind: str, count: int) -> ReviewFolder:
    """A review of so many captions of some clips of a film."""
    ReviewBuild(root, kind=kind).build()
    shutil.copy(FILM, root / "film.mp4")
    texts = 3 if kind == "choose" else 1
    tasks = []
    for n in range(count):
        said = tuple(
            CandidateCaption(f"c{n}_{k}", f"Somebody walks through deep snow, caption {n}, {k}.") for k in range(texts)
        )
        start_s = 2.0 + n % CLIPS * 0.5
        tasks.append(ReviewTask(f"c{n}_{n:08x}", f"v_{n % CLIPS}", "v", "Film", start_s, start_s + 4, "film.mp4", said))
    write_task_file(root / "review", tasks)
    folder = read_folder(root, "review")
    assert folder
    return folder


@contextmanager
def running(root: Path) -> Iterator[Server]:
    """A server of our own, or the one whose address and folder are given."""
    if url := os.environ.get("REVIEW_SERVER"):
        yield Server(Path(os.environ["REVIEW_SERVER_ROOT"]), int(url.rpartition(":")[2]))
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(root / "label_studio", free.getsockname()[1])
    server.root.mkdir()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def answer_all(server: LabelStudioServer) -> list[list[dict[str, Any]]]:
    """Have each task come with an answer, as if people had been there; the batches that were sent."""
    sent: list[list[dict[str, Any]]] = []
    send = server.client.projects.import_tasks

    def import_tasks(project: int, *, request: list[dict[str, Any]]) -> Any:
        request = [{**task, "annotations": [{"result": [ANSWER], "lead_time": 3.0}]} for task in request]
        sent.append(request)
        return send(project, request=request)

    server.client.projects.import_tasks = import_tasks  # type: ignore[method-assign]
    return sent


def time_bare(server: Server, batches: list[list[dict[str, Any]]], config: str) -> float:
    """Seconds that the same takes by plain requests."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Token {LEGACY}"}, timeout=120) as client:
        made = client.post("/api/projects", json={"title": "bare", "label_config": config}).raise_for_status().json()
        began = time.perf_counter()
        for batch in batches:
            client.post(f"/api/projects/{made['id']}/import", json=batch).raise_for_status()
        for query in ("fields=task_only&include=id,meta", f"fields=all&include={sync._ANSWER_FIELDS}"):
            for page in range(1, sum(map(len, batches)) // PAGE + 1):
                url = f"/api/tasks?project={made['id']}&page={page}&page_size={PAGE}&{query}"
                client.get(url, follow_redirects=True).raise_for_status().json()
        return time.perf_counter() - began


def measure_server(root: Path, count: int) -> None:
    """Print what a push and a pull take."""
    os.environ["REVIEW_TOKEN"] = LEGACY
    with running(root) as server:
        title = f"{count} tasks, {time.time():.0f}"
        folder = make_review(server.root / "served" / title, "judge", count)
        place = ClipPlace(folder.path, server.root / "served")
        list(sync.make_clips(folder.root, folder.path, sync.read_task_file(folder.path)))
        client = open_server(server.url, "REVIEW_TOKEN")
        batches, before = answer_all(client), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        assert sync.push(client, folder, title, place).made == count
        pushed = time.perf_counter()
        assert sync.push(client, folder, title, place).there == count
        again = time.perf_counter()
        assert sync.pull(client, folder).answers == count
        pulled = time.perf_counter()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        kept = sum(len(json.dumps(batch)) for batch in batches) / 1e6  # of this benchmark itself
        bare = time_bare(server, batches, sync.label_config(folder.form))
        both = pushed - began + pulled - again
        print(f"push {pushed - began:.0f} s, again {again - pushed:.0f} s, pull {pulled - again:.0f} s: {both:.0f} s")
        print(f"bare {bare:.0f} s: push and pull take {both / bare:.2f} of it")
        print(f"memory +{grown:.0f} MB, with the {kept:.0f} MB that were sent kept for `bare`")


def measure_page(root: Path) -> None:
    """Print what the page's part of a judgement is."""
    folder = make_review(root / "page", "choose", JUDGED + 1)
    Page(folder.root, folder.path, folder.form).post(list(sync.read_task_file(folder.path)))
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto((folder.path / "review.html").as_uri())
        waits = []
        for number in range(JUDGED):
            page.wait_for_function("document.querySelector('video').readyState >= 2")
            waits.append(page.evaluate(NEXT, str(number % 3 + 1)) / 1000)
        assert f"{JUDGED} answered" in page.locator("#count").inner_text()
        browser.close()
    usual, slow = median(waits), quantiles(waits, n=20)[-1]
    rate = 3600 / (HUMAN_S + usual)
    print(f"page 1 key a judgement, {usual * 1000:.0f} ms to the next clip, {slow * 1000:.0f} ms for one in twenty")
    print(f"page {rate:.0f} judgements an hour at {HUMAN_S:g} s of watching and reading each")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure_page(Path(folder))
        measure_server(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
