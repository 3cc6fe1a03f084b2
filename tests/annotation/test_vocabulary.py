"""Vocabularies: what is on them, what numbers captions get, and what is written for trainers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cliploom.annotation.tags import TagsStep
from cliploom.annotation.vocabularies.frozen import Vocabulary, VocabularyEntry
from cliploom.annotation.vocabularies.synonyms import wordnet_groups
from cliploom.annotation.vocabularies.targets import l1_normal, multi_hot
from cliploom.annotation.vocabulary import VocabularyStep
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.engine.storage.sql import connect
from cliploom.models.demo.minilm import _tensors
from cliploom.models.encoders.choice import EncoderOptions
from cliploom.schemas import Caption, Clip, Pair, TagLabels, Tags, Video, problem, to_arrow

PARKED = "A red and blue car is parked under a traffic light."  # as in TagAlign's figure


def tags(name: str, objects: str, attributes: str = "", clip: str = "") -> Tags:
    clip = clip or f"{name}_0_1"
    video = clip.split("_")[0]
    pairs = [Pair(attribute, objects.split(", ")[0]) for attribute in attributes.split(", ") if attribute]
    return Tags(
        f"{name}_said", video, clip, f"{name}_said", objects.split(", ") if objects else [],
        attributes.split(", ") if attributes else [], pairs, "m",
    )  # fmt: skip


def database(rows: Sequence[Tags]) -> duckdb.DuckDBPyConnection:
    db = connect()
    clips = {row.clip_id: Clip(row.clip_id, row.video_id, 0.0, 1.0, []) for row in rows}
    videos = {row.video_id: Video(row.video_id, f"https://films.example/{row.video_id}.jpg", "", "", 0) for row in rows}
    db.register("tags", to_arrow(Tags, list(rows)))
    db.register("clips", to_arrow(Clip, list(clips.values())))
    db.register("videos", to_arrow(Video, list(videos.values())))
    return db


def labels(root: Path, rows: Sequence[Tags], **options: object) -> list[TagLabels]:
    step = VocabularyStep(**options)  # type: ignore[arg-type]
    step.check([])
    return list(step.rows(database(rows), StepContext(root, {"": Path("media/vocabulary")})))


def names(root: Path) -> list[str]:
    return (root / "vocabulary" / "tags.txt").read_text().splitlines()


ROWS = [
    tags("a", "car, sofa", "red"), tags("b", "couch, car", "blue"), tags("c", "dog, car, dog bowl", "red"),
    tags("d", "dog"), tags("e", ""),
]  # fmt: skip


def test_tags_are_ranked_by_captions_and_captions_get_their_numbers(tmp_path: Path) -> None:
    found = labels(tmp_path, ROWS, pairs=10)
    assert names(tmp_path) == [
        "car",
        "dog",
        "couch",
        "dog bowl",
        "sofa",
        "red",
        "blue",
        "blue couch",
        "red car",
        "red dog",
    ]
    assert [(row.labels_id, row.numbers) for row in found] == [
        ("a_said", [0, 4, 5, 8]), ("b_said", [0, 2, 6, 7]), ("c_said", [0, 1, 3, 5, 9]), ("d_said", [1]),
        ("e_said", []),
    ]  # fmt: skip
    assert not [row for row in found if problem(row)]
    assert {row.vocabulary for row in found} == {Vocabulary.read(tmp_path / "vocabulary/vocabulary.json").version}
    assert labels(tmp_path, ROWS[::-1], pairs=10) == found


def test_stop_lists_tails_and_caps(tmp_path: Path) -> None:
    labels(tmp_path, ROWS, stop=("Dog",), attributes=1, min_captions=2)
    assert names(tmp_path) == ["car", "red"]
    labels(tmp_path, ROWS, max_share=0.5, objects=2, attributes=0)
    assert names(tmp_path) == ["dog", "couch"]  # car is in three of five


def test_synonyms_of_a_table_count_as_one_in_each_caption(tmp_path: Path) -> None:
    table = tmp_path / "synonyms.csv"
    table.write_text("couch,sofa,settee\nhound,dog\n")
    rows = [*ROWS, tags("f", "sofa, couch")]
    found = labels(tmp_path, rows, synonyms=str(table), attributes=0)
    told = json.loads((tmp_path / "vocabulary/vocabulary.json").read_text())["tags"]
    assert [(t["tag"], t["documents"], t["synonyms"]) for t in told] == [
        ("car", 3, []), ("couch", 3, ["sofa"]), ("hound", 2, ["dog"]), ("dog bowl", 1, []),
    ]  # fmt: skip
    assert found[-1].numbers == [1]
    table.write_text("couch,sofa\nsofa,settee\n")
    with pytest.raises(UserError, match=r"synonyms.csv:2: 'sofa' is in line 1 too"):
        labels(tmp_path, rows, synonyms=str(table))


WORDNET = """\
  1 This software and database is being provided to you
