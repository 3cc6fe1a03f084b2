"""Clips are found by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import told

from cliploom.cards.viewer.find import find_clips
from cliploom.engine.contract.errors import UserError
from cliploom.engine.selections import read_ids, read_selections, save_selection
from cliploom.models.encoders.choice import EncoderOptions

CLIPS = [told.clip("v", n, n + 1) for n in range(4)]
MODEL = "minilm (1)"


@dataclass(frozen=True)
class Vectors(told.FakeBuild):
    """A build with vectors: clip, caption or None, numbers."""

    vectors: Sequence[tuple[str, str | None, list[float]]] = ()
    model: str = MODEL

    def connect(self) -> duckdb.DuckDBPyConnection:
        db = super().connect()
        db.unregister("embeddings")
        clips, captions, numbers = zip(*self.vectors, strict=True) if self.vectors else ((), (), ())
        columns = {"clip_id": pa.array(clips, pa.string()), "caption_id": pa.array(captions, pa.string()),
                   "vector": pa.array([np.array(n, np.float32) for n in numbers], pa.list_(pa.float32())),
                   "model": pa.array([self.model] * len(clips), pa.string())}  # fmt: skip
        db.register("embeddings", pa.table(columns))
        return db


def build(*vectors: tuple[str, str | None, list[float]], model: str = MODEL) -> Vectors:
    rows = [*CLIPS, *(told.caption(clip, "chat", f"number {n}") for n, clip in enumerate(CLIPS))]
    return Vectors(Path(), {"name": "b", "steps": []}, rows=rows, vectors=vectors, model=model)


IDS = [clip.clip_id for clip in CLIPS]
SHOWN = build(
    (IDS[0], None, [1, 0]), (IDS[1], None, [0.6, 0.8]), (IDS[2], None, [0, 2]), (IDS[2], None, [3, 0]),
    (IDS[3], None, [0, 0]), (IDS[3], "c", [1, 0]),
)  # fmt: skip


def test_a_clip_finds_its_neighbours_and_not_itself() -> None:
    hits = find_clips(SHOWN, IDS[0], 10)
    assert [(hit.clip_id, hit.score, hit.caption) for hit in hits] == [
        (IDS[2], 1.0, "number 2"), (IDS[1], 0.6, "number 1"), (IDS[3], 0.0, "number 3"),
    ]  # fmt: skip


def test_only_so_many_are_given_equals_in_order_of_their_ids() -> None:
    equal = build(*((id_, None, [1.0, 0.0]) for id_ in reversed(IDS)))
    assert [hit.clip_id for hit in find_clips(equal, IDS[3], 2)] == IDS[:2]


def test_words_and_pictures_are_encoded_by_the_builds_own_encoder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Any] = []

    class Fake:
        name, revision, dim = "minilm", "1", 2

        def texts(self, texts: Sequence[str]) -> Any:
            seen.append(list(texts))
            return np.array([[0.0, 1.0]], np.float32)

        def images(self, images: Sequence[Any]) -> Any:
            seen.append(images[0].shape)
            return np.array([[1.0, 0.0]], np.float32)

    from contextlib import contextmanager

    @contextmanager
    def opened(options: Any) -> Any:
        assert options.encoder == "minilm"
        yield Fake()

    monkeypatch.setattr(EncoderOptions, "open_encoder", opened)
    assert find_clips(SHOWN, "a dog", 1)[0].clip_id == IDS[2]
    picture = tmp_path / "p.jpg"
    picture.write_bytes(told.pictures("tears_of_steel_2s.webm", (0.0,))[0])
    assert find_clips(SHOWN, str(picture), 1)[0].score == 1.0 and seen[0] == ["a dog"] and seen[1][2] == 3
    with pytest.raises(UserError, match="is installed"):
        find_clips(build((IDS[0], None, [1, 0]), model="minilm (2)"), "a dog", 1)


def test_what_cannot_be_searched_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="clips have no vectors") as error:
        find_clips(build(), "a dog", 1)
    assert "captioners.clip_embeddings" in (error.value.hint or "")
    with pytest.raises(UserError, match="not by open_clip"):
        find_clips(SHOWN, "a dog", 1, encoder="open_clip")
    (tmp_path / "p.jpg").write_text("no picture")
    with pytest.raises(UserError, match=r"p\.jpg is no picture"):
        find_clips(SHOWN, str(tmp_path / "p.jpg"), 1)


def test_selections_are_kept_by_name_and_in_order(tmp_path: Path) -> None:
    save_selection(tmp_path, "dogs", ["b", "a"])
    save_selection(tmp_path, "dogs", ["c", "a", "c"])
    assert read_selections(tmp_path) == {"dogs": ["c", "a"]}
    for name in ("", "../x", ".hidden", "a/b"):
        with pytest.raises(UserError, match="no name for a selection"):
            save_selection(tmp_path, name, ["a"])
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="no text in UTF-8"):
        read_ids(tmp_path / "bad.txt")
