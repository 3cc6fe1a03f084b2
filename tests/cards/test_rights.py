"""What may be passed on: licences, the recipe's policy, and what was taken down."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import releases
import told

from cliploom.cards.dataset import Dataset
from cliploom.cards.exports.export import export_dataset
from cliploom.cards.publishing import tar_files
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.source import read_card, read_source
from cliploom.cards.release.reading import open_dataset
from cliploom.cards.rights import removal
from cliploom.cards.rights.archives import write_sample_table
from cliploom.cards.rights.policy import RightsPolicy
from cliploom.cards.rights.removal import Removal, remove_videos
from cliploom.cards.rights.takedown import LIST, make_takedown, read_takedown, write_takedown
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import DatasetEntry, Row
from cliploom.schemas.licenses import license_key

STEP = Path("media/cards.dataset/0123456789abcdef")
LICENSES = {
    "free": "CC BY 4.0",
    "tube": "Creative Commons Attribution license (reuse allowed)",
    "busy": "CC BY-NC 4.0",
    "mute": "",
}


def rows(root: Path) -> list[Row]:
    """A video of each kind of licence, with a clip and its file."""
    made: list[Row] = []
    (root / "media" / "clips").mkdir(parents=True, exist_ok=True)
    for name, stated in LICENSES.items():
        file = f"media/clips/{name}.mp4"
        shutil.copy(told.MEDIA / "made_one_frame.mp4", root / file)
        clip = told.clip(name, 0, 2, file=file, cut="smart")
        uri, uploader = f"https://films.example/{name}?v=1", f"The {name.title()} Channel"
        made += [told.video(name, license=stated, uri=uri, uploader=uploader, sha256=name.ljust(64, "0")), clip]
        made.append(told.caption(clip, "chat", f"Something {name}."))
    return made


def release(root: Path, **options: Any) -> list[DatasetEntry | Drop]:
    step = Dataset(**{"media": "files", "license": "cc-by-4.0", **options})
    step.check([])
    return list(step.rows(told.database(rows(root)), StepContext(root, {"": STEP})))


def published(root: Path) -> dict[str, dict[str, Any]]:
    files = sorted((root / "dataset").glob("**/*.parquet"))
    return {row["video_id"]: row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()}


@pytest.mark.parametrize(
    ("stated", "key"),
    [
        ("CC BY 3.0", "cc-by-3.0"), ("cc-by-sa-4.0", "cc-by-sa-4.0"), ("CC BY-NC-ND 2.0", "cc-by-nc-nd-2.0"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "cc-by-nc-sa-4.0"), ("CC0", "cc0-1.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"), ("public domain", "public-domain"),
        ("Creative Commons Attribution license (reuse allowed)", "cc-by"), ("Public Domain Mark 1.0", "public-domain"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "cc-by-sa-4.0"),
        ("Creative Commons Attribution-NonCommercial-NoDerivatives 4.0", "cc-by-nc-nd-4.0"),
        ("", "unknown"),
        ("Standard YouTube License", "standard-youtube-license"), ("All rights reserved", "all-rights-reserved"),
    ],
)  # fmt: skip
def test_licences_have_one_spelling(stated: str, key: str) -> None:
    assert license_key(stated) == key


@pytest.mark.parametrize(
    ("stated", "carries"),
    [
        ("CC BY 3.0", "bytes"), ("CC0", "bytes"), ("public domain", "bytes"), ("CC BY-SA 4.0", "bytes"),
        ("CC BY-NC 4.0", "links"), ("CC BY-ND 4.0", "links"), ("CC BY-NC-SA 4.0", "links"), ("", "links"),
        ("Standard YouTube License", "links"), ("CC BY-SA-something 4.0", "bytes"),
    ],
)  # fmt: skip
def test_without_a_policy_only_free_licences_carry_bytes(stated: str, carries: str) -> None:
    assert RightsPolicy({}).carries(stated) == carries


def test_a_recipe_s_rules_come_first_and_by_either_spelling() -> None:
    policy = RightsPolicy(
        {"cc-by-nc-*": "bytes", "unknown": "nothing", "Standard YouTube*": "nothing", "cc-by-*": "links"}
    )
    assert [policy.carries(s) for s in ("CC BY-NC 4.0", "", "Standard YouTube License", "CC BY 4.0", "CC0")] == [
        "bytes", "nothing", "nothing", "links", "bytes",
    ]  # fmt: skip
    with pytest.raises(UserError, match="cc0 is 'byte'"):
        Dataset(rights={"cc0": "byte"}).check([])


def test_what_may_not_be_passed_on_is_a_row_without_a_file(tmp_path: Path) -> None:
    release(tmp_path)
    held = published(tmp_path)
    assert {name for name, row in held.items() if row["file_name"]} == {"free", "tube"} and len(held) == 4
    assert len(list((tmp_path / "dataset").rglob("*.mp4"))) == 2
    data = datasets.load_dataset(str(tmp_path / "dataset"), cache_dir=str(tmp_path / "cache"))["train"]
    data = data.cast_column("video", datasets.Video(decode=False))
    loaded = {row["video_id"]: row["video"] for row in data}
    assert {name for name, video in loaded.items() if video} == {"free", "tube"} and set(loaded) == set(LICENSES)
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "Here with their bytes: 2 clips; as links alone: 2" in card and "2 of the clips are video files" in card


@pytest.mark.parametrize(("layout", "column"), [("videofolder", "video"), ("webdataset", "mp4"), ("parquet", "video")])
def test_rows_without_a_file_are_published_in_every_layout(tmp_path: Path, layout: str, column: str) -> None:
    release(tmp_path)
    options = PublishOptions(layout=layout, embed=layout == "parquet")
    publish_to_folder(read_source(open_dataset(tmp_path / "dataset")), tmp_path / "out", options)
    data = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))["train"]
    held = [bool(row[column]) for row in data.cast_column(column, datasets.Video(decode=False))]
    assert sorted(held) == [False, False, True, True]


def test_exports_of_files_leave_out_what_is_none(tmp_path: Path) -> None:
    release(tmp_path)
    made = export_dataset(open_dataset(tmp_path / "dataset"), "webvid", {}, tmp_path / "out")
    assert (made.records, made.left_out) == (2, 2)
    assert export_dataset(open_dataset(tmp_path / "dataset"), "msrvtt", {}, tmp_path / "other").records == 4


def test_nothing_means_that_the_clip_leaves(tmp_path: Path) -> None:
    made = release(tmp_path, rights={"unknown": "nothing", "cc-by-nc-*": "bytes"})
    assert [(d.video_id, d.reason) for d in made if isinstance(d, Drop)] == [("mute", "no_right")]
    held = published(tmp_path)
    assert set(held) == {"free", "tube", "busy"} and all(row["file_name"] for row in held.values())


def test_where_no_source_lets_a_file_be_passed_on_the_step_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no clip may be published as a file"):
        release(tmp_path, rights={"*": "links"})
    assert not (tmp_path / "dataset").exists()
    assert len(release(tmp_path, rights={"*": "links"}, media="virtual")) == 4


@pytest.mark.parametrize(
    "entry",
    [
        {"video_id": ["tube"]}, {"uploader": ["the TUBE channel"]}, {"url": ["https://films.example/tube?v=1"]},
        {"url": ["https://me:secret@films.example/tube?v=1"]}, {"sha256": ["TUBE".ljust(64, "0")]},
    ],
)  # fmt: skip
def test_what_is_taken_down_leaves_with_its_bytes_and_its_number_stays(
    tmp_path: Path, entry: dict[str, list[str]]
) -> None:
    write_takedown(tmp_path / LIST, make_takedown(entry))
    made = release(tmp_path)
    assert [(d.video_id, d.reason) for d in made if isinstance(d, Drop)] == [("tube", "takedown")]
    assert set(published(tmp_path)) == {"free", "busy", "mute"}
    folder = tmp_path / "dataset"
    names = [file.name for file in folder.rglob("*")]
    assert not any("tube" in name for name in names)
    texts = "".join(f.read_text() for f in folder.rglob("*") if f.suffix in (".md", ".json", ".yaml", ".svg"))
    assert "tube" not in texts.lower() and "1 source video with 1 clip was taken down" in texts


def test_a_list_in_the_recipe_counts_too_and_a_wrong_one_is_one_line(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("video_id: [busy]\n")
    write_takedown(tmp_path / LIST, make_takedown({"video_id": ["mute"]}))
    assert {d.video_id for d in release(tmp_path, takedown=str(mine)) if isinstance(d, Drop)} == {"busy", "mute"}
    for text in ("- a\n", "video: [a]\n", "video_id: a\n", 'uploader: [""]\n', "video_id: [[a\n"):
        mine.write_text(text)
        with pytest.raises(UserError):
            Dataset(takedown=str(mine)).check([])
    with pytest.raises(UserError, match="there is no file"):
        Dataset(takedown=str(tmp_path / "none.yaml")).check([])


def test_a_video_that_leaves_moves_no_other_to_another_split(tmp_path: Path) -> None:
    splits = {"train": 0.5, "test": 0.5}
    before = {e.video_id: e.split for e in release(tmp_path, splits=splits) if isinstance(e, DatasetEntry)}
    write_takedown(tmp_path / LIST, make_takedown({"video_id": ["tube"]}))
    after = {e.video_id: e.split for e in release(tmp_path, splits=splits) if isinstance(e, DatasetEntry)}
    assert after == {video: split for video, split in before.items() if video != "tube"}


def test_lists_are_read_as_they_were_written(tmp_path: Path) -> None:
    listed = make_takedown({"video_id": ["a", "b"], "uploader": ["Ada"], "url": ["https://x.example/a/"]})
    write_takedown(tmp_path / LIST, listed)
    assert read_takedown(tmp_path / LIST) == listed and not read_takedown(tmp_path / "none")
    assert listed.names("z", "ADA ", "", "") and listed.names("z", "", "https://x.example/a", "")
    assert not listed.names("z", "", "", "")


def test_the_dataset_that_is_left_opens(tmp_path: Path) -> None:
    release(tmp_path)
    found = open_dataset(tmp_path / "dataset")
    assert list(found.splits) == ["train"] and found.front["license"] == "cc-by-4.0"


def texts(folder: Path) -> str:
    return "".join(f.read_text() for f in folder.rglob("*") if f.suffix in (".md", ".json", ".yaml", ".svg")).lower()


def test_a_takedown_leaves_no_trace_but_a_number(tmp_path: Path) -> None:
    release(tmp_path)
    folder = tmp_path / "dataset"
    assert "tube" in texts(folder)
    gone = remove_videos(folder, make_takedown({"uploader": ["The Tube Channel"]}))
    assert gone == Removal(1, 1, 1, "") and set(published(tmp_path)) == {"free", "busy", "mute"}
    assert "tube" not in texts(folder) and not any("tube" in str(file) for file in folder.rglob("*"))
    card = (folder / "README.md").read_text()
    assert "1 source video with 1 clip was taken down" in card and "3 clips of 3 sources stayed" in card
    assert "## Changelog\n\n### Takedown, not yet released\n" in card and "## Examples" not in card
    assert json.loads((folder / "takedown.json").read_text()) == {"videos": 1, "clips": 1}
    data = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))["train"]
    assert len(data) == 3


def test_numbers_of_several_takedowns_add_up_and_the_version_goes_on(tmp_path: Path) -> None:
    release(tmp_path)
    card = tmp_path / "dataset" / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nversion: 1.4.2\n", 1))
    for name, version in (("tube", "1.5.0"), ("mute", "1.6.0")):
        gone = remove_videos(tmp_path / "dataset", make_takedown({"video_id": [name]}))
        assert gone.version == version == open_dataset(tmp_path / "dataset").front["version"]
    assert "2 source videos with 2 clips were taken down" in card.read_text()
    assert card.read_text().index("### 1.6.0") < card.read_text().index("### 1.5.0")
    again = remove_videos(tmp_path / "dataset", make_takedown({"video_id": ["mute"]}))
    assert again == Removal(0, 0, 0, "1.6.0")


@pytest.mark.parametrize("stage", ["_filter_table", "_rewrite_card", "add_entry"])
def test_a_takedown_that_was_killed_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    release(tmp_path)
    listed = make_takedown({"video_id": ["tube"]})
    with monkeypatch.context() as patch:
        patch.setattr(removal, stage, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            remove_videos(tmp_path / "dataset", listed)
    with pytest.raises(UserError, match="a takedown in .* was cut off"):
        read_source(open_dataset(tmp_path / "dataset"))
    remove_videos(tmp_path / "dataset", listed)
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert set(published(tmp_path)) == {"free", "busy", "mute"} and "tube" not in texts(tmp_path / "dataset")
    assert card.count("1 source video with 1 clip was taken down") == 2 and card.count("taken down** after") == 1
    assert sorted(file.name for file in (tmp_path / "dataset").glob("takedown*")) == ["takedown.json"]


def test_a_rebuild_after_a_takedown_keeps_the_number(tmp_path: Path) -> None:
    release(tmp_path)
    remove_videos(tmp_path / "dataset", make_takedown({"video_id": ["tube"]}))
    left = [row for row in rows(tmp_path) if row.video_id != "tube"]  # its source is gone too
    step = Dataset(media="files", license="cc-by-4.0")
    list(step.rows(told.database(left), StepContext(tmp_path, {"": STEP})))
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "1 source video with 1 clip was taken down" in card and "Videos were taken down" not in card


def test_archives_are_not_taken_for_clean(tmp_path: Path) -> None:
    release(tmp_path)
    for name, content in (("train-00000.zip", b"tube"), ("train-00000.tar", b"tube" * 500)):
        (tmp_path / "dataset" / name).write_bytes(content)
        with pytest.raises(UserError, match=re.escape(name)):
            remove_videos(tmp_path / "dataset", make_takedown({"video_id": ["tube"]}))
        (tmp_path / "dataset" / name).unlink()


@pytest.fixture
def tars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release of archives, of which each holds one clip of two."""
    monkeypatch.setattr(tar_files, "TAR_BYTES", 30_000)
    source = releases.source(tmp_path / "b", clips=releases.Clips(videos=6, filling=20_000))
    publish_to_folder(source, tmp_path / "tars", PublishOptions("webdataset", configs=["default", "captions"]))
    return tmp_path / "tars"


