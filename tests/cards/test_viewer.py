"""The page for looking at a build: what it shows, plays and keeps."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import told
from viewing import serving_page

from cliploom.cards.viewer.clip_media import PlayedFile, film_picture, sound_wave
from cliploom.cards.viewer.export import export_page
from cliploom.cards.viewer.selection import count_clips, facets, list_clips, read_selection
from cliploom.cards.viewer.viewer import Viewer
from cliploom.cards.viewer.wall import WallColumn, make_wall
from cliploom.engine.contract.errors import UserError
from cliploom.engine.marks import MARKS, ClipMark, read_marks

MEDIA = Path(__file__).parent.parent / "media"
COLUMNS = [
    WallColumn("state", "state", "choice"), WallColumn("tags", "tags", "list"),
    WallColumn("words", "words", "number", 0, 10), WallColumn("teacher", "teacher", "choice"),
]  # fmt: skip


@pytest.fixture
def viewer(short: Any, tmp_path: Path) -> Viewer:
    import shutil

    from cliploom.engine.build import Build

    root = tmp_path / "b"
    shutil.copytree(short.build.root, root)
    return Viewer(Build.read(root))


@pytest.fixture(scope="module")
def wall() -> Any:
    """Four clips, told rather than built."""
    import duckdb

    db = duckdb.connect()
    db.execute("CREATE TABLE wall (clip_id VARCHAR, caption VARCHAR, title VARCHAR, start_s DOUBLE, duration_s DOUBLE,"
               " state VARCHAR, reason VARCHAR, teacher VARCHAR, mark VARCHAR, kind VARCHAR, own_file BOOLEAN,"
               " tags VARCHAR[], words INT, _text VARCHAR)")  # fmt: skip
    for n, (state, tags, words, text) in enumerate(
        [("kept", ["dog"], 3, "a Dog runs"), ("kept", ["dog", "sea"], 5, "a dog at the sea"),
         ("dropped", [], 0, ""), ("kept", ["sea"], 10, "100% SEA 'quoted'")]
    ):  # fmt: skip
        db.execute("INSERT INTO wall VALUES (?, ?, '', 0, 2, ?, '', 'chat', '', 'video', true, ?, ?, ?)",
                   [f"c{n}", text, state, tags, words, text.lower()])  # fmt: skip
    return db


def ids(wall: Any, *fields: tuple[str, str], **named: list[str]) -> list[str]:
    chosen = read_selection(COLUMNS, fields, named)
    found = [one["clip_id"] for one in list_clips(wall, chosen, 0, 100)]
    assert count_clips(wall, chosen) == len(found)
    return found


def test_clips_are_chosen_by_words_values_ranges_and_sql(wall: Any) -> None:
    assert ids(wall) == ["c0", "c1", "c2", "c3"]
    assert ids(wall, ("text", "DOG  runs")) == ["c0"]
    assert ids(wall, ("text", "100% 'quoted'")) == ["c3"]
    assert ids(wall, ("tags", "dog"), ("tags", "sea")) == ["c0", "c1", "c3"]
    assert ids(wall, ("tags", "sea"), ("words", "..5")) == ["c1"]
    assert ids(wall, ("words", "5..")) == ["c1", "c3"] and ids(wall, ("words", "3")) == ["c0"]
    assert ids(wall, ("where", "len(tags) = 0 OR words > 9"), ("state", "kept")) == ["c3"]


def test_clips_are_sorted_and_named_selections_keep_their_order(wall: Any) -> None:
    assert ids(wall, ("sort", "-words")) == ["c3", "c1", "c0", "c2"]
    assert ids(wall, ("in", "hits"), hits=["c3", "gone", "c0"]) == ["c3", "c0"]
    assert ids(wall, ("in", "hits"), ("sort", "words"), hits=["c3", "c0"]) == ["c0", "c3"]


def test_many_words_keep_their_own_places(wall: Any) -> None:
    assert ids(wall, ("text", " ".join("abcdefghijklmn"))) == []
    assert ids(wall, ("text", "a d o g")) == ["c0", "c1"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [([("colour", "red")], "no column 'colour'"), ([("words", "a..b")], "no range"), ([("words", "nan")], "no range"),
     ([("where", "words >")], "no SQL expression"), ([("where", "true); DROP TABLE wall; --")], "SQL expression"),
     ([("sort", "colour")], "to sort by"), ([("in", "gone")], "no selection 'gone'")],
)  # fmt: skip
def test_a_wrong_filter_is_one_line(wall: Any, fields: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        ids(wall, *fields)
    assert "\n" not in error.value.message and ids(wall) == ["c0", "c1", "c2", "c3"]


def test_each_facet_counts_under_the_other_filters(wall: Any) -> None:
    spreads = facets(wall, COLUMNS, read_selection(COLUMNS, [("tags", "dog"), ("state", "kept")], {}))
    assert spreads["tags"] == [["dog", 2], ["sea", 2]]  # of all that are kept
    assert spreads["state"] == [["kept", 2]]
    assert sum(spreads["words"]) == 2 and spreads["words"][7] == 1 and spreads["words"][12] == 1


def test_a_real_build_is_shown_with_pictures_sound_and_history(viewer: Viewer) -> None:
    about = viewer.about()
    assert about["clips"] == 1 and {"state"} <= {column["name"] for column in about["columns"]}
    [clip] = viewer.clips([], 0, 60)["clips"]
    page = viewer.page(clip["clip_id"])
    assert page is not None and page["clip"]["state"] == "kept" and page["clip"]["split"]
    assert page["played"]["end_s"] > page["played"]["start_s"] and len(page["frames"]) > 0
    steps = {(one["step"], one["table"]) for one in page["steps"]}
    assert ("builders.folder", "videos") in steps and ("builders.clips", "clips") in steps
    assert viewer.picture(clip["clip_id"])[:2] == b"\xff\xd8" == viewer.picture(clip["clip_id"], 0)[:2]
    assert viewer.page("gone") is None and viewer.picture("gone") == b""


def test_marks_are_kept_and_shown_again(viewer: Viewer) -> None:
    [clip] = viewer.clips([], 0, 1)["clips"]
    viewer.mark(ClipMark(clip_id=clip["clip_id"], mark="keep", person="Ann"))
    viewer.mark(ClipMark(clip_id=clip["clip_id"], mark="drop", person="Ann", note="why ’not’"))
    [kept] = read_marks(viewer.build.root)
    assert (kept.mark, kept.note, kept.person) == ("drop", "why ’not’", "Ann") and kept.at
    assert viewer.clips([("mark", "drop")], 0, 1)["total"] == 1
    again = Viewer(viewer.build)
    page = again.page(clip["clip_id"])
    assert again.clips([], 0, 1)["clips"][0]["mark"] == "drop" and page and page["mark"]["note"] == "why ’not’"
    with pytest.raises(UserError, match="no clip 'gone'"):
        viewer.mark(ClipMark(clip_id="gone"))


def test_a_line_that_a_kill_cut_short_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / MARKS
    path.write_text('{"clip_id": "a", "mark": "keep"}\n{"clip_id": "b", "ma')
    assert [mark.clip_id for mark in read_marks(tmp_path)] == ["a"]
    path.write_text('{"clip_id": "a", "mark": "perhaps"}\n{"clip_id": "b"}\n')
    with pytest.raises(UserError, match="line 1"):
        read_marks(tmp_path)


def test_the_page_as_files_holds_no_path_of_this_machine(viewer: Viewer, tmp_path: Path) -> None:
    page = export_page(viewer.build, tmp_path / "still", 10)
    files = [file for file in page.parent.rglob("*") if file.is_file()]
    names = {file.relative_to(page.parent).as_posix() for file in files}
    assert {"index.html", "data.js", "clips/0.js", "pictures/0.jpg", "films/0.mp4"} <= names
    for file in files:
        assert str(tmp_path).encode() not in file.read_bytes() and str(MEDIA).encode() not in file.read_bytes()
    data = json.loads((page.parent / "data.js").read_text().removeprefix("const DATA = ").removesuffix(";\n"))
    assert data["about"]["clips"] == len(data["rows"]) == 1 and "path" not in data["rows"][0]
    with pytest.raises(UserError, match="is there already"):
        export_page(viewer.build, tmp_path / "still", 10)


def test_a_wave_has_the_loudest_sample_of_each_span() -> None:
    peaks = sound_wave(PlayedFile(MEDIA / "obama_statement.mp4", 1.0, 5.0), 40)
    assert peaks.shape == (40,) and peaks.dtype == np.float32 and 0 < peaks.max() <= 1
    assert len(sound_wave(PlayedFile(MEDIA / "made_video_only.mp4", 0.0, 1.0))) == 0
    assert len(sound_wave(PlayedFile(MEDIA / "made_random_bytes.mp4", 0.0, 1.0))) == 0
    assert film_picture(PlayedFile(MEDIA / "bbb_480p_20s.mp4", 2.0, 4.0))[:2] == b"\xff\xd8"
    assert film_picture(PlayedFile(MEDIA / "made_random_bytes.mp4", 0.0, 1.0)) == b""


@pytest.fixture
def address(viewer: Viewer) -> Iterator[str]:
    """The page on a port of this machine."""
    with serving_page(viewer) as found:
        yield found


def ask(address: str, data: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(address, data, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()


def test_the_server_gives_pages_films_by_range_and_takes_marks(address: str, viewer: Viewer) -> None:
    [clip] = json.loads(ask(f"{address}/api/clips?limit=5")[2])["clips"]
    id_ = clip["clip_id"]
    assert ask(address)[2].startswith(b"<!doctype html>") and ask(f"{address}/view.js")[0] == 200
    code, headers, body = ask(f"{address}/film/{id_}", Range="bytes=0-99")
    assert code == 206 and len(body) == 100 and headers["content-range"].startswith("bytes 0-99/")
    assert json.loads(ask(f"{address}/api/clip/{id_}")[2])["clip"]["clip_id"] == id_
    assert ask(f"{address}/picture/{id_}")[2][:2] == b"\xff\xd8" and ask(f"{address}/picture/gone")[0] == 404
    code, _, body = ask(f"{address}/api/clips?where=words+%3E")
    assert code == 400 and "SQL expression" in json.loads(body)["error"]
    mark = json.dumps({"clip_id": id_, "mark": "keep"}).encode()
    assert ask(f"{address}/api/mark", mark, Content_Type="application/json")[0] == 200
    assert [one.mark for one in read_marks(viewer.build.root)] == ["keep"]


def test_other_sites_can_neither_ask_nor_mark(address: str, viewer: Viewer) -> None:
    mark = json.dumps({"clip_id": "x", "mark": "drop"}).encode()
    assert ask(f"{address}/api/about", Host="evil.example")[0] == 400  # a name that leads here
    assert ask(f"{address}/api/mark", mark, Content_Type="text/plain")[0] == 415  # what a form may send unasked
    assert ask(f"{address}/..%2f..%2fserver.py")[0] == 404 and ask(f"{address}/server.py")[0] == 404
    assert read_marks(viewer.build.root) == []


def test_the_wall_tells_what_became_of_clips_and_why(tmp_path: Path) -> None:
    build = told.films(tmp_path)
    db = build.connect()
    columns = {column.name: column for column in make_wall(db, build)}
    rows = db.execute("SELECT clip_id, state, reason, caption, tags, score_conse FROM wall ORDER BY clip_id").fetchall()
    [(clips,)] = db.execute("SELECT count(DISTINCT clip_id) FROM clips").fetchall()
    assert len(rows) == clips and {state for _, state, *_ in rows} == {"kept", "dropped"}
    for _, state, reason, *_ in rows:
        assert bool(reason) == (state == "dropped")
    reasons = {row[2] for row in rows if row[2]}
    assert reasons <= {f"{step}: {reason}" for step, _, _, reason in build.verdicts}
    assert any(caption and tags and score is not None for _, _, _, caption, tags, score in rows)
    assert columns["score_conse"].low < columns["score_conse"].high and columns["tags"].kind == "list"
