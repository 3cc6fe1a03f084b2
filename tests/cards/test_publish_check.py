"""``publish --check``: what speaks against a release is found, and what does not is not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import releases
import told

from cliploom.cards.publishing import file_checks
from cliploom.cards.publishing.check import check_card, check_croissant, check_release, check_rows
from cliploom.cards.publishing.file_checks import check_secrets, check_sizes, check_tables
from cliploom.cards.publishing.loading import load_release
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_folder
from cliploom.cards.publishing.source import DatasetSource


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """A dataset with clip files."""
    return releases.source(tmp_path_factory.mktemp("source"))


@pytest.fixture
def folder(source: DatasetSource, tmp_path: Path) -> Path:
    """A release of the clips alone."""
    publish_to_folder(source, tmp_path / "out", PublishOptions(configs=["default"]))
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():  # no link to the dataset's own
            content = file.read_bytes()
            file.unlink()
            file.write_bytes(content)
    return tmp_path / "out"


def said(findings: Any) -> list[str]:
    return [finding.what for finding in findings]


def change_table(folder: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    file = folder / "train" / "metadata.parquet"
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file, write_page_index=True)


def test_a_sound_release_has_no_errors_and_leaves_no_trace(source: DatasetSource) -> None:
    before = sorted(source.root.rglob("*"))
    report = check_release(source, PublishOptions(), every=2)
    assert not report.breaks, report.findings
    assert (report.tables, report.clips, report.played) == (6, 8, 4)
    assert sorted(source.root.rglob("*")) == before


@pytest.mark.slow
def test_what_does_not_load_or_play_is_found(folder: Path) -> None:
    first, second, *_ = sorted((folder / "train" / "clips").iterdir())
    first.write_bytes(b"<html>not found</html>")
    shutil.copy(told.MEDIA / "made_truncated_moov_front.mp4", second)
    found = load_release(folder, 1)
    for video, finding in zip((first, second), found, strict=True):
        assert f"the video of {video.stem} does not play: " in finding.what and finding.breaks
    change_table(folder, lambda rows: rows.pop())
    found = load_release(folder, 100)
    assert any("rows in train, and its card says" in what for what in said(found)) and all(f.breaks for f in found)
    (folder / "train" / "metadata.parquet").write_bytes(b"PAR1")
    assert [what.partition(":")[0] for what in said(load_release(folder, 100))] == [
        "the table default does not load", "the table default as a stream does not load",
    ]  # fmt: skip


def test_secrets_in_any_cell_are_found(folder: Path) -> None:
    assert list(check_secrets(folder)) == []
    token = "hf_" + "aB3" * 12

    def hide(rows: list[dict[str, Any]]) -> None:
        rows[0]["captions"][0]["text"] = f"see {token} there"
        rows[1]["uri"] = "https://ada:hunter2@films.example/a.mp4"
        rows[0]["title"] = "from /home/ada/films/a.mp4"

    change_table(folder, hide)
    (folder / "recipe.yaml").write_text("key: AKIAABCDEFGHIJKLMNOP\n")
    found = list(check_secrets(folder))
    assert sorted((finding.what, finding.breaks) for finding in found) == [
        ("1 cell of the column captions of train/metadata.parquet with a token of the Hugging Face Hub", True),
        ("1 cell of the column title of train/metadata.parquet with paths of this machine", False),
        ("1 cell of the column uri of train/metadata.parquet with a password in an address", True),
        ("recipe.yaml holds a key of AWS", True),
    ]
    assert token not in str(found)


def test_secrets_in_tars_are_found(source: DatasetSource, tmp_path: Path) -> None:
    publish_to_folder(source, tmp_path / "out", PublishOptions("webdataset", configs=["default", "captions"]))
    assert list(check_secrets(tmp_path / "out")) == []
    tar = next((tmp_path / "out" / "captions").glob("*.tar"))
    content = tar.read_bytes()
    at = content.index(b"A caption, number")
    tar.write_bytes(content[:at] + b"AKIAABCDEFGHIJKLMNOP" + content[at + 20 :])
    [found] = check_secrets(tmp_path / "out")
    assert re.fullmatch(r"captions/\w+-000000\.tar, \d+\.json holds a key of AWS", found.what) and found.breaks


@pytest.mark.parametrize(
    ("front", "what"),
    [
        ({"license": "cc-by-9"}, "knows no licence 'cc-by-9'"),
        ({"license": "other"}, "`other` has no name"),
        ({"license": "unknown"}, "has no licence"),
        ({"language": ["English"]}, "'English' is no BCP 47 code"),
        ({"configs": [{"data_files": [{"path": "dev/**"}]}]}, r"no file is named dev/\*\*"),
    ],
)
def test_the_card_is_as_the_hub_wants_it(folder: Path, front: dict[str, Any], what: str) -> None:
    assert list(check_card(folder)) == []
    card = folder / "README.md"
    said_by = {"license": "cc-by-4.0", "configs": [], **front}
    card.write_text(f"---\n{json.dumps(said_by)}\n---\ntext", encoding="utf-8")
    with pytest.raises(AssertionError, match=what):
        assert list(check_card(folder)) == []


def test_a_broken_croissant_is_found(folder: Path) -> None:
    (folder / "croissant.json").unlink(missing_ok=True)
    assert list(check_croissant(folder)) == []
    (folder / "croissant.json").write_text("{")
    assert said(check_croissant(folder)) == ["croissant.json is no JSON"]


def test_leaks_and_captions_that_no_one_should_publish_are_found(source: DatasetSource, tmp_path: Path) -> None:
    assert [finding for finding in check_rows(source, True) if finding.breaks] == []
    tables = {}
    for split, files in source.tables.items():
        rows = pq.read_table(files[0]).to_pylist()
        rows[0] |= {"video_id": "same", "source_sha256": "ab" * 32, "license": "", "caption": " "}
        rows[1] |= {"teacher": "fake"}
        tables[split] = [tmp_path / f"{split}.parquet"]
        pq.write_table(pa.Table.from_pylist(rows, source.schema), tables[split][0])
    found = said(check_rows(source._replace(tables=tables), True))
    assert [what.partition(",")[0] for what in found] == [
        "in more than one split: 1 source video", "in more than one split: 1 source video",
        "published as files although their sources state no licence: 2 clips",
        "without words in the caption: 2 clips", "made up by the teacher `fake`",
    ]  # fmt: skip


def test_limits_of_the_hub_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(check_sizes(folder)) == list(check_tables(folder)) == []
    for name in ("FOLDER_FILES", "REPO_FILES", "LARGE_FILE_BYTES", "REPO_BYTES"):
        monkeypatch.setattr(file_checks, name, 2)
    found = said(check_sizes(folder))
    assert any("the folder train/clips has" in what for what in found)
    assert any("the Hub takes 2 well" in what for what in found) and any("the release has" in what for what in found)
    monkeypatch.setattr(file_checks, "GROUP_BYTES", 10)
    assert all("row group" in what for what in said(check_tables(folder))) and not any(
        finding.breaks for finding in check_tables(folder)
    )
    table = pq.read_table(folder / "test" / "metadata.parquet")
    pq.write_table(table, folder / "test" / "metadata.parquet", write_page_index=False)
    assert "test/metadata.parquet has no page index" in said(check_tables(folder))
