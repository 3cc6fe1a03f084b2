"""Each kind of question, answered once on the page of a real Label Studio server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from browsing import choose_label, draw_box, draw_span, open_task, submit
from builds import ReviewBuild
from playwright.sync_api import Locator, Page, expect
from server_process import Server
from trips import build_in, pull, push, tasks

from cliploom.schemas import Review, ReviewMark


def answered(build: ReviewBuild, server: Server, page: Page) -> tuple[Review, dict[str, list[Any]]]:
    """The row of the only answer; and what the server holds of it, by the form's parts."""
    submit(page)
    assert "1 answer" in pull(build, server)
    [row], _ = build.build()
    [task] = tasks(page, server, build)
    held: dict[str, list[Any]] = {}
    for result in task["annotations"][0]["result"]:
        held.setdefault(result["from_name"], []).append(result["value"])
    return row, held


def one(server: Server, page: Page, kind: str, **more: Any) -> ReviewBuild:
    """A review of one task, open in the browser."""
    build = build_in(server, f"kind_{kind}", kind=kind, sample=1, **more)
    push(build, server)
    open_task(page, server, build)
    return build


def write(box: Locator, text: str) -> None:
    box.fill(text)
    box.press("Shift+Enter")


def expect_later(act: Callable[[], None], shown: Locator) -> None:
    """Do something until it shows: the page may still be getting ready, and loses what came before that."""
    for _ in range(5):
        act()
        with contextlib.suppress(AssertionError):
            expect(shown).to_be_visible(timeout=3000)
            return
    raise AssertionError(shown)


def test_a_caption_is_judged_by_a_key(server: Server, ann: Page) -> None:
    build = one(server, ann, "judge")
    ann.keyboard.press("r")
    row, _ = answered(build, server, ann)
    assert row.verdict == "reject" and row.caption_id


def test_a_cut_is_added(server: Server, ann: Page) -> None:
    build = one(server, ann, "cuts")
    choose_label(ann, "cut")
    draw_span(ann, 0.7, 0.75)
    row, held = answered(build, server, ann)
    starts = sorted(span["ranges"][0]["start"] for span in held["spans"])
    assert len(starts) == 2  # the given one and that
    assert [mark.start_s for mark in row.marks] == pytest.approx([2.0 + (start - 1) / 24 for start in starts], abs=1e-5)
    assert {(mark.name, mark.end_s) for mark in row.marks} == {("cut", None)}


def test_a_box_is_drawn(server: Server, ann: Page) -> None:
    build = one(server, ann, "boxes", labels=["person", "snow"])
    choose_label(ann, "snow")
    expect_later(lambda: draw_box(ann, (0.25, 0.25), (0.5, 0.75)), ann.get_by_text("snow", exact=True).nth(1))
    row, held = answered(build, server, ann)
    [mark] = row.marks
    assert mark.name == "snow" and mark.start_s == pytest.approx(2.0, abs=0.05)
    [drawn] = held["boxes"][0]["sequence"]
    wanted = [drawn[name] / 100 for name in ("x", "y", "width", "height")]
    assert [mark.x, mark.y, mark.w, mark.h] == pytest.approx(wanted, abs=1e-5) and min(wanted[2:]) > 0.1


def test_an_event_is_marked_and_told(server: Server, ann: Page) -> None:
    build = one(server, ann, "events")
    choose_label(ann, "event")
    draw_span(ann, 0.3, 0.6)
    ann.get_by_text("event", exact=True).last.click()  # in the list of regions: what is said of it is shown then
    box = ann.get_by_placeholder("what happens, Enter")
    box.fill("It snows; =1+1 <b>")
    box.press("Enter")
    row, held = answered(build, server, ann)
    [span] = held["spans"][0]["ranges"]
    [mark] = row.marks
    assert (mark.name, mark.text) == ("event", "It snows; =1+1 <b>")
    assert mark.start_s == pytest.approx(2.0 + (span["start"] - 1) / 24, abs=1e-5)
    assert mark.end_s == pytest.approx(2.0 + span["end"] / 24, abs=1e-5)


def test_slots_are_filled(server: Server, ann: Page) -> None:
    slots = {"look": {"question": "What is seen?", "most": 2}, "sound": "What is heard?"}
    build = one(server, ann, "slots", slots=slots)
    look = ann.locator("textarea").first
    for text in ("Snow falls.", "A woman walks."):
        expect_later(lambda: write(look, text), ann.get_by_text(text, exact=True))  # noqa: B023 - it is called at once
    write(ann.locator("textarea").last, "Wind.")
    row, _ = answered(build, server, ann)
    assert row.marks == [
        ReviewMark("look", "Snow falls."),
        ReviewMark("look", "A woman walks."),
        ReviewMark("sound", "Wind."),
    ]