def samples(folder: Path, config: str) -> list[tuple[str, bytes | None]]:
    """The videos of a table's samples, and their bytes."""
    found = datasets.load_dataset(str(folder), config, cache_dir=str(folder.with_name("cache")))
    told = []
    for split in found.values():
        data = split.cast_column("mp4", datasets.Video(decode=False)) if "mp4" in split.features else split
        told += [(row["json"]["video_id"], row["mp4"]["bytes"] if "mp4" in row else None) for row in data]
    return told


def test_a_name_is_one_name_in_any_spelling() -> None:
    listed = make_takedown({"uploader": ["Jose\u0301 Ñ"]})
    assert listed.names("v", " JOS\u00c9 N\u0303", "", "") and not listed.names("v", "", "", "")


def test_videos_leave_archives_too_with_every_byte(tars: Path) -> None:
    before = samples(tars, "default")
    gone = remove_videos(tars, make_takedown({"video_id": ["v1", "v4"]}))
    assert (gone.videos, gone.clips, gone.version) == (2, 4, "1.1.0")
    after = samples(tars, "default")
    assert after == [sample for sample in before if sample[0] not in ("v1", "v4")] and len(after) == 8
    assert {video for video, _ in samples(tars, "captions")} == {"v0", "v2", "v3", "v5"}
    held = b"".join(file.read_bytes() for file in tars.rglob("*") if file.is_file())
    assert b"v1_0" not in held and b"v4_0" not in held
    for split in ("train", "test"):
        index = json.loads((tars / "data" / f"{split}-index.json").read_text())
        sizes = {file.name: file.stat().st_size for file in (tars / "data").glob(f"{split}-*.tar")}
        assert {shard["url"]: shard["filesize"] for shard in index["shardlist"]} == sizes
    front = read_card((tars / "README.md").read_text())[0]
    assert sum(split["num_examples"] for split in front["dataset_info"][0]["splits"]) == 8
    assert sorted(file.name for file in tars.glob("takedown*")) == ["takedown.json"]


