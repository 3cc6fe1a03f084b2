"""The second round: texts fitted to the clips of the first find their seconds better."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from cliploom.captioners.align import Align
from cliploom.captioners.alignment.refit import PairSums, apply_map, fit_map
from cliploom.captioners.alignment.windows import align_captions
from cliploom.captioners.frame_embeddings import FrameEmbeddings
from cliploom.captioners.refit import REPORT_FILE, Refit
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Caption, Clip, Embedding, Row, problem, to_arrow

MEDIA = Path(__file__).parents[1] / "media"
DIM = 24


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float16)


def test_texts_that_say_it_in_another_way_find_their_seconds() -> None:
    """Half of the texts' dimensions mean something else than those of the frames."""
    rng = np.random.default_rng(0)
    turn = np.eye(DIM)
    turn[:, : DIM // 2] = turn[:, rng.permutation(DIM // 2)]
    seconds, hits = 400, []
    films, all_texts, times = [], [], []
    for _ in range(12):
        shows = np.repeat(rng.standard_normal((seconds // 8, DIM)), 8, axis=0)
        true = rng.integers(0, seconds - 8, 80)
        texts = unit(shows[true] @ turn + 0.8 * rng.standard_normal((80, DIM)))
        films.append(unit(shows + 0.3 * rng.standard_normal(shows.shape)))
        all_texts.append(texts)
        times.append(true)
    sums = PairSums(DIM)
    rough = [np.clip(t + rng.integers(-10, 11, 80), 0, seconds - 1) for t in times]
    for texts, film, said in zip(all_texts, films, rough, strict=True):
        spans = align_captions([texts], [film], said, float(seconds))
        at = spans.start_s.astype(int)[:, None] + np.arange(8)
        sums.add(texts, film.astype(np.float32)[at].mean(axis=1))
    found = fit_map(sums)
    for texts, film, said, true in zip(all_texts, films, rough, times, strict=True):
        again = apply_map(texts, sums.text_mean(), found)
        rounds = (align_captions([texts], [film], said, 400.0), align_captions([texts, again], [film] * 2, said, 400.0))
        hits.append([float(((s.start_s <= true) & (true < s.end_s)).mean()) for s in rounds])
    first, second = np.mean(hits, axis=0)
    assert second > first + 0.05


def test_the_map_is_the_identity_without_pairs_and_exact_with_many() -> None:
    assert np.array_equal(fit_map(PairSums(3)), np.eye(3)) and PairSums(3).text_mean().tolist() == [0, 0, 0]
    rng = np.random.default_rng(1)
    texts, turn = rng.standard_normal((5000, 4)) + 3.0, np.linalg.qr(rng.standard_normal((4, 4)))[0]
    sums = PairSums(4)
    for part in np.split(texts, 5):
        sums.add(part, part @ turn)
    assert np.allclose(fit_map(sums, 1e-6), turn, atol=1e-3) and np.allclose(fit_map(sums, 1e9), np.eye(4), atol=1e-3)
    moved = apply_map(texts[:3], sums.text_mean(), turn).astype(np.float64)
    assert np.allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-3)
    assert apply_map(np.ones((1, 4)), np.ones(4), turn).tolist() == [[1, 1, 1, 1]]


def rows_of(step: Refit, root: Path, *held: tuple[type[Row], Sequence[Row]]) -> list[Embedding]:
    with duckdb.connect() as db:
        for row, rows in held:
            file = root / f"{row.table}.parquet"
            pq.write_table(to_arrow(row, rows), file)
            db.execute(f"CREATE VIEW {row.table} AS SELECT * FROM '{file}'")
        return list(step.rows(db, StepContext(root, {"": Path("media/r")})))


def test_all_texts_are_written_again(tmp_path: Path) -> None:
    each = np.eye(16, dtype=np.float16)
    clips = [Clip("v_k", "v", 0.0, 8.0, []), Clip("w_k", "w", 0.0, 4.0, [])]
    aligned = [Caption(f"{v}_k_a", v, f"{v}_k", "a", "teacher", "x", [f"{v}_1_a"], "m", "1") for v in "vw"]
    frames = [Embedding(f"{v}_{k * 1000:09d}_x", v, "one", each[k], frame_id=f"{v}_{k * 1000:09d}")
              for v in "vw" for k in range(16)]  # fmt: skip
    texts = [Embedding(f"{v}_1_{n}_x", v, "one", each[k], f"{v}_1", caption_id=f"{v}_1_{n}")
             for v in "vw" for k, n in enumerate("ab")]  # fmt: skip
    other = Embedding("v_1_a_y", "v", "two", each[0], "v_1", caption_id="v_1_a")
    made = rows_of(Refit(), tmp_path, (Clip, clips), (Caption, aligned), (Embedding, [*frames, *texts, other]))
    assert [e.embedding_id for e in made] == [f"{e.embedding_id}_refit" for e in texts]
    assert all(problem(e) is None and e.model == "one" for e in made)
    assert json.loads((tmp_path / "media/r" / REPORT_FILE).read_text()) == {"maps": [{"model": "one", "pairs": 2}]}
    assert rows_of(Refit(), tmp_path, (Clip, []), (Caption, []), (Embedding, texts)) == []


def test_it_needs_a_first_round_and_the_second_a_name() -> None:
    with pytest.raises(UserError, match="aligned captions"):
        Refit().check([FrameEmbeddings()])
    Refit().check([Align()])
    with pytest.raises(UserError, match="another name"):
        Align().check([FrameEmbeddings(), Align()])


RECIPE = """
name: rounds
shards: 1
steps:
  - builders.folder: {path: FOLDER}
  - builders.scan: {frames_per_s: 1}
  - builders.transcripts
  - builders.word_blocks: {max_words: 12}
  - captioners.actions: {model: fake}
  - captioners.frame_embeddings: {encoder: conse}
  - captioners.text_embeddings: {encoder: conse}
  - captioners.align
  - filters.top_scores: {quantile: 0.5}
  - captioners.refit
  - captioners.align:
      as: second
      score: alignment_2
      from: [captioners.actions, captioners.frame_embeddings, captioners.text_embeddings, captioners.refit]
  - cards.dataset
"""


def test_two_rounds_in_a_recipe(tmp_path: Path) -> None:
    source = tmp_path / "films"
    source.mkdir()
    (source / "talk.mp4").symlink_to(MEDIA / "obama_statement.mp4")
    times = [(f"00:00:0{n},000", f"00:00:0{n},900") for n in range(8)]
    lines = (f"{n + 1}\n{a} --> {b}\nA bird sits and a car moves by line {n}.\n" for n, (a, b) in enumerate(times))
    (source / "talk.srt").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "build"
    run_build(read_recipe(RECIPE.replace("FOLDER", str(source)), "rounds.yaml"), out, RunOptions(workers=1))
    build = Build.read(out)
    assert not [stage for stage in build.funnel() if stage.failed]
    with build.connect() as db:
        rounds = dict(db.execute("SELECT name, count(*) FROM scores GROUP BY name").fetchall())
        [(kept, spans)] = db.execute("SELECT count(*), count(DISTINCT caption) FROM dataset").fetchall()
        [(refits,)] = db.execute("SELECT count(*) FROM embeddings WHERE embedding_id LIKE '%_refit'").fetchall()
    assert rounds["alignment"] == rounds["alignment_2"] == refits >= 3
    assert kept >= 1 and spans >= 1
