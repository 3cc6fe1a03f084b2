"""The page for looking at a build, in a browser: filter, play, mark, and an address that leads back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from viewing import serving_page

from cliploom.cards.viewer.export import export_page
from cliploom.cards.viewer.viewer import Viewer
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.marks import read_marks

MEDIA = Path(__file__).parents[1] / "media"
RECIPE = f"""
name: looked-at
shards: 2
steps:
  - builders.folder: {{path: {MEDIA}, pattern: "sintel_trailer_270p.mp4"}}
  - builders.scan
  - builders.shots
  - builders.clips: {{min_s: 0.5}}
  - filters.duration: {{min_s: 2}}
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    root = tmp_path_factory.mktemp("looked-at") / "b"
    run_build(read_recipe(RECIPE, "looked-at.yaml"), root, RunOptions(workers=2))
    return Build.read(root)


@pytest.fixture(scope="module")
def address(build: Build) -> Iterator[str]:
    with serving_page(Viewer(build)) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, with nothing kept from before."""
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        yield context.new_page()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Page]:
    """The same, in which the test may wait for what only the page's own code knows."""
    with browser.new_context(viewport={"width": 1400, "height": 900}, bypass_csp=True) as context:
        yield context.new_page()


def shown(page: Page) -> str:
    text: str = page.locator("#count").inner_text()
    return text


def test_clips_are_filtered_and_the_address_leads_back(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".card")
    everything = shown(page)
    page.get_by_label("dropped").check()
    expect(page.locator("#count")).not_to_have_text(everything)
    fewer, where = shown(page), page.url
    page.locator("#where").fill("duration_s > 1")
    page.locator("#where").press("Enter")
    expect(page.locator("#count")).not_to_have_text(fewer)
    page.goto("about:blank")
    page.goto(where)
    expect(page.locator("#count")).to_have_text(fewer)
    expect(page.get_by_label("dropped")).to_be_checked()
    page.locator("#where").fill("duration_s >")
    page.locator("#where").press("Enter")
    expect(page.locator("#problem")).to_contain_text("no SQL expression")


def test_a_range_is_brushed(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".card")
    facet = page.locator("details.facet[data-name=duration_s]")
    if facet.get_attribute("open") is None:
        facet.locator("summary").click()
    box = facet.locator(".bars").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 10, steps=4)
    everything = shown(page)
    page.mouse.up()
    expect(page.locator("#chosen button")).to_have_count(1)
    expect(page.locator("#count")).not_to_have_text(everything)
    assert "duration_s=" in page.url


def test_a_clip_plays_and_is_marked_by_keys(watched: Page, address: str, build: Build) -> None:
    watched.goto(address)
    watched.wait_for_selector(".card")
    watched.keyboard.press("ArrowRight")
    watched.keyboard.press("Enter")
    watched.wait_for_selector("dialog[open] video")
    watched.evaluate("clipPage.film.muted = true")
    watched.keyboard.press("Space")
    watched.wait_for_function("clipPage.film.currentTime - clipPage.span.start_s > 0.2")
    first = watched.evaluate("clipPage.id")
    watched.locator("#better").fill("A girl in the snow.")
    watched.locator("#better").press("Tab")
    watched.locator("dialog h2").click()
    watched.keyboard.press("k")  # and on to the next
    watched.wait_for_function("id => clipPage.id !== id", arg=first)
    [mark] = read_marks(build.root)
    assert (mark.clip_id, mark.mark) == (first, "keep")
    watched.keyboard.press("Escape")
    expect(watched.locator(".badge.keep")).to_have_count(1)


def test_a_pointer_on_a_card_plays_it(watched: Page, address: str) -> None:
    watched.goto(address)
    watched.locator(".card").nth(3).hover()
    watched.wait_for_function("document.querySelector('.card video')?.currentTime > 0")


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_nothing_is_wider_than_the_screen(
    page: Page, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    page.locator(".card").first.click()
    page.wait_for_selector("dialog[open]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")


def test_the_page_works_from_a_folder(watched: Page, build: Build, tmp_path: Path) -> None:
    made = export_page(build, tmp_path / "still", 6)
    watched.goto(made.as_uri())
    watched.wait_for_selector(".card")
    assert shown(watched) == "6 of 6 clips"
    watched.locator("#text").fill("no such words")
    expect(watched.locator("#count")).to_have_text("0 of 6 clips")
    watched.locator("#text").fill("")
    expect(watched.locator("#count")).to_have_text("6 of 6 clips")
    watched.locator(".card").first.click()
    watched.wait_for_selector("dialog[open] video")
    watched.wait_for_function("clipPage.film.readyState >= 2")
