"""What is on outside lists leaves: by name, file, picture, vector and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from step_tables import step_tables

from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.filters.hashes.duplicate_groups import MIRROR
from cliploom.filters.leakage import Leakage, near_any
from cliploom.filters.outside.lists import names_of
from cliploom.schemas import Caption, Clip, Embedding, Frame, Row, Video

HERE = StepContext(Path(), {"": Path("x")})
DIGESTS = {name: f"{ord(name):064x}" for name in "abc"}
URIS = {
    "a": "https://www.youtube.com/watch?v=abcdefghijk",
    "b": "films/b_film.mp4",
    "c": "https://x.example/c/c.webm?d=1",
}
HASHES = {"a": 0x0123456789ABCDEF, "b": 0x0F1E2D3C4B5A6978, "c": 0xFEDCBA9876543210}


def reasons(**options: object) -> dict[str, str]:
    step = Leakage(**options)  # type: ignore[arg-type]
    step.check([])
    said = {"a": "A red bus!", "b": "two dogs on a sofa", "c": "a cat"}
    units = np.eye(3, dtype=np.float16)
    rows: list[Row] = []
    for i, n in enumerate("abc"):
        video, clip = f"v_{n}", f"k{n}"
        rows += [Video(video, URIS[n], "", DIGESTS[n], 1), Clip(clip, video, 0.0, 2.0, [])]
        rows += [Frame(f"f{n}{t}", video, t, b"", 1, 1, f"{HASHES[n] ^ (t << 60):016x}", 9.0, 9.0) for t in (0, 1)]
        rows += [Caption(f"c{n}", video, clip, "t", "source", said[n], [], "m", "1")]
        rows += [Embedding(f"e{n}", video, "m 1", units[i], clip)]
    with step_tables(rows) as db:
        return {drop.id: drop.reason for drop in step.rows(db, HERE)}


def test_names_of_sources() -> None:
    assert names_of("https://youtu.be/abcdefghijk") >= {"abcdefghijk"}
    assert names_of("a/b.c.mp4") == {"a/b.c.mp4", "b.c.mp4", "b.c"}


@pytest.mark.parametrize(
    ("listed", "gone"),
    [("abcdefghijk,1", {"ka"}), ("id\nb_film\nv_c", {"kb", "kc"}), ("c.webm", {"kc"}), ("film", set())],
)
def test_by_name(tmp_path: Path, listed: str, gone: set[str]) -> None:
    (tmp_path / "ids.csv").write_text(listed)
    assert reasons(ids=str(tmp_path / "ids.csv")) == dict.fromkeys(gone, "leak_id")


def test_by_file(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{DIGESTS['b'].upper()}  b.mp4\n\n")
    assert reasons(sha256=str(tmp_path / "sums")) == {"kb": "leak_file"}
    (tmp_path / "sums").write_text("b.mp4\n")
    with pytest.raises(UserError, match="sums:1: a SHA-256 is missing"):
        reasons(sha256=str(tmp_path / "sums"))


def test_by_picture_mirrored_or_not(tmp_path: Path) -> None:
    (tmp_path / "h").write_text(f"{HASHES['a'] ^ 7:016x}\n{HASHES['c'] ^ int(MIRROR):016X}\n")
    assert reasons(phashes=str(tmp_path / "h")) == {"ka": "leak_picture", "kc": "leak_picture"}
    assert reasons(phashes=str(tmp_path / "h"), max_bits=0) == {"kc": "leak_picture"}  # one of its two frames
    assert reasons(phashes=str(tmp_path / "h"), max_bits=0, share=0.6) == {}
    assert near_any(np.zeros(0, np.uint64), np.zeros(2, np.uint64), 8).tolist() == [False, False]


def test_by_vector(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[0.1, 9.0, 0.1]], np.float32))
    assert reasons(vectors=str(tmp_path / "v.npy")) == {"kb": "leak_vector"}
    np.save(tmp_path / "v.npy", np.ones((1, 5), np.float32))
    with pytest.raises(UserError, match="vectors of 5 numbers, m 1 of 3"):
        reasons(vectors=str(tmp_path / "v.npy"))
    np.save(tmp_path / "v.npy", np.ones(5))
    with pytest.raises(UserError, match="has no vectors"):
        reasons(vectors=str(tmp_path / "v.npy"))


def test_by_text(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a RED bus\n\ntwo dogs on a brown sofa\n")
    assert reasons(texts=str(tmp_path / "t")) == {"ka": "leak_text"}
    assert reasons(texts=str(tmp_path / "t"), min_similarity=0.3) == {"ka": "leak_text", "kb": "leak_text"}


def test_lists_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs a list"):
        Leakage().check([])
    with pytest.raises(UserError, match=r"leakage\.ids: there is no file"):
        Leakage(ids=str(tmp_path / "none")).check([])
