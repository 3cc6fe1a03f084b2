"""Standard streams that are closed, or whose encoding lacks characters."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from cliploom.cli.screen.formatting import json_text


def run(*words: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    line = f'exec "$@" {shell}'
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "cliploom", *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_what_an_encoding_lacks_is_escaped() -> None:
    said = run("steps", "builders.folder", PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stderr) == (0, "")
    assert "\\u2026" in said.stdout


@pytest.mark.parametrize("shell", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_fail(shell: str) -> None:
    assert run("steps", "filters.duration", shell=shell).returncode == 0


def test_an_error_is_an_exit_code_where_nobody_can_read_it() -> None:
    assert run("status", "nowhere", shell="2>&-").returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8", "UTF8"])
def test_json_is_whole_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    text = json_text({"ü": "日本 🎬"})
    assert json.loads(text.encode(encoding).decode(encoding)) == {"ü": "日本 🎬"}
    assert ("日本" in text) == encoding.lower().startswith("utf")
