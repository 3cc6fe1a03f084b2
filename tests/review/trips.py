"""The way of a review to a server and back, by the commands that people type."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any
from unittest import mock

from builds import ReviewBuild
from playwright.sync_api import Page
from server_process import LEGACY, Server

TOKEN = "REVIEW_TOKEN"


def cliploom(*words: object, token: str = LEGACY, code: int = 0) -> str:
    """What a command prints."""
    from cliploom.cli.main import main

    said = io.StringIO()
    argv, env = ["cliploom", *map(str, words)], {TOKEN: token}
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        mock.patch.object(sys, "argv", argv),
        mock.patch.dict(os.environ, env),
    ):
        try:
            main()
        except SystemExit as end:
            assert (end.code or 0) == code, said.getvalue()
    assert token not in said.getvalue()
    return said.getvalue()


def push(build: ReviewBuild, server: Server, *more: object, **how: Any) -> str:
    where = ("--url", server.url, "--token", TOKEN)
    return cliploom("review", "push", build.root, *where, *(more or ("--files", server.root / "served")), **how)


def pull(build: ReviewBuild, server: Server, *more: object, **how: Any) -> str:
    return cliploom("review", "pull", build.root, "--url", server.url, "--token", TOKEN, *more, **how)


def build_in(server: Server, name: str, **options: Any) -> ReviewBuild:
    made = ReviewBuild(server.root / "served" / name, **options)
    assert " open: " in made.build()[1]
    return made


def project(build: ReviewBuild) -> int:
    return int(json.loads((build.root / "review" / "label_studio_project.json").read_text())["id"])


def tasks(page: Page, server: Server, build: ReviewBuild) -> list[dict[str, Any]]:
    found: Any = page.request.get(f"{server.url}/api/tasks?project={project(build)}&page=1&page_size=100&fields=all")
    listed: list[dict[str, Any]] = found.json()["tasks"]
    return listed


def csrf(page: Page) -> dict[str, str]:
    """The header with which the server takes what a signed-in page sends."""
    return {"X-CSRFToken": next(c["value"] for c in page.context.cookies() if c["name"] == "csrftoken")}
