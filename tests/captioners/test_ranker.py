"""The step that learns from picks: reading them, testing on held-out videos, scoring."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from cliploom.captioners.ranker import MODEL_FILE, REPORT_FILE, Ranker
from cliploom.captioners.ranking.picks import Pick, agreement, majority, read_picks
from cliploom.engine.errors import UserError
from cliploom.engine.sql import connect
from cliploom.engine.step import Site
from cliploom.schemas import Caption, Embedding, Score, to_arrow

if TYPE_CHECKING:
    import duckdb

CLIPS, WIDE = 240, 12


def vector(values: NDArray[np.float64]) -> NDArray[np.float16]:
    return np.asarray(values / np.linalg.norm(values), np.float16)


class World:
    """Clips with four captions each; people like the captions that lie in one direction, whatever the clip."""

    def __init__(self) -> None:
        dice = np.random.default_rng(2)
        taste = dice.standard_normal(WIDE)
        self.captions: list[Caption] = []
        self.embeddings: list[Embedding] = []
        self.liked: dict[str, str] = {}
        for i in range(CLIPS):
            video, clip = f"v{i // 2:04d}", f"v{i // 2:04d}_{i}"
            seen = vector(dice.standard_normal(WIDE))
            self.embeddings.append(Embedding(f"{clip}_m", video, "m", seen, clip_id=clip))
            best = -np.inf
            for k in range(4):
                said = vector(dice.standard_normal(WIDE))
                one = f"{clip}_c{k}"
                self.captions.append(Caption(one, video, clip, f"t{k}", "teacher", "x", [], "t", "1"))
                self.embeddings.append(Embedding(f"{one}_m", video, "m", said, clip_id=clip, caption_id=one))
                if said @ taste > best:
                    best, self.liked[clip] = float(said @ taste), one

    def database(self) -> duckdb.DuckDBPyConnection:
        db = connect()
        db.register("captions", to_arrow(Caption, self.captions))
        halfs = to_arrow(Embedding, self.embeddings)
        at = halfs.schema.get_field_index("vector")
        floats = [np.asarray(e.vector, np.float32).tolist() for e in self.embeddings]
        import pyarrow as pa

        db.register("embeddings", halfs.set_column(at, "vector", pa.array(floats, pa.list_(pa.float32()))))
        return db

    def csv(self, path: Path) -> Path:
        lines = ["clip_id,caption_id,person"]
        for i, (clip, caption) in enumerate(self.liked.items()):
            lines.append(f"{clip},{'all_bad' if i % 12 == 5 else caption},ann")
            if i % 3 == 0:
                lines.append(f"{clip},{'' if i % 12 == 5 else caption},bob")
        lines.append("elsewhere_1,elsewhere_1_c0,ann")
        path.write_text("\n".join(lines) + "\n")
        return path


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def run(world: World, picks: Path, root: Path, **options: object) -> list[Score]:
    step = Ranker(picks=picks, **options)  # type: ignore[arg-type]
    with world.database() as db:
        return list(step.rows(db, Site(root, {"": Path("media/ranker")})))


def test_it_learns_the_taste_and_reports_it(world: World, tmp_path: Path) -> None:
    scores = run(world, world.csv(tmp_path / "picks.csv"), tmp_path)
    assert len(scores) == len(world.captions)
    assert {s.name for s in scores} == {"ranker"} and len({s.model for s in scores}) == 1
    report = json.loads((tmp_path / "media/ranker" / REPORT_FILE).read_text())
    assert (report["picked"], report["all_bad"], report["unknown"]) == (CLIPS + 1, 20, 1)
    assert report["learned_from"] + report["held_out"] == CLIPS - 20
    assert 0.1 < report["held_out"] / (CLIPS - 20) < 0.35
    assert report["chance"] == 0.25
    assert report["r_at_1"] > 0.7 > 0.5 > report["cosine"]
    assert report["agreement"] == 1.0
    weights = np.load(tmp_path / "media/ranker" / MODEL_FILE, allow_pickle=False)
    assert set(weights) == {"a", "b", "prior", "cosine"}


def test_it_is_the_same_again(world: World, tmp_path: Path) -> None:
    picks = world.csv(tmp_path / "picks.csv")
    assert run(world, picks, tmp_path, epochs=3) == run(world, picks, tmp_path, epochs=3)
    assert run(world, picks, tmp_path, epochs=3) != run(world, picks, tmp_path, epochs=3, seed=5)


def test_what_is_read_from_label_studio(tmp_path: Path) -> None:
    def task(clip: str, *annotations: dict[str, object]) -> dict[str, object]:
        return {"id": 1, "data": {"clip_id": clip, "video": "x.mp4"}, "annotations": list(annotations)}

    def choice(value: str, person: int, cancelled: bool = False) -> dict[str, object]:
        result = [{"from_name": "best", "to_name": "video", "type": "choices", "value": {"choices": [value]}}]
        return {"completed_by": person, "was_cancelled": cancelled, "result": [] if cancelled else result}

    path = tmp_path / "export.json"
    path.write_text(
        json.dumps(
            [
                task("c1", choice("a", 1), choice("b", 2)),
                task("c2", choice("x", 1, True)),
                task("c3", choice("all_bad", 4)),
            ]
        )
    )
    assert read_picks(path) == [Pick("c1", "a", "1"), Pick("c1", "b", "2"), Pick("c3", "", "4")]


def test_most_votes_win_and_people_are_compared() -> None:
    picks = [Pick("c", x, str(i)) for i, x in enumerate(["b", "a", "a", ""])] + [
        Pick("d", "z", "0"),
        Pick("d", "", "1"),
    ]
    c, d = majority(picks)
    assert (c.caption_id, d.caption_id) == ("a", "z")
    assert agreement([c, d]) == pytest.approx(2 / (4 * 3 + 2))
    assert agreement(majority([Pick("c", "a", "1")])) is None


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "clip,caption_id\nx,y\n", "there is no column clip_id"),
        ("a.csv", "clip_id,caption_id\n,y\n", "a.csv:2: the clip_id is empty"),
        ("a.csv", "clip_id,caption_id\n", "holds no picks"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '[{"data": {}}]', "task 1 has no clip_id"),
        ("a.csv", "clip_id,caption_id\nnowhere,y\n", "none of the 1 picked clips"),
    ],
)
def test_wrong_picks_are_one_line(world: World, tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        run(world, path, tmp_path)


def test_vectors_must_be_there_and_of_one_model(world: World, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no clips have vectors of n"):
        run(world, world.csv(tmp_path / "picks.csv"), tmp_path, clip_encoder="n")
