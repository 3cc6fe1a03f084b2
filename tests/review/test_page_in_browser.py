"""The page for one reviewer, without a server: answered by keys in a real browser, saved, and pulled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builds import TEXTS, ReviewBuild
from playwright.sync_api import Browser, Page, expect
from trips import cliploom

from cliploom.annotation.backends.folder import read_folder
from cliploom.annotation.backends.page.backend import Page as ReviewPage
from cliploom.annotation.tasks.task import read_task_file
from cliploom.schemas import Review, ReviewMark


class Desk:
    """A build whose page is open in a browser."""

    def __init__(self, browser: Browser, root: Path, size: tuple[int, int] = (1400, 900), **options: Any) -> None:
        self.build = ReviewBuild(root / "build", **options)
        self.build.build()
        folder = read_folder(self.build.root, "review")
        assert folder
        ReviewPage(folder.root, folder.path, folder.form).post(list(read_task_file(folder.path)))
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True)
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto((folder.path / "review.html").as_uri())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def rows(self, folder: Path) -> list[Review]:
        """What a build reads of the answers once they are saved and pulled."""
        self.page.fill("#person", "Ann")
        with self.page.expect_download() as saved:
            self.page.click("#save")
        path = folder / saved.value.suggested_filename
        saved.value.save_as(path)
        assert "Ann: " in cliploom("review", "pull", self.build.root, path)
        assert self.errors == []
        return self.build.build()[0]


def test_captions_are_judged_by_one_key_each(browser: Browser, tmp_path: Path) -> None:
    desk = Desk(browser, tmp_path, kind="judge")
    expect(desk.page.locator("#video")).to_have_js_property("paused", False)  # it plays by itself, until a key mutely
    desk.press("a", "r", "c", "e")
    desk.page.keyboard.type(" She is alone.")
    desk.press("Control+Enter", "a")  # the second is a key again, and no letter of the next text
    expect(desk.page.locator("#count")).to_have_text("6 of 6 · 5 answered")
    desk.page.reload()  # answers are kept
    expect(desk.page.locator("#count")).to_have_text("6 of 6 · 5 answered")
    rows = {row.task_id: row for row in desk.rows(tmp_path)}
    tasks = list(read_task_file(desk.build.root / "review"))
    found = [rows[task.task_id] for task in tasks[:5]]
    assert [row.verdict for row in found] == ["accept", "reject", "cannot_tell", "edit", "accept"]
    assert found[3].text == tasks[3].candidates[0].text.strip() + " She is alone." and found[3].person == "Ann"


def mark_second_cell(desk: Desk) -> None:
    box = desk.page.locator("#line").bounding_box()
    assert box
    desk.page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    desk.press("Enter")


def draw_box(desk: Desk) -> None:
    desk.page.wait_for_function("document.querySelector('#overlay').getBoundingClientRect().width > 100")
    box = desk.page.locator("#overlay").bounding_box()
    assert box
    desk.press("2")
    desk.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.75, steps=3)
    desk.page.mouse.up()
    desk.press("Enter")


KINDS: list[tuple[dict[str, Any], Callable[[Desk], None], list[ReviewMark]]] = [
    ({"kind": "choose"}, lambda desk: desk.press("2"), []),
    ({"kind": "rate", "axes": {"a": "A?", "b": "B?"}}, lambda desk: desk.press("4", "c"),
     [ReviewMark("a", value=4), ReviewMark("b")]),
    ({"kind": "tags"}, lambda desk: desk.press("2", "Enter"), [ReviewMark("woman"), ReviewMark("<b>")]),
    ({"kind": "moments"}, mark_second_cell, [ReviewMark("moment", "", None, 4.0, 6.0)]),
    ({"kind": "cuts"}, lambda desk: desk.press("x", "Enter"), []),
    ({"kind": "boxes", "labels": ["person", "snow"]}, draw_box,
     [ReviewMark("snow", "", None, 4.0, None, 0.25, 0.25, 0.25, 0.5)]),
]  # fmt: skip


@pytest.mark.parametrize("example", KINDS, ids=lambda example: str(example[0]["kind"]))
def test_each_kind_is_answered_by_hand(example: Any, browser: Browser, tmp_path: Path) -> None:
    options, answer, marks = example
    desk = Desk(browser, tmp_path, sample=1, **options)
    answer(desk)
    expect(desk.page.locator("#count")).to_contain_text("1 answered")
    [row] = desk.rows(tmp_path)
    if options["kind"] == "choose":
        assert row.verdict == "accept" and row.caption_id
        return
    assert row.verdict == "mark" and len(row.marks) == len(marks)
    for mark, wanted in zip(row.marks, marks, strict=True):
        assert (mark.name, mark.value, mark.end_s) == (wanted.name, wanted.value, wanted.end_s)
        assert mark.start_s == pytest.approx(wanted.start_s, abs=0.05)
        if wanted.x is not None:
            assert [mark.x, mark.y, mark.w, mark.h] == pytest.approx([wanted.x, wanted.y, wanted.w, wanted.h], abs=0.02)


def test_nothing_is_cut_off_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    desk = Desk(browser, tmp_path, (390, 844), kind="choose", guideline="W" * 200, sample=1)
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 390
    header = desk.page.locator("header").bounding_box()
    assert header and header["height"] <= 100
    expect(desk.page.get_by_text(TEXTS[0])).to_be_in_viewport()
