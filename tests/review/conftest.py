"""A real Label Studio server with two people, and a browser, in an environment of their own: `make test-review`."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from server_process import ANN, BO, PASSWORD, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Server(tmp_path_factory.mktemp("label_studio"), port)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    assert program, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def sign_in(browser: Browser, server: Server, email: str) -> Page:
    """A page in which someone is signed in."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{server.url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url)
    return page


@pytest.fixture(scope="session")
def ann(server: Server, browser: Browser) -> Page:
    return sign_in(browser, server, ANN)


@pytest.fixture(scope="session")
def bo(server: Server, browser: Browser, ann: Page) -> Page:
    """The second of two people, who came by an invitation."""
    invite: Any = ann.request.get(f"{server.url}/api/invite").json()
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{server.url}{invite['invite_url']}")
    page.fill("input[name=email]", BO)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "signup" not in url)
    return page
