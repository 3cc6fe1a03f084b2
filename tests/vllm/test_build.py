"""Whole builds whose workers run vLLM."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cliploom.engine.build import Build

MEDIA = Path(__file__).parents[1] / "media"
LETTERS = [*range(32, 58)]
"""Tokens of the letters A to Z."""


def recipe(folder: Path, smollm: Path, seer: Path) -> Path:
    """Two videos, described by a model that sees and merged by one that reads."""
    (folder / "videos").mkdir()
    for name in ("tears_of_steel_2s.webm", "sintel_trailer_270p.mp4"):
        shutil.copy(MEDIA / name, folder / "videos")
    run = {"run": "vllm", "settings": {"max_model_len": 2048, "enforce_eager": True, "max_num_seqs": 8}}
    end = {"allowed_token_ids": LETTERS, "stop_token_ids": LETTERS[5:], "include_stop_str_in_output": True}
    sees = {"chat": str(seer), "film": "video", "frames": 4, "max_tokens": 20, "extra": end, **run}
    steps: list[Any] = [
        {"builders.folder": {"path": str(folder / "videos")}},
        {"builders.scan": {"frames_per_s": 2}},
        "builders.shots",
        {"builders.clips": {"min_s": 1, "max_s": 20}},
        {"captioners.teacher": {"teachers": ["title", sees]}},
        {"captioners.rewrite": {"model": {"name": str(smollm), **run}}},
    ]
    path = folder / "two.yaml"
    path.write_text(json.dumps({"name": "two", "shards": 1, "max_bad": 1.0, "steps": steps}))  # YAML holds JSON
    return path


def run(*words: object) -> str:
    """A command, and what it says on stderr."""
    program = Path(sys.executable).with_name("cliploom")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_build(tmp_path: Path, smollm: Path, seer: Path) -> None:
    path, out = recipe(tmp_path, smollm, seer), tmp_path / "out"
    said = run("build", path, "--out", out)
    db = Build.read(out).connect()
    clips = db.sql("SELECT count(*) FROM clips").fetchall()[0][0]
    rows = db.sql("SELECT teacher, model, revision, text, raw FROM captions ORDER BY ALL").fetchall()
    seen = [row for row in rows if row[0] == "seer"]
    assert len(seen) > 5 and {row[1] for row in seen} == {"seer"}
    assert all(row[3].isalpha() and row[2].startswith("sha256:") and " vllm " in row[2] for row in seen)
    merged = [row for row in rows if row[0] == "rewrite"]
    assert merged and {row[1] for row in merged} == {"smollm2"}
    assert all(json.loads(row[4])["caption"].split() == row[3].split() for row in merged)
    failed = db.sql("SELECT step, kind FROM errors").fetchall()
    assert len(seen) + sum(step.endswith("seer") for step, _ in failed) == clips
    assert {kind for _, kind in failed} <= {"truncated", "looping", "empty", "refused", "invalid", "malformed"}
    assert "captioners.rewrite: done" in said and "INFO" not in said  # vLLM says much when it is let
    assert "done" not in run("build", path, "--out", out).replace("  done  ", "")  # nothing is left, or loaded
