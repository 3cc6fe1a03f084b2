"""A release in a folder, loaded by what people load it with."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import datasets
import mlcroissant
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import releases
import yaml

from cliploom.cards.publishing import embedding, tar_files
from cliploom.cards.publishing.embedding import embed_files
from cliploom.cards.publishing.options import CONFIGS, PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.source import DatasetSource, read_card, read_source
from cliploom.cards.release.reading import open_dataset
from cliploom.engine.contract.errors import UserError

LAYOUTS = [("videofolder", False), ("webdataset", False), ("parquet", False), ("parquet", True), ("links", False)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """A dataset with clip files."""
    return releases.source(tmp_path_factory.mktemp("source"))


def rows(data: Any, streaming: bool) -> list[dict[str, Any]]:
    """A split's rows, videos as they are stored, samples of tars as their ``json``."""
    if streaming:
        data = data.decode(False)
    else:
        for name, feature in data.features.items():
            if isinstance(feature, datasets.Video):
                data = data.cast_column(name, datasets.Video(decode=False))
    return [{**row, **(row["json"] or {})} if "json" in row else row for row in data]


def expected(source: DatasetSource, split: str) -> dict[str, str]:
    return {row["clip_id"]: row["caption"] for f in source.tables[split] for row in pq.read_table(f).to_pylist()}


@pytest.mark.parametrize(("layout", "embed"), LAYOUTS)
def test_every_table_of_every_layout_loads_streaming_and_not(
    source: DatasetSource, tmp_path: Path, layout: str, embed: bool
) -> None:
    configs = list(CONFIGS if layout in ("videofolder", "webdataset") else CONFIGS[:2])
    publish_to_folder(source, tmp_path / "out", PublishOptions(layout, embed, configs))
    assert datasets.get_dataset_config_names(str(tmp_path / "out")) == configs
    for config in configs:
        for streaming in (False, True):
            found = datasets.load_dataset(
                str(tmp_path / "out"), config, streaming=streaming, cache_dir=str(tmp_path / "cache")
            )
            assert list(found) == ["train", "test"]
            for split in found:
                got, want = rows(found[split], streaming), expected(source, split)
                if config == "default":
                    assert {row["clip_id"]: row["caption"] for row in got} == want
                assert {row["clip_id"] for row in got if "clip_id" in row} <= set(want)
                assert got
    check_croissant(source, tmp_path / "out", configs)


def check_croissant(source: DatasetSource, folder: Path, configs: list[str]) -> None:
    """It is valid, tells every table, and reads those of Parquet; mlcroissant reads no archives of a set of them."""
    found = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not found.metadata.ctx.issues.errors and found.metadata.version == "1.0.0"
    names = [records.id for records in found.metadata.record_sets]
    assert names == [*source.tables, *(f"{name}-{split}" for name in configs[1:] for split in source.tables)]
    for split in source.tables if not list(folder.rglob("*.tar")) else ():
        told = {row[f"{split}/clip_id"].decode(): row[f"{split}/caption"].decode() for row in found.records(split)}
        assert told == expected(source, split)


def test_videos_are_whole_in_every_layout_that_has_them(source: DatasetSource, tmp_path: Path) -> None:
    original = {file.name: file.read_bytes() for file in source.root.rglob("*.mp4")}
    assert len(set(original.values())) == 8
    publish_to_folder(source, tmp_path / "v", PublishOptions("videofolder"))
    assert {file.name: file.read_bytes() for file in (tmp_path / "v").rglob("*.mp4")} == original
    publish_to_folder(source, tmp_path / "p", PublishOptions("parquet", embed=True))
    tables = [pq.read_table(file).to_pylist() for file in (tmp_path / "p" / "data").iterdir()]
    assert {row["video"]["path"]: row["video"]["bytes"] for table in tables for row in table} == original
    publish_to_folder(source, tmp_path / "w", PublishOptions("webdataset"))
    found: dict[str, bytes] = {}
    for path in (tmp_path / "w" / "data").glob("*.tar"):
        with tarfile.open(path) as tar:
            found |= {m.name: f.read() for m in tar if m.name.endswith(".mp4") and (f := tar.extractfile(m))}
    assert found == original


def test_clips_that_may_not_be_passed_on_have_rows_and_no_bytes(tmp_path: Path) -> None:
    source = releases.source(tmp_path / "b", clips=releases.Clips(unlicensed=1))
    assert len(expected(source, "train") | expected(source, "test")) == 8
    publish_to_folder(source, tmp_path / "v", PublishOptions())
    assert len(list((tmp_path / "v").rglob("*.mp4"))) == 6
    for layout, embed in (("webdataset", False), ("parquet", True)):
        publish_to_folder(source, tmp_path / layout, PublishOptions(layout, embed, ["default"]))
        found = datasets.load_dataset(str(tmp_path / layout), cache_dir=str(tmp_path / "cache"))
        held = [
            (row["clip_id"], row["mp4" if "mp4" in row else "video"]) for s in found for row in rows(found[s], False)
        ]
        assert len(held) == 8
        assert {clip[:2] for clip, video in held if video is None or video["bytes"] is None} == {"v0"}