car n 2 1 @ 2 1 02958343 02959942
couch n 2 1 @ 2 1 04256520 09866922
sofa n 1 1 @ 1 1 04256520
dog n 1 2 @ ~ 1 1 02084071
settee n 2 1 @ 2 0 04177820 04256520
"""


def test_wordnet_merges_nouns_whose_first_meaning_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpora/wordnet").mkdir(parents=True)
    for name in ("index.noun", "data.noun"):
        (tmp_path / "corpora/wordnet" / name).write_text(WORDNET)
    assert wordnet_groups(tmp_path / "corpora/wordnet", ["car", "couch", "sofa", "settee"]) == [["couch", "sofa"]]
    monkeypatch.setenv("NLTK_DATA", str(tmp_path))
    labels(tmp_path, [*ROWS, tags("f", "sofa")], synonyms="wordnet", attributes=0)
    assert names(tmp_path) == ["car", "sofa", "dog", "dog bowl"]  # the one in most captions stands for both
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr("cliploom.annotation.vocabularies.synonyms._PLACES", ())
    with pytest.raises(UserError, match="there are none"):
        labels(tmp_path, ROWS, synonyms="wordnet")


def test_a_frozen_vocabulary_keeps_its_numbers_on_other_captions(tmp_path: Path) -> None:
    labels(tmp_path / "one", ROWS)
    frozen = tmp_path / "one/vocabulary/vocabulary.json"
    [row] = labels(tmp_path / "two", [tags("z", "unicorn, dog, sofa", "blue")], frozen=str(frozen))
    assert row.numbers == [1, 4, 6]
    told = json.loads(frozen.read_text())
    told["tags"][0]["tag"] = "lorry"
    frozen.write_text(json.dumps(told))
    with pytest.raises(UserError, match="its tags are those of"):
        labels(tmp_path / "two", ROWS, frozen=str(frozen))
    (tmp_path / "list.txt").write_text("sofa\ndog\n")
    assert labels(tmp_path / "three", ROWS[:1], frozen=str(tmp_path / "list.txt"))[0].numbers == [0]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": "1"}', '{"version": "1", "tags": [{"tag": 1, "kind": "object"}]}']
)
def test_what_is_no_vocabulary_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(UserError, match="is no vocabulary"):
        Vocabulary.read(tmp_path / "v.json")


def test_one_tag_has_one_number() -> None:
    with pytest.raises(UserError, match="has the object 'dog' twice"):
        Vocabulary((VocabularyEntry("dog", "object"), VocabularyEntry("hound", "object", 1, ("dog",))))


def test_files_for_trainers(tmp_path: Path) -> None:
    rows = [*ROWS[:2], tags("b2", "dog", clip="b_0_1")]
    labels(tmp_path, rows, targets="l1")
    folder = tmp_path / "vocabulary"
    assert names(tmp_path) == ["car", "couch", "dog", "sofa", "blue", "red"]
    index = json.loads((folder / "index.json").read_text())
    assert index["https://films.example/a.jpg"] == [0, 3, 5] and index["https://films.example/b.jpg"] == [0, 1, 2, 4]
    assert (folder / "counts.csv").read_text().splitlines()[:3] == [
        "number,kind,tag,captions", '0,object,"car",2', '1,object,"couch",1',
    ]  # fmt: skip
    sparse = np.load(folder / "targets.npz")
    assert sparse["starts"].tolist() == [0, 3, 4, 7] and int(sparse["size"]) == 6
    assert sparse["ids"].tolist() == ["a_said", "b2_said", "b_said"]
    dense = _tensors(folder / "targets.safetensors")["targets"]
    assert dense.shape == (3, 6) and np.allclose(dense.sum(axis=1), 1) and dense[1].tolist() == [0, 0, 1, 0, 0, 0]
    labels(tmp_path, rows, targets="multi_hot", format="npy")
    assert np.load(folder / "targets.npy")[0].tolist() == [1, 0, 0, 1, 0, 1]
    assert not list(folder.glob("*.part*"))


def test_no_tags_are_a_target_of_zeros() -> None:
    assert multi_hot([[], [1]], 2).tolist() == [[0, 0], [0, 1]]
    assert l1_normal([[], [0, 1]], 2).tolist() == [[0, 0], [0.5, 0.5]]


@pytest.mark.models
def test_vectors_of_tags_are_those_of_their_texts(tmp_path: Path) -> None:
    options = EncoderOptions(encoder="minilm")
    labels(tmp_path, ROWS[:1], embeddings=options, templates=("{}", "a photo of a {}"), format="npy")
    found = np.load(tmp_path / "vocabulary/embeddings.npy")
    with options.open_encoder() as encoder:
        total = sum(
            np.asarray(encoder.texts([t.format(n) for n in names(tmp_path)]), np.float32)
            for t in ("{}", "a photo of a {}")
        )
    assert np.allclose(found, total / np.linalg.norm(total, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"sheet": "../x"},
        {"templates": ("a photo",)},
        {"frozen": "nowhere.json"},
        {"synonyms": "nowhere.csv"},
        {"embeddings": EncoderOptions("efficientnet")},
        {"embeddings": EncoderOptions("open_clip")},
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=f"annotation.vocabulary.{next(iter(options))}"):
        VocabularyStep(**options).check([])  # type: ignore[arg-type]


def test_the_published_figure(tmp_path: Path) -> None:
    caption = Caption(
        "a_said", "a", "a_0_1", "t", "teacher", PARKED, parents=[], model="m", revision="1", language="en"
    )
    with TagsStep().open(StepContext(tmp_path, {"": Path("media/tags")})) as work:
        [answer] = work([caption])
    assert isinstance(answer, list)
    lists = (
        ("object", "car"),
        ("object", "traffic light"),
        ("object", "dog"),
        ("attribute", "blue"),
        ("attribute", "red"),
    )
    Vocabulary(tuple(VocabularyEntry(tag, kind) for kind, tag in lists)).write(tmp_path / "lists.json")
    [row] = labels(tmp_path, answer, frozen=str(tmp_path / "lists.json"), targets="multi_hot", format="npy")
    assert row.numbers == [0, 1, 3, 4]
    assert np.load(tmp_path / "vocabulary/targets.npy").tolist() == [[1, 1, 0, 1, 1]]
