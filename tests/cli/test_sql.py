"""``sql``: answers in four forms, and nothing but answers."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import Run

LINES = "SELECT start_s, text FROM segments ORDER BY start_s"


def test_a_table(cliploom: Run, built: Path) -> None:
    lines = cliploom("sql", built, LINES).out.splitlines()
    assert lines[0].split() == ["start_s", "text"]
    assert lines[1].split(maxsplit=1) == ["12", "What brings you to the land of the gatekeepers?"]


def test_csv_and_json(cliploom: Run, built: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cliploom("sql", built, LINES, "--format", "csv").out)))
    objects = json.loads(cliploom("sql", built, LINES, "--format", "json").out)
    assert [row["text"] for row in rows] == [o["text"] for o in objects]
    assert objects[0]["start_s"] == 12.0
    assert json.loads(cliploom("sql", built, "SELECT 1 AS one WHERE false", "--format", "json").out) == []
    [odd] = json.loads(cliploom("sql", built, "SELECT 'a'::BLOB AS b, 'nan'::DOUBLE AS n", "--format", "json").out)
    assert odd == {"b": "YQ==", "n": None}


def test_parquet(built: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "cliploom.cli.main", "sql", str(built), LINES, "--format", "parquet"]
    done = subprocess.run(words, capture_output=True, check=True)
    assert done.stderr == b""
    table = pq.read_table(io.BytesIO(done.stdout))
    assert table.column_names == ["start_s", "text"]
    assert table.num_rows == 4


def test_every_view_is_there(cliploom: Run, built: Path) -> None:
    names = "videos signals frames shots clips segments captions tags embeddings scores verdicts errors dataset"
    for view in names.split():
        assert cliploom("sql", built, f"SELECT count(*) AS n FROM {view}").code == 0


def test_what_a_caption_holds_is_shown_and_not_obeyed(cliploom: Run, built: Path) -> None:
    said = cliploom("sql", built, "SELECT '\x1b[31m[bold]' || chr(10) || 'x' AS t").out
    assert said.splitlines()[1] == "\\x1b[31m[bold] x"


@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO 'out.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'",
        "SELECT 1; SELECT 2",
        "DROP VIEW videos",
        "INSTALL httpfs",
        "ATTACH 'other.db'",
        "",
    ],
)
def test_only_a_select_is_taken(
    cliploom: Run, built: Path, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = cliploom("sql", built, query)
    assert (said.code, said.out) == (2, "")
    assert "only one SELECT" in said.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", ["read_text('{file}')", "read_csv('{file}')", "glob('/*')", "'{file}'", "secret"])
def test_other_files_are_out_of_reach(cliploom: Run, built: Path, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    said = cliploom("sql", built, f"SELECT * FROM {source.format(file=secret)}")
    assert (said.code, said.out) == (2, "")


def test_mistakes_are_one_line(cliploom: Run, built: Path) -> None:
    said = cliploom("sql", built, "SELECT * FROM clip")
    assert said.err.splitlines() == [
        "error: Catalog Error: Table with name clip does not exist!",
        '  Did you mean "clips"?',
    ]