def test_what_samples_hold_is_what_the_card_says_and_no_guess(tars: Path, tmp_path: Path) -> None:
    front = read_card((tars / "README.md").read_text())[0]
    for path in (tars / "data").glob("train-*.tar"):  # captions that look like dates
        path.write_bytes(
            re.sub(rb'"caption":"A caption, number \d\."', b'"caption":"2024-05-01T00:00:00Z"', path.read_bytes())
        )
    [table] = write_sample_table(tars, front, tmp_path / "made")["train"]
    found = pq.read_table(table)
    assert found.schema.field("caption").type == "string" and found.schema.field("start_s").type == "double"
    assert set(found.column("caption").to_pylist()) == {"2024-05-01T00:00:00Z"}
    for info in (None, [{"config_name": "default", "features": [{"name": "json", "dtype": "string"}]}]):
        with pytest.raises(UserError, match="does not say what its samples hold"):
            write_sample_table(tars, {**front, "dataset_info": info}, tmp_path / "more")
    other = [
        {"config_name": "default", "features": [{"name": "json", "struct": [{"name": "caption", "dtype": "int64"}]}]}
    ]
    with pytest.raises(UserError, match="does not hold what README.md says"):
        write_sample_table(tars, {**front, "dataset_info": other}, tmp_path / "more")


def test_a_split_of_archives_may_be_emptied(tars: Path) -> None:
    test = {video for video, _ in samples(tars, "default")} - {
        row["json"]["video_id"] for row in datasets.load_dataset(str(tars), split="train", streaming=True).decode(False)
    }
    remove_videos(tars, make_takedown({"video_id": sorted(test)}))
    assert list(datasets.load_dataset(str(tars), cache_dir=str(tars.with_name("again")))) == ["train"]


@pytest.mark.parametrize("stage", ["filter_archive", "write_indexes", "_rewrite_card"])
def test_a_takedown_from_archives_is_finished_by_the_next(
    tars: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    listed = make_takedown({"video_id": ["v1"]})
    with monkeypatch.context() as patch:
        patch.setattr(removal, stage, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            remove_videos(tars, listed)
    assert remove_videos(tars, listed).clips == 0  # it was done before it looked
    assert {video for video, _ in samples(tars, "default")} == {"v0", "v2", "v3", "v4", "v5"}
    assert json.loads((tars / "takedown.json").read_text()) == {"videos": 1, "clips": 2}
