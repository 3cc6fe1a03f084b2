"""Answers that people give on the page of a real Label Studio server, and what `review pull` makes of them."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsing import choose_label, draw_span, open_stream, open_task, play, submit, wait_for_form
from builds import EVIL, TEXTS, ReviewBuild
from playwright.sync_api import Page, expect
from server_process import ANN, BO, Server
from trips import build_in, pull, push, tasks

from cliploom.schemas import ReviewMark


def test_a_choice_of_two_people_comes_back(server: Server, ann: Page, bo: Page) -> None:
    build = build_in(server, "choose", kind="choose", people=2, guideline="Choose <b>well</b>.")
    assert push(build, server).startswith("2 tasks are new, 0 were there")
    assert push(build, server).startswith("0 tasks are new, 2 were there")
    assert not any("secret" in json.dumps(task) for task in tasks(ann, server, build))
    for page, caption in ((ann, "A woman walks"), (bo, "All bad")):
        open_stream(page, server, build)
        expect(page.get_by_text("Choose <b>well</b>.")).to_be_visible()  # the guideline, as text
        page.keyboard.press("Escape")
        assert page.evaluate("document.querySelectorAll('img[src=\"x\"]').length") == 0
        expect(page.get_by_text(EVIL).first).to_be_visible()
        expect(page.locator("input[type=radio]:checked")).to_have_count(0)  # bo is not told what ann said
        assert play(page) > 0.2
        page.locator("label", has_text=caption).first.click()
        submit(page)
    assert f"{ANN}: 1 answer" in pull(build, server)
    rows, waiting = build.build()
    assert [(row.person, row.verdict) for row in rows] == [(ANN, "accept"), (BO, "reject")]
    assert rows[0].caption_id == f"{rows[0].clip_id}_secret0" and rows[0].clip_id == rows[1].clip_id
    assert all(row.seconds for row in rows)
    assert waiting.startswith("1 of 2 reviews is open")


def test_an_edit_comes_back_and_a_draft_does_not(server: Server, ann: Page) -> None:
    build = build_in(server, "edit", kind="edit", sample=2)
    push(build, server)
    open_task(ann, server, build)
    text = ann.locator("textarea").first
    expect(text).to_have_value(TEXTS[0])
    with ann.expect_response(lambda r: "/drafts" in r.url and r.ok, timeout=60_000):
        text.fill("Not yet")
        ann.keyboard.press("Shift+Enter")
    assert "0 answers" in pull(build, server)
    open_task(ann, server, build, 1)
    ann.locator("textarea").first.fill('She walks; "slowly" =1')
    submit(ann)
    assert "1 answer" in pull(build, server)
    [row], _ = build.build()
    assert (row.verdict, row.text) == ("edit", 'She walks; "slowly" =1')


def test_grades_are_given_by_keys_and_a_skip_is_no_answer(server: Server, ann: Page) -> None:
    axes = {
        "fits": "Does it fit?",
        "fluent": {"question": "Is it fluent?", "labels": ["no", "so so", "yes"], "high": 3},
    }
    build = build_in(server, "rate", kind="rate", sample=2, axes=axes)
    push(build, server)
    open_stream(ann, server, build)
    for key in "49":  # 1 to 5 and "cannot tell" are on 1 to 6; the second axis goes on with 7
        ann.keyboard.press(key)
    expect(ann.locator("input[type=radio]:checked")).to_have_count(2)
    submit(ann)
    wait_for_form(ann)
    with ann.expect_response(lambda r: "/annotations" in r.url and r.request.method == "POST") as sent:
        ann.locator("button:has-text('Skip')").click()
    assert sent.value.ok
    assert "1 answer, 1 skipped" in pull(build, server)
    [row], _ = build.build()
    assert row.marks == [ReviewMark("fits", value=4), ReviewMark("fluent", value=3)]


def test_given_tags_stand_there_to_be_put_right(server: Server, ann: Page) -> None:
    build = build_in(server, "tags", kind="tags", sample=1)
    push(build, server)
    open_task(ann, server, build)
    expect(ann.locator("input[type=checkbox]:checked")).to_have_count(3)  # the prediction
    ann.keyboard.press("2")
    expect(ann.locator("input[type=checkbox]:checked")).to_have_count(2)
    ann.get_by_placeholder("another tag, Enter").fill("boots")
    ann.keyboard.press("Enter")
    expect(ann.get_by_text("boots")).to_be_visible()
    submit(ann)
    pull(build, server)
    [row], _ = build.build()
    assert row.marks == [ReviewMark("woman"), ReviewMark("<b>"), ReviewMark("boots")]


@pytest.mark.slow
def test_a_model_s_choice_stands_there_with_its_score(server: Server, ann: Page) -> None:
    build = build_in(server, "suggested", kind="choose", sample=1, suggest="fit")
    push(build, server)
    open_task(ann, server, build)
    expect(ann.locator("input[type=radio]:checked")).not_to_have_count(0)  # the prediction's own stands there too
    [task] = tasks(ann, server, build)
    assert [one["score"] for one in task["predictions"]] == [0.5]
    submit(ann)
    pull(build, server)
    [row], _ = build.build()
    assert row.verdict == "accept" and row.caption_id == f"{row.clip_id}_secret2"


def test_a_span_of_the_timeline_comes_back_right_to_the_frame(server: Server, ann: Page) -> None:
    build = build_in(server, "moments", kind="moments", grid_s=0, sample=1)
    push(build, server)
    open_task(ann, server, build)
    choose_label(ann, "moment")
    draw_span(ann, 0.3, 0.7)
    expect(
        ann.locator(".lsf-outliner, .lsf-details__section, [class*=outliner]").get_by_text("moment").first
    ).to_be_visible()
    submit(ann)
    [task] = tasks(ann, server, build)
    [span] = task["annotations"][0]["result"][0]["value"]["ranges"]
    pull(build, server)
    [row], _ = build.build()
    [mark] = row.marks
    start_s = task["meta"]["at"][0]
    assert span["end"] > span["start"] > 1
    assert mark.start_s == pytest.approx(start_s + (span["start"] - 1) / 24, abs=1e-5)
    assert mark.end_s == pytest.approx(start_s + span["end"] / 24, abs=1e-5)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder as a plain file server shows it."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    files = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=files.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{files.server_address[1]}"
    finally:
        files.shutdown()
        files.server_close()


@pytest.mark.parametrize("how", ["address", "embedded"])  # local files are what the tests above use
def test_clips_play_wherever_they_lie(how: str, server: Server, ann: Page, tmp_path: Path) -> None:
    build = ReviewBuild(tmp_path / how, kind="judge", sample=1)
    build.build()
    with served(tmp_path / how / "review" / "clips") as url:
        assert "1 task is new" in push(build, server, "--clips-url", url if how == "address" else "")
        open_task(ann, server, build)
        assert ann.evaluate("document.querySelector('video').currentSrc").startswith(
            url if how == "address" else "data:video/mp4"
        )
        assert play(ann) > 0.2
