"""The database that steps and commands ask."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["cliploom.engine.storage.sql", "cliploom.engine.expressions.expression"])
def test_it_draws_no_progress_even_in_a_program_without_a_file(module: str) -> None:
    """DuckDB takes such a program, as worker processes are, for a person at a prompt."""
    query = "SELECT current_setting('enable_progress_bar')"
    text = f"from {module} import connect\nprint(connect().execute({query!r}).fetchall()[0][0])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False\n", "")