def test_captions_say_who_won_and_what_was_measured(source: DatasetSource, tmp_path: Path) -> None:
    options = PublishOptions("links", configs=["default", "captions", "scores", "tags"])
    publish_to_folder(source, tmp_path / "out", options)
    captions = [row for f in (tmp_path / "out" / "captions").iterdir() for row in pq.read_table(f).to_pylist()]
    assert len(captions) == 16  # two a clip: choices are copies, and one was turned down
    assert all(row["chosen"] == (row["teacher"] == "chat") for row in captions)
    scores = {row["teacher"]: row["scores"] for row in captions}
    assert scores == {"chat": [{"name": "conse", "value": 0.25, "model": "conse-model 1.0"}], "title": []}
    ids = {row["caption_id"] for row in captions}
    for name in ("scores", "tags"):
        told = [row for f in (tmp_path / "out" / name).iterdir() for row in pq.read_table(f).to_pylist()]
        assert {row["caption_id"] for row in told} - {None} <= ids
        assert len(told) == len({json.dumps(row) for row in told}) == {"scores": 16, "tags": 8}[name]


@pytest.mark.parametrize("layout", ["videofolder", "webdataset"])
def test_people_have_numbers_and_no_names(source: DatasetSource, tmp_path: Path, layout: str) -> None:
    publish_to_folder(source, tmp_path / "out", PublishOptions(layout))
    text = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    assert not any(name.encode() in text for who in releases.PEOPLE for name in who.split())
    publish_to_folder(source, tmp_path / "plain", PublishOptions("links", configs=["default", "reviews"]))
    found = [row for f in (tmp_path / "plain" / "reviews").iterdir() for row in pq.read_table(f).to_pylist()]
    assert {row["reviewer"] for row in found} == {1, 2} and len(found) == 12
    assert {(row["kind"], row["gold"], row["holds"], len(row["marks"])) for row in found} == {("judge", None, None, 0)}


def test_the_card_tells_the_schemas_that_the_files_have(source: DatasetSource, tmp_path: Path) -> None:
    publish_to_folder(source, tmp_path / "out", PublishOptions("parquet", embed=True))
    front, body = read_card((tmp_path / "out" / "README.md").read_text(encoding="utf-8"))
    assert front["version"] == "1.0.0" and front["license"] == "cc-by-4.0" and "## Loading" in body
    for info in front["dataset_info"]:
        folder = "data" if info["config_name"] == "default" else info["config_name"]
        [file, *_] = sorted((tmp_path / "out" / folder).glob("*.parquet"))
        held = datasets.Features.from_arrow_schema(pq.read_schema(file))
        assert datasets.Features._from_yaml_list(info["features"]) == held
        assert sum(split["num_examples"] for split in info["splits"]) == sum(
            pq.read_metadata(f).num_rows for f in (tmp_path / "out" / folder).glob("*.parquet")
        )


def test_whole_videos_in_a_table_are_stored_as_they_are(source: DatasetSource, tmp_path: Path) -> None:
    publish_to_folder(source, tmp_path / "out", PublishOptions("parquet", embed=True))
    for file in (tmp_path / "out" / "data").iterdir():
        group = pq.read_metadata(file).row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
        assert columns["video.bytes"].compression == "UNCOMPRESSED"
        assert "PLAIN" in columns["video.bytes"].encodings and not columns["video.bytes"].has_dictionary_page
        assert columns["caption"].compression == "ZSTD" and columns["caption"].has_column_index


def test_tars_are_of_a_size_and_have_an_index(
    source: DatasetSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cliploom.cards.publishing.tar_files.TAR_BYTES", 3_000)
    publish_to_folder(source, tmp_path / "out", PublishOptions("webdataset"))
    for split in ("train", "test"):
        index = json.loads((tmp_path / "out" / "data" / f"{split}-index.json").read_text())
        assert index["wids_version"] == 1 and len(index["shardlist"]) > 1
        for shard in index["shardlist"]:
            path = tmp_path / "out" / "data" / shard["url"]
            assert path.stat().st_size == shard["filesize"]
            with tarfile.open(path) as tar:
                keys = [name.partition(".")[0] for name in tar.getnames()]
            assert len(set(keys)) == shard["nsamples"] and keys == sorted(keys)
        assert sum(shard["nsamples"] for shard in index["shardlist"]) == len(expected(source, split))


def test_an_archive_has_every_byte_whatever_the_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_files, "_WRITE", 4_096)
    sizes = [0, 1, 511, 512, 513, 3_583, 3_584, 4_096, 9_000, 20_480]
    files = {f"clip{n}": bytes([n]) * size for n, size in enumerate(sizes)}
    out = tar_files.TarFiles(tmp_path / "tars", "train")
    for key, content in files.items():
        (tmp_path / f"{key}.mp4").write_bytes(content)
        out.add(key, {"mp4": tmp_path / f"{key}.mp4", "txt": content[:5]})
    assert out.finish() == len(files)
    [path] = (tmp_path / "tars").glob("*.tar")
    assert path.stat().st_size % 10_240 == 0
    with tarfile.open(path) as tar:
        found = {member.name: held.read() for member in tar if (held := tar.extractfile(member))}
    whole = {f"{key}.mp4": content for key, content in files.items()}
    assert found == whole | {f"{key}.txt": content[:5] for key, content in files.items()}


