"""The dataset folder, read back with what people read it with."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import told
import yaml

from cliploom.cards.dataset import Dataset
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, StepEntry
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.engine.storage.manifest import FORMAT
from cliploom.schemas import Caption, Clip, DatasetEntry, Pair, Review, Row, Tags, Word

STEP = Path("media/cards.dataset/0123456789abcdef")


def made(root: Path, rows: Sequence[Row], **options: Any) -> list[DatasetEntry | Drop]:
    """Run the step over rows."""
    options = {"rights": {"unknown": "bytes"}, **options}
    return list(Dataset(**options).rows(told.database(rows), StepContext(root, {"": STEP})))


def table(root: Path) -> dict[str, dict[str, Any]]:
    """The published rows by clip, with their split."""
    found = {}
    for file in sorted((root / "dataset").glob("**/*.parquet")):
        split = file.parent.name if file.stem == "metadata" else file.name.split("-")[0]
        for row in pq.read_table(file, partitioning=None).to_pylist():
            found[row["clip_id"]] = {**row, "split": split}
    return found


def loaded(root: Path, tmp_path: Path) -> datasets.DatasetDict:
    """As a user loads it."""
    return datasets.load_dataset(str(root / "dataset"), cache_dir=str(tmp_path / "cache"))


def captioned(videos: int = 5, clips: int = 3, **more: Any) -> list[Row]:
    """Some videos and clips, each with one caption."""
    rows: list[Row] = []
    for v in range(videos):
        rows.append(told.video(f"v{v}"))
        for k in range(clips):
            clip = told.clip(f"v{v}", 2.0 * k, 2.0 * k + 2, **more)
            rows += [clip, told.caption(clip, "speech", f"Words of v{v} at {k}.")]
    return rows


def with_files(root: Path, media: Path, rows: Sequence[Row]) -> list[Row]:
    """The same rows with a real file for every clip."""
    done: list[Row] = []
    (root / "media" / "clips").mkdir(parents=True)
    for row in rows:
        if isinstance(row, Clip):
            file = f"media/clips/{row.clip_id}.mp4"
            shutil.copy(media / "made_one_frame.mp4", root / file)
            row = told.clip(row.video_id, row.start_s, row.end_s, file=file, cut="smart")
        done.append(row)
    return done


def test_a_virtual_dataset_loads_with_its_types_and_splits(tmp_path: Path) -> None:
    entries = made(tmp_path, captioned(), splits={"train": 0.6, "test": 0.4}, license="cc-by-4.0")
    assert [e.id for e in entries if isinstance(e, DatasetEntry)] == sorted(e.id for e in entries) and len(
        entries
    ) == 15
    data = loaded(tmp_path, tmp_path)
    assert set(data) == {"train", "test"} and sum(map(len, data.values())) == 15
    row = data["train"][0]
    assert row["end_s"] - row["start_s"] == row["duration_s"] == 2.0
    assert row["caption"].startswith("Words of v") and row["teacher"] == "speech"
    assert data["train"].features["start_s"] == datasets.Value("float64")
    assert {e.split for e in entries if isinstance(e, DatasetEntry)} == {"train", "test"}
    assert {e.file for e in entries if isinstance(e, DatasetEntry)} == {None}
    assert sorted(p.name for p in (tmp_path / "dataset" / "data").iterdir()) == [
        "test-00000-of-00001.parquet", "train-00000-of-00001.parquet",
    ]  # fmt: skip


def test_entries_say_the_split_that_the_table_says(tmp_path: Path) -> None:
    entries = made(tmp_path, captioned(), splits={"a": 1, "b": 1, "c": 1})
    rows = table(tmp_path)
    assert {e.clip_id: e.split for e in entries if isinstance(e, DatasetEntry)} == {
        c: r["split"] for c, r in rows.items()
    }
    videos = defaultdict(set)
    for row in rows.values():
        videos[row["video_id"]].add(row["split"])
    assert all(len(splits) == 1 for splits in videos.values())


def test_parquet_files_are_as_the_hub_likes_them(tmp_path: Path) -> None:
    made(tmp_path, captioned())
    (file,) = (tmp_path / "dataset" / "data").iterdir()
    meta = pq.read_metadata(file)
    assert meta.row_group(0).column(0).has_offset_index and meta.row_group(0).column(0).compression == "ZSTD"
    schema = pq.read_schema(file)
    assert schema.field("start_s").metadata[b"unit"] == b"s"
    said = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(said) == schema.names and said["caption"] == {"dtype": "string", "_type": "Value"}
    assert pq.read_table(file).column("clip_id").to_pylist() == sorted(c for c in table(tmp_path))


def test_clip_files_load_as_a_videofolder(tmp_path: Path, media: Path) -> None:
    rows = with_files(tmp_path, media, captioned(videos=4, clips=1))
    entries = made(tmp_path, rows, media="files", splits={"train": 0.7, "test": 0.3})
    assert len({e.split for e in entries if isinstance(e, DatasetEntry)}) == 2
    data = loaded(tmp_path, tmp_path)
    for split, part in data.items():
        part = part.cast_column("video", datasets.Video(decode=False))
        assert "label" not in part.features
        for row in part:
            path = Path(row["video"]["path"])
            assert path.read_bytes() == (media / "made_one_frame.mp4").read_bytes()
            assert path.parent == tmp_path / "dataset" / split / "clips" and path.stem == row["clip_id"]
    for entry in entries:
        assert isinstance(entry, DatasetEntry) and entry.file is not None
        assert (tmp_path / "dataset" / entry.file).samefile(tmp_path / f"media/clips/{entry.clip_id}.mp4")  # a link


@pytest.mark.parametrize("media_option", ["virtual", "files"])
def test_nothing_published_names_this_machine(tmp_path: Path, media: Path, media_option: str) -> None:
    rows = [told.video("v0", uri="/home/ada/films/v0.mp4"), told.clip("v0", 0, 2)]
    made(tmp_path, with_files(tmp_path, media, rows), media=media_option)
    for file in (tmp_path / "dataset").rglob("*"):
        if file.is_file():
            assert b"/home/ada" not in file.read_bytes() and str(tmp_path).encode() not in file.read_bytes()
    assert next(iter(table(tmp_path).values()))["uri"] == "v0.mp4"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("media/clips/gone.mp4", r"missing or empty: v0_000000000_000002000 \(media/clips/gone.mp4\)"),
        ("media/empty.mp4", "missing or empty"),
        ("../outside.mp4", "outside the build folder"),
        (None, "has no file of its own"),
    ],
)
def test_a_clip_without_its_file_is_named_and_the_old_folder_stays(tmp_path: Path, file: str | None, said: str) -> None:
    made(tmp_path, captioned(1, 1))
    before = (tmp_path / "dataset" / "README.md").read_bytes()
    (tmp_path / "media" / "empty.mp4").touch()
    (tmp_path.parent / "outside.mp4").touch()
    with pytest.raises(UserError, match=said):
        made(tmp_path, [told.video("v0"), told.clip("v0", 0, 2, file=file)], media="files")
    assert (tmp_path / "dataset" / "README.md").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset", "media"]


def test_a_new_run_replaces_the_folder_whole(tmp_path: Path, media: Path) -> None:
    made(tmp_path, with_files(tmp_path, media, captioned(2, 2)), media="files")
    made(tmp_path, captioned(2, 2))
    assert sorted(p.name for p in (tmp_path / "dataset").iterdir()) == [
        "README.md", "card-figures", "croissant.json", "data",
    ]  # fmt: skip


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "thesis.tex").write_text("dear")
    with pytest.raises(UserError, match="is no dataset of cliploom"):
        made(tmp_path, captioned(1, 1))
    assert (tmp_path / "dataset" / "thesis.tex").read_text() == "dear"


def test_clips_without_a_caption_leave_unless_none_has_one(tmp_path: Path) -> None:
    rows = [*captioned(2, 2), told.clip("v0", 8, 9)]
    blank = told.clip("v1", 8, 9)
    out = made(tmp_path, [*rows, blank, told.caption(blank, "speech", "  ")])
    assert [o for o in out if isinstance(o, Drop)] == [
        Drop("v0_000008000_000009000", "v0", "no_caption"), Drop("v1_000008000_000009000", "v1", "no_caption"),
    ]  # fmt: skip
    assert len(table(tmp_path)) == 4
    bare = [row for row in rows if not isinstance(row, Caption)]
    assert all(isinstance(o, DatasetEntry) for o in made(tmp_path, bare))
    assert len(table(tmp_path)) == 5 and "caption" not in next(iter(table(tmp_path).values()))


def test_in_a_build_clips_without_a_caption_are_dropped_and_none_fails(tmp_path: Path, media: Path) -> None:
    for name in ("a", "b"):
        shutil.copy(media / "birds_cc0_1s.mp4", tmp_path / f"{name}.mp4")
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nTwo birds sit on a branch.\n")
    steps: list[StepEntry] = [
        ("builders.folder", {"path": str(tmp_path)}), ("builders.scan", {"sound": False}), "builders.shots",
        ("builders.clips", {"min_s": 0.2}), "builders.transcripts", ("captioners.teacher", {"teachers": ["speech"]}),
        "cards.dataset",
    ]  # fmt: skip
    run_build(Recipe("half", steps, shards=1), tmp_path / "build", RunOptions(workers=1))
    stage = Build.read(tmp_path / "build").funnel()[-1]
    assert (stage.came, stage.done, stage.dropped, stage.failed) == (2, 1, 1, 0)
    assert stage.reasons == {"no_caption": 1} and len(table(tmp_path / "build")) == 1


def test_nothing_to_publish_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no clip is left"):
        made(tmp_path, [told.video("v0")])


def test_the_chosen_caption_is_published_with_its_scores_and_tags(tmp_path: Path) -> None:
    clip = told.clip("v0", 0, 2)
    loser, winner = told.caption(clip, "speech", "Loses."), told.caption(clip, "vlm", "Wins.")
    choice = told.caption(clip, "vlm", "Wins.", "choice", [winner.caption_id])
    about = (choice.caption_id, "v0", clip.clip_id, choice.caption_id)
    tags = Tags(*about, ["dog"], ["red"], [Pair("red", "dog")], "m")
    scores = [told.score(clip, "conse", 0.2, loser), told.score(clip, "conse", 0.7, winner),
              told.score(clip, "text area", 0.1), told.score(clip, "text_area", 0.3)]  # fmt: skip
    made(tmp_path, [told.video("v0"), clip, loser, winner, choice, tags, *scores])
    row = table(tmp_path)[clip.clip_id]
    assert (row["caption"], row["teacher"], row["score_conse"]) == ("Wins.", "vlm", 0.7)
    assert (row["score_text_area"], row["score_text_area_2"]) == (0.1, 0.3)
    assert row["objects"] == ["dog"] and row["pairs"] == [{"attribute": "red", "object": "dog"}]
    assert [(c["teacher"], c["text"]) for c in row["captions"]] == [("speech", "Loses."), ("vlm", "Wins.")]
    assert loaded(tmp_path, tmp_path)["train"].features["pairs"] == datasets.List(
        {"attribute": datasets.Value("string"), "object": datasets.Value("string")}
    )


def test_captions_of_moments_are_in_order_of_time_with_their_times(tmp_path: Path) -> None:
    clip = told.clip("v0", 5, 20)
    whole = told.caption(clip, "sliding", "It all.")
    parts = [
        Caption(f"{clip.clip_id}_{name}", "v0", clip.clip_id, "sliding", "differential", name, [], "m", "1",
                start_s=start, end_s=end)
        for name, start, end in (("c", 5.0, 5.0), ("a", 7.0, 9.5), ("b", 5.0, 7.0))
    ]  # fmt: skip
    untimed = [replace(told.caption(clip, t, t), kind="differential") for t in ("y", "x")]
    made(tmp_path, [told.video("v0"), clip, *parts, whole, *untimed])
    row = table(tmp_path)[clip.clip_id]
    assert row["caption"] == "It all."
    assert [(c["text"], c["start_s"], c["end_s"]) for c in row["captions"]] == [
        ("It all.", None, None), ("x", None, None), ("y", None, None),
        ("c", 5.0, 5.0), ("b", 5.0, 7.0), ("a", 7.0, 9.5),
    ]  # fmt: skip
    loaded(tmp_path, tmp_path)


def test_a_review_is_told_of_the_caption_that_is_published(tmp_path: Path) -> None:
    clip = told.clip("v0", 0, 2)
    bad, good = told.caption(clip, "bad", "Wrong."), told.caption(clip, "good", "Right.", "merge")
    edit = Caption("e", "v0", clip.clip_id, "person", "edit", "Mended.", [bad.caption_id], "person", "1")

    def said(what: Caption, verdict: str, *people: str) -> list[Review]:
        return [
            Review(f"{what.caption_id}_{p}_{verdict}", "v0", clip.clip_id, what.caption_id, p, verdict) for p in people
        ]

    for captions, reviews, expected in (
        ([bad, good], [*said(bad, "reject", "ann", "bo"), *said(good, "accept", "ann")], ("Right.", "accept", 2)),
        ([bad, good], said(bad, "reject", "ann"), ("Right.", None, 1)),
        ([edit, good], said(bad, "edit", "ann"), ("Mended.", "edit", 1)),
        ([good], [*said(good, "reject", "ann"), *said(good, "accept", "bo")], ("Right.", "accept", 2)),
    ):
        made(tmp_path, [told.video("v0"), clip, *captions, *reviews])
        row = table(tmp_path)[clip.clip_id]
        assert (row["caption"], row["review"], row["reviewers"]) == expected
    assert "People gave a verdict on 1 of 1 caption" in (tmp_path / "dataset" / "README.md").read_text()


def test_the_card_counts_what_the_table_holds(tmp_path: Path) -> None:
    rows = captioned(5, 3)
    same = [replace(r, text="The same. ") if isinstance(r, Caption) and r.video_id != "v0" else r for r in rows]
    spoken = [told.segment("v0", 0, 1, "Words.", source="whisper small"), told.segment("v1", 0, 1, "Words.")]
    clip = next(r for r in rows if isinstance(r, Clip))
    scores = [replace(told.score(clip, "matching", 0.5), model="conse (x==1)"), told.score(clip, "conse", 0.5)]
    hurt = [replace(r, damaged=0.5) if r is clip else r for r in same]
    made(tmp_path, [*hurt, *spoken, *scores])
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "15 captions, 4 different texts." in card and "> **One caption stands on 12 of 15 clips:** The same." in card
    assert "| speech | speech-model | 15 |" in card and "| subtitle | 1 |\n| whisper small | 1 |" in card
    assert "- `score_matching` compares words with ImageNet" in card and "`score_conse` compares" not in card
    assert "measured by conse (x==1) |" in card and "1 of 15 clips lies over frames that are damaged" in card


def test_what_people_accepted_comes_first_and_people_have_no_names(tmp_path: Path) -> None:
    clip = told.clip("v0", 0, 2)
    merged, plain = told.caption(clip, "merge", "Merged.", "merge"), told.caption(clip, "speech", "Spoken.")
    reviews = [Review(f"t_{who}", "v0", clip.clip_id, plain.caption_id, who, "accept") for who in ("ada", "bob")]
    reviews.append(Review("t_eve", "v0", clip.clip_id, merged.caption_id, "eve", "reject"))
    made(tmp_path, [told.video("v0"), clip, merged, plain, *reviews])
    row = table(tmp_path)[clip.clip_id]
    assert (row["caption"], row["review"], row["reviewers"]) == ("Spoken.", "accept", 3)
    mended = Caption("k", "v0", clip.clip_id, "ada lovelace", "rewrite", "Mended.", [], "person", "1")
    made(tmp_path, [told.video("v0"), clip, mended])
    row = table(tmp_path)[clip.clip_id]
    assert (row["caption"], row["teacher"], row["model"]) == ("Mended.", "review", "person")
    assert not any(b"lovelace" in f.read_bytes() for f in (tmp_path / "dataset").rglob("*") if f.is_file())


def test_transcripts_are_what_is_said_inside_the_clip(tmp_path: Path) -> None:
    words = [Word(0.5 * i, 0.5 * i + 0.4, w) for i, w in enumerate(["one", "two", "three", "four", "five", "six"])]
    rows = [
        told.video("v0"), told.clip("v0", 0, 2), told.clip("v0", 2, 4), told.clip("v0", 4, 90),
        told.segment("v0", 0, 2.9, "One, two, three, four, five, six.", words=words),
        told.segment("v0", 3, 5.5, "Mostly later."), told.segment("v0", 61, 62, "Much later."),
        told.segment("v0", 0, 4, "another reading of the same words and much longer", source="whisper"),
    ]  # fmt: skip
    made(tmp_path, rows)
    said = [row["transcript"] for row in table(tmp_path).values()]
    assert said == ["one two three four", "five six", "Mostly later. Much later."]


def test_words_of_one_moment_keep_their_order(tmp_path: Path) -> None:
    said = ["some", "words", "at", "one", "moment"]
    words = [Word(0.5, 0.5, "first"), *(Word(2.5, 2.5, word) for word in said)]
    rows = [told.video("v0"), told.clip("v0", 0, 2), told.clip("v0", 2, 4), told.segment("v0", 0, 3, "?", words=words)]
    made(tmp_path, rows)
    assert table(tmp_path)[rows[2].id]["transcript"] == " ".join(said)


def test_columns_that_a_build_has_nothing_for_are_left_out(tmp_path: Path) -> None:
    made(tmp_path, [told.video("v0"), told.clip("v0", 0, 2)])
    names = set(next(iter(table(tmp_path).values())))
    assert not names & {"caption", "captions", "objects", "transcript", "review", "file_name"}
    assert {"clip_id", "video_id", "start_s", "end_s", "uri", "source_sha256"} <= names


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"splits": {"tr ain": 1}}, "no name for a split"),
        ({"splits": {"all": 1}}, "no name for a split"),
        ({"splits": {"train": -1}}, "must be 0 or more"),
        ({"splits": {"train": 0.0}}, "no split has a share"),
        ({"splits": {}}, "no split has a share"),
        ({"out": "../elsewhere"}, "plain folder name"),
        ({"out": "tables"}, "plain folder name"),
        ({"out": "x.part"}, "plain folder name"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Dataset(**options).check([])


def test_files_without_cut_clips_are_refused_before_the_build() -> None:
    class Step:
        cut = "none"

    with pytest.raises(UserError, match="cuts none"):
        Dataset(media="files").check([Step()])  # type: ignore[list-item]
    Step.cut = "smart"
    Dataset(media="files").check([Step()])  # type: ignore[list-item]


def test_it_runs_again_when_the_build_went_otherwise_or_the_folder_is_gone(tmp_path: Path) -> None:
    steps = [{"name": "no.such", "step": "no.such", "shape": "map", "options": {"path": "/home/ada/films"},
              "tables": [{"name": "no.such", "table": "clips", "fingerprint": "0"}]},
             {"name": "cards.dataset", "step": "cards.dataset", "shape": "global", "options": {},
              "tables": [{"name": "cards.dataset", "table": "entries", "fingerprint": "0"}]}]  # fmt: skip
    lock: dict[str, Any] = {"name": "few", "format": FORMAT, "cliploom": "9", "shards": 1, "steps": steps}
    (tmp_path / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
    site, step = StepContext(tmp_path, {"": STEP}), Dataset()
    first = step.external_digest(site)
    list(step.rows(told.database(captioned(1, 1)), site))
    assert step.external_digest(site) == first
    shutil.rmtree(tmp_path / "dataset")
    second = step.external_digest(site)
    assert second not in (first, Dataset().external_digest(StepContext(tmp_path / "nowhere", {"": STEP})))
    list(step.rows(told.database(captioned(1, 1)), site))
    assert step.external_digest(site) == second
    lock["steps"][0]["options"]["path"] = "/mnt/films"  # the same folder elsewhere
    (tmp_path / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
    assert step.external_digest(site) == second
    lock["steps"][0]["options"]["threshold"] = 3
    (tmp_path / "recipe.lock.yaml").write_text(yaml.safe_dump(lock))
    assert step.external_digest(site) != second
