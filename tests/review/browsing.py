"""What people do in Label Studio's page."""

from __future__ import annotations

from builds import ReviewBuild
from playwright.sync_api import Page
from server_process import Server
from trips import project, tasks

LONG_MS = 120_000  # on a machine that does much else; seconds on a quiet one


def open_task(page: Page, server: Server, build: ReviewBuild, number: int = 0) -> None:
    """Open a task from the list and wait until its video can be played through and its form filled in."""
    task = tasks(page, server, build)[number]["id"]
    page.goto(f"{server.url}/projects/{project(build)}/data?task={task}")
    wait_for_form(page)


def open_stream(page: Page, server: Server, build: ReviewBuild) -> None:
    """Begin to answer, as the address that `cliploom review open` prints does; the guideline is read and closed."""
    open_page(page, f"{server.url}/projects/{project(build)}/data?labeling=1")


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    wait_for_form(page)


def wait_for_form(page: Page) -> None:
    page.wait_for_selector("video", state="attached", timeout=LONG_MS)
    page.wait_for_function("document.querySelector('video')?.readyState === 4", timeout=LONG_MS)
    page.wait_for_selector("button[aria-label='Submit current annotation']", timeout=LONG_MS)


def play(page: Page) -> float:
    """Seconds that the video has got on by."""
    page.locator("button[aria-label='Play']").first.click()
    page.wait_for_function("document.querySelector('video').currentTime > 0.2", timeout=LONG_MS)
    at: float = page.evaluate("document.querySelector('video').currentTime")
    return at


def submit(page: Page) -> None:
    """Send the answer; the server has taken it."""
    with page.expect_response(
        lambda r: "/annotations" in r.url and r.request.method == "POST", timeout=LONG_MS
    ) as sent:
        page.locator("button[aria-label='Submit current annotation']").click()
    assert sent.value.status == 201


def choose_label(page: Page, name: str) -> None:
    """Click what the next span or box is to be called."""
    page.get_by_text(name, exact=True).first.click(timeout=LONG_MS)


def draw_span(page: Page, first: float, last: float) -> None:
    """Drag over the timeline, from one share of what can be seen of it to another."""
    line = page.locator(".lsf-timeline-frames__background")
    line.wait_for(timeout=LONG_MS)
    box = line.bounding_box()
    assert box
    middle = box["y"] + box["height"] * 0.4
    page.mouse.move(box["x"] + box["width"] * first, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (first + last) / 2, middle, steps=5)
    page.mouse.move(box["x"] + box["width"] * last, middle, steps=5)
    page.mouse.up()


def draw_box(page: Page, first: tuple[float, float], last: tuple[float, float]) -> None:
    """Drag over the picture, from one place to another, as shares of its width and height."""
    picture = page.locator(".lsf-video-canvas, [class*=video-canvas]").first
    picture.wait_for(timeout=LONG_MS)
    box = picture.bounding_box()
    assert box
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (first, last)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()
