"""A build that takes its tasks to a real Label Studio server, waits, and goes on with what two people answer there."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
from browsing import open_page, play, submit
from playwright.sync_api import Page
from server_process import LEGACY, Server
from trips import TOKEN, cliploom

from cliploom.cli.recipes import PACKAGE

RECIPE = """
name: asked
steps:
  - builders.folder: {{path: {films}}}
  - builders.scan: {{frames_per_s: 1, sound: false}}
  - builders.shots: {{threshold: 255}}
  - builders.clips: {{min_s: 5, max_s: 20}}
  - captioners.teacher: {{teachers: [title]}}
  - annotation.review:
      {{kind: judge, sample: 2, people: 2, overlap: 0.5, rule: unanimous, adjudicator: true,
       server: {{url: "{url}", token: {token}, files: {served}}}}}
  - cards.dataset: {{media: virtual}}
"""


def test_a_build_goes_to_the_server_and_on_with_the_answers(
    server: Server, ann: Page, bo: Page, tmp_path: Path
) -> None:
    served, root = server.root / "served", server.root / "served" / "asked"
    recipe = tmp_path / "asked.yaml"
    recipe.write_text(RECIPE.format(films=files(PACKAGE) / "media", url=server.url, token=TOKEN, served=served))

    def build() -> str:
        with mock.patch.dict(os.environ, {TOKEN: LEGACY}):
            return cliploom("build", recipe, "--out", root, "--workers", 1)

    def stream(sheet: str = "review") -> str:
        return cliploom("review", "open", root, "--sheet", sheet).strip()

    assert f"people answer at {server.url}" in build()
    project = stream().split("/projects/")[1].split("/")[0]
    told: Any = ann.request.get(f"{server.url}/api/tasks?project={project}")
    assert sorted(task["overlap"] for task in told.json()["tasks"]) == [1, 2]  # one of the two is for two people
    for page, keys in ((ann, "aa"), (bo, "r")):
        for key in keys:
            open_page(page, stream())
            assert play(page) > 0.2
            page.keyboard.press(key)
            submit(page)
    said = build()
    assert "1 of 2 is in dispute" in said and "reviews are open" not in said
    open_page(ann, stream("review-adjudication"))
    ann.keyboard.press("a")
    submit(ann)
    assert "dispute" not in build()
    [file] = (root / "dataset" / "data").iterdir()
    assert len(pq.read_table(file)) >= 2
