"""What becomes of tasks and answers on a real Label Studio server that people and machines change."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page
from server_process import LEGACY, Server
from trips import build_in, csrf, project, pull, push, tasks

pytestmark = pytest.mark.slow  # `make test-review-short` leaves these out


def test_what_people_change_on_the_server_is_followed(server: Server, ann: Page, bo: Page) -> None:
    build = build_in(server, "changes", kind="judge")
    push(build, server)
    first, second, third, *_ = (task["id"] for task in tasks(ann, server, build))
    head = csrf(ann)

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
    assert "1 answer, 1 skipped" in pull(build, server)
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
    assert rows == [] and "(1 answer is to captions that have changed since)" in waiting
    # A task that somebody deletes takes nothing along, and is there again with the next push.
    assert ann.request.delete(f"{server.url}/api/tasks/{first}/", headers=head).ok
    assert "1 answer, 1 skipped; 1 to tasks that are no longer there" in pull(build, server)
    fresh = tasks(ann, server, build)[-1]["id"]
    assert ann.request.delete(f"{server.url}/api/tasks/{fresh}/", headers=head).ok
    assert "1 task is new, 5 were there" in push(build, server)
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
    personal: Any = ann.request.post(f"{server.url}/api/token/", headers=csrf(ann)).json()["token"]
    assert "1 task is new" in push(build, server, token=personal)
    assert "0 answers" in pull(build, server, token=personal)
    for wrong in ("f" * 40, personal[:-4] + "AAAA"):
        assert "does not take the token" in push(build, server, token=wrong, code=2)
    held = "".join(
        p.read_text(errors="ignore") for p in build.root.rglob("*") if p.suffix in (".json", ".jsonl", ".yaml")
    )
    assert personal not in held and LEGACY not in held


def test_a_server_that_is_down_costs_nothing_and_comes_back(server: Server, ann: Page) -> None:
    build = build_in(server, "restarts", kind="judge", sample=2)
    push(build, server)
    server.stop()
    assert "cannot be reached" in pull(build, server, code=2)
    server.start()
    assert "0 tasks are new, 2 were there" in push(build, server)
    assert "0 answers" in pull(build, server)
