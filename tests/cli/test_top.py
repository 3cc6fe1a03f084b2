"""Watching a build from elsewhere: `cliploom top`, and metrics for Prometheus."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cliploom.cli.screen.metrics import parse_place, serving_metrics
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.events import Event
from cliploom.engine.execution.progress_record import ProgressWriter, decode_progress, prometheus_text, read_progress
from cliploom.engine.storage.filesystem import LocalFolder

RECIPE = """
name: films
shards: 2
steps:
  - builders.folder: {path: %s}
  - builders.scan: {frames_per_s: 1}
"""


def _told(writer: ProgressWriter) -> None:
    writer(Event("build", "", {"recipe": "r", "root": "x", "steps": ["a", "b"]}))
    writer(Event("shard", "a", {"shard": 0, "to_do": 10, "came": 10}))
    writer(Event("rows", "a", {"n": 4, "failed": 1, "causes": {'un"readable': 1}}))
    writer(Event("rows", "a", {"n": 2, "failed": 1}))
    writer(Event("waiting", "b", {"message": "people"}))


def test_a_record_says_how_far_each_step_is(tmp_path: Path) -> None:
    files = LocalFolder(tmp_path)
    writer = ProgressWriter(files, "build")
    _told(writer)
    writer(Event("done", "", {"waiting": {}}))
    writer.close()
    [record] = read_progress(files)
    step = record.steps["a"]
    assert (step.to_do, step.done, step.queue, step.failed) == (10, 6, 4, 1)
    assert step.causes == {'un"readable': 1} and step.rows_per_s > 0
    assert (record.steps["b"].state, record.ended) == ("waits", "done")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"driver": "x", "steps": {"a": {"no": 1}}}', b"\xff"])
def test_a_damaged_record_is_left_out(data: bytes, tmp_path: Path) -> None:
    assert decode_progress(data) is None
    files = LocalFolder(tmp_path)
    files.put("progress/build.json", data)
    assert read_progress(files) == []


def test_prometheus_reads_it(tmp_path: Path) -> None:
    writer = ProgressWriter(LocalFolder(tmp_path), "3-of-8")
    _told(writer)
    with serving_metrics("0", lambda: prometheus_text([writer.copy()])) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/")
        with pytest.raises(UserError, match="choose another port"), serving_metrics(str(port), str):
            pass
    writer.close()
    assert 'cliploom_rows_total{driver="3-of-8",step="a"} 6' in lines
    assert 'cliploom_rows_queued{driver="3-of-8",step="a"} 4' in lines
    assert 'cliploom_failures_total{driver="3-of-8",step="a",cause="un\\"readable"} 1' in lines


@pytest.mark.parametrize("text", ["", "a", "-1", "65536", "host:", "1.5"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="it is a port"):
        parse_place(text)


def test_top_shows_what_a_build_left(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    source = Path(__file__).parents[1] / "media/birds_cc0_1s.mp4"
    (tmp_path / "films/birds.mp4").write_bytes(source.read_bytes())
    (tmp_path / "films/none.mp4").write_bytes(b"")
    (tmp_path / "films.yaml").write_text(RECIPE % (tmp_path / "films"))
    command = [sys.executable, "-m", "cliploom"]
    subprocess.run(
        [*command, "build", tmp_path / "films.yaml", "--out", tmp_path / "b", "--quiet", "--metrics", "0"],
        check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run([*command, "top", tmp_path / "b", "--once"], check=True, capture_output=True, text=True)
    assert "films" in done.stdout and "unreadable 1" in done.stdout and "at work" not in done.stdout
    assert json.loads((tmp_path / "b/progress/build.json").read_text())["ended"] == "done"
