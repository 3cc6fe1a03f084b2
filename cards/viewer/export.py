"""The page as files: it opens from a folder or any web server, and asks nothing of a network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.contract.errors import RowError, UserError
from ...engine.storage.files import write_text
from ...media.review_clip import write_review_clip
from .clip_media import played_file, sound_wave
from .clip_page import json_bytes
from .page import PAGE
from .selection import BINS
from .viewer import Viewer

if TYPE_CHECKING:
    import duckdb

    from ...engine.build import Build

_PRIVATE = ("file", "path", "caption_id")
_LIVE, _STILL = '<script src="source.js"></script>', '<script src="data.js"></script>\n<script src="still.js"></script>'


def export_page(build: Build, folder: Path, limit: int) -> Path:
    """Write the page of at most ``limit`` clips, the kept ones first, into a new folder; the page's path.

    It holds their pictures and films that every browser plays, up to 640 px wide, and no path of this machine.

    Raises:
        UserError: the folder is there already, and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already", "name a new folder")
    for name in ("clips", "pictures", "films"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    viewer = Viewer(build)
    query = f"SELECT * FROM (FROM wall ORDER BY state <> 'kept', hash(clip_id) LIMIT {limit}) ORDER BY clip_id"
    rows = _rows(viewer.db, query)
    for number, row in enumerate(rows):
        _write_clip(viewer, folder, number, row)
        row["own_file"] = True  # each film begins at its clip's beginning
    for row in rows:
        for name in _PRIVATE:
            row.pop(name)
    about = viewer.about() | {"clips": len(rows)}
    about["lost"] = [{**one, "ids": []} for one in about["lost"]]
    data = json_bytes({"about": about, "rows": rows, "bins": BINS}).decode()
    write_text(folder / "data.js", f"const DATA = {data};\n")
    for name in ("view.css", "still.js", "clip.js", "view.js"):
        shutil.copyfile(PAGE / name, folder / name)
    page = folder / "index.html"
    write_text(page, (PAGE / "view.html").read_text(encoding="utf-8").replace(_LIVE, _STILL))
    return page


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    answer = db.execute(query)
    names = [str(column[0]) for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _write_clip(viewer: Viewer, folder: Path, number: int, row: dict[str, Any]) -> None:
    """What a clip's own page shows: a script, its pictures, its film."""
    clip_id = row["clip_id"]
    found = viewer.page(clip_id) or {}
    pictures = {f"{number}-{n}": n for n in range(len(found["frames"]))} | {f"{number}": None}
    for name, n in pictures.items():
        if data := viewer.picture(clip_id, n):
            (folder / "pictures" / f"{name}.jpg").write_bytes(data)
    played = played_file(viewer.build.root, row)
    found["wave"] = [round(float(one), 3) for one in sound_wave(played)] if played else []
    found["played"], found["mark"] = None, None
    if played and row["kind"] == "video":
        try:
            written = write_review_clip(
                str(played.path), played.start_s, played.end_s, folder / "films" / f"{number}.mp4"
            )
            found["played"] = {"start_s": 0.0, "end_s": written.seconds}
        except RowError:
            pass  # the page shows its pictures
    for name in _PRIVATE:
        found["clip"].pop(name)
    for name in ("verdicts", "errors"):
        found[name] = [
            {key: value for key, value in one.items() if key not in ("detail", "message")} for one in found[name]
        ]
    write_text(folder / "clips" / f"{number}.js", f"source.receive({number}, {json_bytes(found).decode()});\n")
