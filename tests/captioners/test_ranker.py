"""The step that learns from picks: reading them, testing on held-out videos, scoring."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from cliploom.captioners.ranker import MODEL_FILE, REPORT_FILE, Ranker
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.engine.storage.hashes import hash_share
from cliploom.engine.storage.sql import connect
from cliploom.models.people.picks import Pick, majority, read_picks
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
        scores = [
            Score(f"{c.caption_id}_toy", c.video_id, c.clip_id, c.caption_id, "toy", float(i % 4 == 2), "m")
            for i, c in enumerate(self.captions)
        ]
        db.register("scores", to_arrow(Score, scores))
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
        return list(step.rows(db, StepContext(root, {"": Path("media/ranker")})))


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
    assert 0.05 < report["scores"]["toy"] < 0.5
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


def test_a_sheet_with_other_columns_long_cells_and_odd_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "y" * 200_000  # more than the csv module takes by itself
    path.write_text(
        f'clip_id,text,caption_id,person\r\nc1,a\u2028b\x0bc,a,"ann"\r\n\r\nc2,"{long}\n",all_bad\r\n', newline=""
    )
    assert read_picks(path) == [Pick("c1", "a", "ann"), Pick("c2", "", "")]


def test_picks_of_a_single_video_are_learned_from_and_not_tested_on(world: World, tmp_path: Path) -> None:
    video = next(c.video_id for c in world.captions if hash_share(c.video_id) < 0.2)
    path = tmp_path / "a.csv"
    some = [(clip, one) for clip, one in world.liked.items() if clip.startswith(f"{video}_")]
    path.write_text("clip_id,caption_id\n" + "".join(f"{clip},{one}\n" for clip, one in some))
    run(world, path, tmp_path, epochs=1)
    report = json.loads((tmp_path / "media/ranker" / REPORT_FILE).read_text())
    assert (report["learned_from"], report["held_out"], report["r_at_1"]) == (2, 0, None)


def test_where_all_are_bad_it_says_so(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("clip_id,caption_id\nv0000_0,all_bad\n")
    with pytest.raises(UserError) as raised:
        run(world, path, tmp_path)
    assert raised.value.hint and "of 1 clips all captions are bad" in raised.value.hint


def test_most_votes_win() -> None:
    picks = [Pick("c", x, str(i)) for i, x in enumerate(["b", "a", "a", ""])] + [
        Pick("d", "z", "0"),
        Pick("d", "", "1"),
    ]
    c, d = majority(picks)
    assert (c.caption_id, d.caption_id) == ("a", "z")
    assert c.votes == ("b", "a", "a", "") and d.votes == ("z", "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "clip,caption_id\nx,y\n", "there is no column clip_id"),
        ("a.csv", "clip_id,caption_id\n,y\n", "a.csv:2: the clip_id is empty"),
        ("a.csv", "clip_id,caption_id\n", "holds no picks"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '[{"data": {}}]', "task 1 has no clip_id"),
        ("a.csv", "clip_id,caption_id\nnowhere,y\n", "none of the 1 picked clips"),
        ("a.csv", "clip_id,caption_id\nc1\n", "a.csv:2: the row ends before caption_id"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.json", '["c1"]', "task 1 has no clip_id"),
        ("a.json", '[{"data": {"clip_id": "c"}, "annotations": ["x", {"result": [{"value": "y"}, 7]}]}]', "no picks"),
        ("a.json", '[{"data": {"clip_id": "c"}, "annotations": 5}]', "holds no picks"),
    ],
)
def test_wrong_picks_are_one_line(world: World, tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        run(world, path, tmp_path)


def test_vectors_must_be_there_and_of_one_model(world: World, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"clips have vectors by .*, not by n"):
        run(world, world.csv(tmp_path / "picks.csv"), tmp_path, clip_encoder="n")


def test_an_encoder_is_named_with_or_without_its_version(tmp_path: Path) -> None:
    world = World()
    world.embeddings = [replace(e, model="m (1)") for e in world.embeddings] + [
        replace(e, model="n (2)", embedding_id=f"{e.embedding_id}n") for e in world.embeddings if not e.caption_id
    ]
    picks = world.csv(tmp_path / "picks.csv")
    for name in ("m", "m (1)"):
        assert run(world, picks, tmp_path, clip_encoder=name, epochs=1)
    with pytest.raises(UserError, match=r"clips have vectors by m \(1\) and by n \(2\): name one with `clip_encoder`"):
        run(world, picks, tmp_path, epochs=1)
