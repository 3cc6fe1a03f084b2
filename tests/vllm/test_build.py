"""Whole builds whose workers run vLLM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

from cliploom.engine.build import run_build
from cliploom.engine.recipe import read_recipe
from cliploom.engine.run import RunOptions

MEDIA = Path(__file__).parents[1] / "media"
LETTERS = [*range(64, 90)]
"""Tokens that are readable and no end of a text."""


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


def test_a_build(tmp_path: Path, smollm: Path, seer: Path) -> None:
    path = recipe(tmp_path, smollm, seer)
    out = tmp_path / "out"
    done = subprocess.run(
        [Path(sys.executable).with_name("cliploom"), "build", path, "--out", out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    captions = duckdb.sql(f"select model, kind, revision, text, raw from read_parquet('{out}/tables/*caption*/**')")
    assert captions
