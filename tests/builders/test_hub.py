"""Videos of datasets on the Hub, from the server of the other tests."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_server import HubServer
from huggingface_hub import HfApi
from web import Reply, serving

from cliploom.builders.hub import HubSource
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.schemas import Video
from cliploom.testing import run_step

MEDIA = Path(__file__).parents[1] / "media"
SMALL = (MEDIA / "made_tiny_16x16.mp4").read_bytes()
OTHER = (MEDIA / "made_one_frame.mp4").read_bytes()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub, for one test."""
    with HubServer(tmp_path / "hub").running() as made:
        made.adopt(monkeypatch, made.root / "home")
        for name, value in made.environment(made.root / "home").items():
            monkeypatch.setenv(name, value)
        HfApi().create_repo("anna/films", repo_type="dataset")
        yield made


def put(**files: bytes) -> None:
    for name, raw in files.items():
        HfApi().upload_file(
            path_or_fileobj=raw, path_in_repo=name.replace("__", "/"), repo_id="anna/films", repo_type="dataset"
        )


def take(root: Path, **options: Any) -> list[Any]:
    step = HubSource("anna/films", **options)
    return [one if isinstance(one, RowError) else one[0] for one in run_step(step, list(step.find()), root)]


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_a_video_column(hub: HubServer, tmp_path: Path) -> None:
    videos = pa.array([{"bytes": SMALL, "path": "a.mp4"}, {"bytes": OTHER, "path": "b.mp4"}, {"bytes": None}],
                      pa.struct({"bytes": pa.binary(), "path": pa.string()}))  # fmt: skip
    table = parquet(video=videos, caption=["One.", "Two.", "Three."], license=["cc0-1.0"] * 3)
    put(**{"data__train-00000-of-00001.parquet": table, "data__test-00000-of-00001.parquet": b"no table"})
    one, two, three = take(tmp_path / "out")
    assert isinstance(one, Video) and isinstance(two, Video) and three.kind == "bad_row"
    assert Path(one.path).read_bytes() == SMALL and Path(two.path).read_bytes() == OTHER
    assert one.license == "cc0-1.0" and json.loads(one.metadata)["captions"] == [{"text": "One."}]
    assert one.uri.startswith("https://huggingface.co/datasets/anna/films/resolve/")


def test_files_archives_and_what_is_said_of_them(hub: HubServer, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, raw in (("00.mp4", OTHER), ("00.txt", b"In a tar."), ("00.json", b'{"title": "Packed"}')):
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    put(**{"train__a.mp4": SMALL, "train__metadata.csv": b"file_name,caption\na.mp4,A file.\n",
           "train__b.tar": packed.getvalue()})  # fmt: skip
    said = {json.loads(one.metadata)["captions"][0]["text"]: one for one in take(tmp_path / "out")}
    assert set(said) == {"A file.", "In a tar."} and said["In a tar."].title == "Packed"
    assert Path(said["A file."].path).read_bytes() == SMALL and Path(said["In a tar."].path).read_bytes() == OTHER
    items = {item.video_id: item.digest for item in HubSource("anna/films").find()}
    put(README=b"A later commit.")
    assert {item.video_id: item.digest for item in HubSource("anna/films").find()} == items


def test_addresses(hub: HubServer, tmp_path: Path) -> None:
    with serving() as web:
        url = web.says("/a.mp4", Reply(SMALL))
        put(**{"links.parquet": parquet(url=[url, f"{web.url}/gone.mp4"], caption=["One.", "Two."])})
        one, two = take(tmp_path / "out", allow_private=True)
    assert one.uri == url and one.size_bytes == len(SMALL) and two.kind == "removed"


def test_what_is_not_there(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no videos in the split train"):
        [*HubSource("anna/films").find()]
    with pytest.raises(UserError, match="there is no dataset anna/none"):
        [*HubSource("anna/none").find()]
    put(**{"a.parquet": parquet(n=[1])})
    with pytest.raises(UserError, match="no column of videos"):
        [*HubSource("anna/films").find()]
