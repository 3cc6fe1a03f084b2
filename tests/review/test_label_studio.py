"""Tasks to a real Label Studio server, an edit in a real browser, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from builds import ReviewBuild
from playwright.sync_api import Page
from server_process import LEGACY, Server

TOKEN = "REVIEW_TOKEN"


def cliploom(*words: object, token: str = LEGACY, code: int = 0) -> str:
    """What a command prints."""
    program = "from cliploom.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, TOKEN: token},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert token not in done.stdout + done.stderr
    return done.stdout + done.stderr


def push(build: ReviewBuild, server: Server, *more: object, **how: Any) -> str:
    where = ("--url", server.url, "--token", TOKEN)
    return cliploom("review", "push", build.root, *where, *(more or ("--files", server.root / "served")), **how)


def pull(build: ReviewBuild, server: Server, **how: Any) -> str:
    return cliploom("review", "pull", build.root, "--url", server.url, "--token", TOKEN, **how)


def project(build: ReviewBuild) -> int:
    return int(json.loads((build.root / "review" / "label_studio_project.json").read_text())["id"])


def tasks(page: Page, server: Server, build: ReviewBuild) -> list[dict[str, Any]]:
    found: Any = page.request.get(f"{server.url}/api/tasks?project={project(build)}&page=1&page_size=100&fields=all")
    listed: list[dict[str, Any]] = found.json()["tasks"]
    return listed


def open_task(page: Page, server: Server, build: ReviewBuild, number: int = 0) -> None:
    """Open a task and wait until its video can be played through."""
    task = tasks(page, server, build)[number]["id"]
    page.goto(f"{server.url}/projects/{project(build)}/data?task={task}")
    page.wait_for_selector("video", state="attached", timeout=60_000)
    page.wait_for_function("document.querySelector('video')?.readyState === 4", timeout=60_000)


def submit(page: Page) -> None:
    with page.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as sent:
        page.locator("button:has-text('Submit')").click()
    assert sent.value.status == 201


def build_in(server: Server, name: str, **options: Any) -> ReviewBuild:
    made = ReviewBuild(server.root / "served" / name, **options)
    assert "reviews are open" in made.build()[1]
    return made


def test_an_edit_comes_back(server: Server, ann: Page) -> None:
    build = build_in(server, "edit", kind="edit", sample=2)
    push(build, server)
    open_task(ann, server, build)
    ann.locator("textarea").first.fill('She walks; "slowly" =1')
    submit(ann)
    pull(build, server)
    [row], _ = build.build()
    assert (row.verdict, row.text) == ("edit", 'She walks; "slowly" =1')


def test_what_people_change_on_the_server_is_followed(server: Server, ann: Page, bo: Page) -> None:
    build = build_in(server, "changes", kind="judge")
    push(build, server)
    first, second, third, *_ = (task["id"] for task in tasks(ann, server, build))
    head = {"X-CSRFToken": next(c["value"] for c in ann.context.cookies() if c["name"] == "csrftoken")}

    def answer(task: int, verdict: str, **more: Any) -> int:
        result = {"from_name": "verdict", "to_name": "video", "type": "choices", "value": {"choices": [verdict]}}
        data = {"result": [] if more else [result], "lead_time": 2.5, **more}
        made = ann.request.post(f"{server.url}/api/tasks/{task}/annotations/", data=data, headers=head)
        assert made.ok, made.text()
        return int(made.json()["id"])

    kept, gone, _ = answer(first, "accept"), answer(second, "reject"), answer(third, "", was_cancelled=True)
    assert "2 answers, 1 skipped" in pull(build, server)
    edited = {"from_name": "verdict", "to_name": "video", "type": "choices", "value": {"choices": ["reject"]}}
    assert ann.request.patch(f"{server.url}/api/annotations/{kept}/", data={"result": [edited]}, headers=head).ok
    assert ann.request.delete(f"{server.url}/api/annotations/{gone}/", headers=head).ok
    assert "1 answers, 1 skipped" in pull(build, server)
    [row], _ = build.build()
    assert row.verdict == "reject"
    # A caption that is another one now: its task makes room; the answer to the old one stays.
    build.texts = [f"{text} New." for text in build.texts]
    build.build()
    assert "6 tasks are new, 0 were there\n4 of changed captions are removed; 2 that were answered" in push(
        build, server
    )
    pull(build, server)
    rows, waiting = build.build()
    assert rows == [] and "(1 answers are to captions that have changed since)" in waiting
    # A task that somebody deletes takes nothing along, and is there again with the next push.
    assert ann.request.delete(f"{server.url}/api/tasks/{first}/", headers=head).ok
    assert "1 answers, 1 skipped; 1 to tasks that are no longer there" in pull(build, server)
    fresh = tasks(ann, server, build)[-1]["id"]
    assert ann.request.delete(f"{server.url}/api/tasks/{fresh}/", headers=head).ok
    assert "1 tasks are new, 5 were there" in push(build, server)
    # A form that somebody edited is put back.
    url, config = f"{server.url}/api/projects/{project(build)}/", '<View><Text name="t" value="$shown"/></View>'
    assert ann.request.patch(url, data={"label_config": config}, headers=head).ok
    push(build, server)
    found: Any = ann.request.get(url).json()
    assert 'name="verdict"' in found["label_config"]
    assert ann.request.delete(url, headers=head).ok
    assert "404" in pull(build, server, code=2)
    assert "6 tasks are new" in push(build, server)


def test_a_personal_access_token_is_taken_and_a_wrong_one_is_told(server: Server, ann: Page) -> None:
    build = build_in(server, "tokens", kind="tags", sample=1)
    head = {"X-CSRFToken": next(c["value"] for c in ann.context.cookies() if c["name"] == "csrftoken")}
    personal: Any = ann.request.post(f"{server.url}/api/token/", headers=head).json()["token"]
    assert "1 tasks are new" in push(build, server, token=personal)
    assert "0 answers" in pull(build, server, token=personal)
    for wrong in ("f" * 40, personal[:-4] + "AAAA"):
        assert "does not take the token" in push(build, server, token=wrong, code=2)
    held = "".join(
        p.read_text(errors="ignore") for p in build.root.rglob("*") if p.suffix in (".json", ".jsonl", ".yaml")
    )
    assert personal not in held and LEGACY not in held


def test_clips_inside_the_tasks_play_too(server: Server, ann: Page, tmp_path: Path) -> None:
    build = ReviewBuild(tmp_path / "embedded", kind="rate", sample=1)
    build.build()
    assert "1 tasks are new" in push(build, server, "--clips-url", "")
    open_task(ann, server, build)


def test_a_server_that_is_down_costs_nothing_and_comes_back(server: Server, ann: Page) -> None:
    build = build_in(server, "restarts", kind="judge", sample=2)
    push(build, server)
    server.stop()
    assert "cannot be reached" in pull(build, server, code=2)
    server.start()
    assert "0 tasks are new, 2 were there" in push(build, server)
    assert "0 answers" in pull(build, server)