def test_whole_files_in_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {"a.mp4": b"abc", "empty.mp4": b"", "é.mp4": bytes(range(256))}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    column = embed_files([tmp_path / "a.mp4", None, tmp_path / "empty.mp4", tmp_path / "é.mp4"])
    held = [{"bytes": contents[name], "path": name} for name in contents]
    assert column.to_pylist() == [held[0], None, *held[1:]] and len(embed_files([])) == 0
    column.validate(full=True)
    monkeypatch.setattr(embedding, "_MOST", 3)
    with pytest.raises(UserError, match=r"é\.mp4 is too large for a table"):
        embed_files([tmp_path / "é.mp4"])


@pytest.mark.parametrize("place", [".", "out", "train/out"])
def test_a_release_is_not_put_into_its_own_dataset(source: DatasetSource, place: str) -> None:
    before = sorted(source.root.rglob("*"))
    with pytest.raises(UserError, match="is in the dataset that is to be published"):
        publish_to_folder(source, source.root / place, PublishOptions())
    assert sorted(source.root.rglob("*")) == before


def test_a_dataset_of_times_is_published_as_a_table(tmp_path: Path) -> None:
    source = releases.source(tmp_path / "b", "virtual")
    made = publish_to_folder(source, tmp_path / "out", PublishOptions())
    assert made.version == "1.0.0" and sorted((tmp_path / "out" / "data").glob("train-*.parquet"))
    for layout in ("videofolder", "webdataset"):
        with pytest.raises(UserError, match="needs clip files"):
            publish_to_folder(source, tmp_path / "more", PublishOptions(layout))
    assert not (tmp_path / "more").exists()


def test_a_dataset_folder_without_its_build_has_its_clips_alone(source: DatasetSource, tmp_path: Path) -> None:
    publish_to_folder(source._replace(build=None), tmp_path / "out", PublishOptions())
    assert datasets.get_dataset_config_names(str(tmp_path / "out")) == ["default"]


def test_versions_say_what_changed(tmp_path: Path) -> None:
    def version(source: DatasetSource, **options: Any) -> str:
        return publish_to_folder(source, tmp_path / "out", PublishOptions(**options)).version

    first = releases.source(tmp_path / "a")
    assert version(first) == version(first) == "1.0.0"
    assert version(releases.source(tmp_path / "b", clips=releases.Clips(changed=[1]))) == "1.0.1"
    more = releases.source(tmp_path / "c", clips=releases.Clips(videos=5))
    assert version(more) == "1.1.0"
    assert version(more, configs=["default"]) == "2.0.0"
    assert version(more, configs=["default", "tags"]) == "2.1.0"
    assert yaml.safe_load((tmp_path / "out" / "README.md").read_text().split("---")[1])["version"] == "2.1.0"


def test_a_split_without_rows_is_left_out_and_a_clip_without_words_has_none(
    source: DatasetSource, tmp_path: Path
) -> None:
    shutil.copytree(source.root, tmp_path / "films")
    for split, change in (("train", {"caption": None}), ("test", None)):
        file = tmp_path / "films" / split / "metadata.parquet"
        rows = pq.read_table(file).to_pylist()
        schema = pa.schema([field.with_nullable(True) for field in source.schema])
        rows = [rows[0] | change, *rows[1:]] if change else []
        file.unlink()
        pq.write_table(pa.Table.from_pylist(rows, schema), file)
    changed = read_source(open_dataset(tmp_path / "films"))
    for layout in ("webdataset", "videofolder"):
        publish_to_folder(changed, tmp_path / layout, PublishOptions(layout))
        found = datasets.load_dataset(str(tmp_path / layout), cache_dir=str(tmp_path / "cache"))
        assert list(found) == ["train"] and len(found["train"]) == len(expected(changed, "train"))
    empty = changed.root / "train" / "metadata.parquet"
    pq.write_table(pq.read_table(empty).slice(0, 0), empty)
    with pytest.raises(UserError, match="has no rows"):
        read_source(open_dataset(tmp_path / "films"))


def test_a_folder_that_cannot_be_loaded_from_is_refused(source: DatasetSource, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="for patterns"):
        publish_to_folder(source, tmp_path / "films [1]", PublishOptions())


def test_a_folder_of_something_else_is_not_touched(source: DatasetSource, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="no release of cliploom"):
        publish_to_folder(source, tmp_path / "mine", PublishOptions())
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (PublishOptions("tar"), "there is no layout tar"),
        (PublishOptions(configs=["default", "caption"]), "did you mean captions"),
        (PublishOptions(configs=["tags"]), "has the table `default`"),
        (PublishOptions("links", embed=True), "has no bytes"),
    ],
)
def test_options_that_make_no_sense(source: DatasetSource, tmp_path: Path, options: PublishOptions, said: str) -> None:
    with pytest.raises(UserError, match=said):
        publish_to_folder(source, tmp_path / "out", options)
