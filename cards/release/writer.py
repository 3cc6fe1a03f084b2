"""From what reaches the step to the folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.contract.step import Drop
from ...schemas import DatasetEntry
from ..card.card import CardOptions
from ..card.description import ReleaseRights, describe_release
from ..rights.policy import BYTES, LINKS, NOTHING, TAKEN_DOWN, RightsPolicy, RightsSummary, SourceVideo
from ..rights.takedown import Takedown
from .columns import FILE
from .facts import CHOSEN, read_facts
from .files import SplitFiles, TableFiles, clip_name, find_clips, put_file, replace_folder
from .redaction import public_uri
from .sameness import find_sameness, refuse_sameness
from .splits import assign_splits
from .subsets import part_name, plan_subsets
from .table import PART, SOURCE, SPLIT, Contents, VideoPlace, prepare, rows_query

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 4_096


class ReleasePlan(NamedTuple):
    """Where a release goes, how it is split, and what of it may be passed on."""

    root: Path  # the build folder
    folder: Path
    scratch: Path
    step: str
    shares: Mapping[str, float]
    seed: int
    rights: RightsPolicy
    takedown: Takedown
    subsets: Mapping[str, float] = {}
    sameness: Mapping[str, float] = {}


def write_release(
    db: duckdb.DuckDBPyConnection, plan: ReleasePlan, wishes: CardOptions
) -> Iterator[DatasetEntry | Drop]:
    """Replace the folder, then yield an entry or a verdict a clip.

    Raises:
        UserError: no clip is left, a clip's file is missing, no source lets a file be passed on, or the folder holds
            something else.
    """
    _check_place(plan.folder)
    db.execute("SET temp_directory = ?", [str(plan.scratch / "spill")])
    clips: dict[str, int] = dict(db.execute(_CLIPS).fetchall())
    drawn = assign_splits(clips, plan.shares, plan.seed)
    nested = plan_subsets(clips, drawn, plan.subsets, plan.seed)
    places = _places(db, plan, drawn, nested.parts)
    held = prepare(db, places, wishes.with_files)
    if _one(db, "SELECT count(*) FROM clips") == len(held.left_out):
        raise UserError("no clip is left to publish", "`cliploom status` shows where they went")
    if wishes.with_files and not held.carries[BYTES]:
        raise UserError(
            "no clip may be published as a file: none of their sources has a licence that lets it be passed on",
            "if you may, say so in cards.dataset, such as rights: {unknown: bytes}; or publish times (media: virtual)",
        )
    if plan.sameness:
        refuse_sameness(find_sameness(db, CHOSEN), plan.sameness)
    files: dict[str, str] = {}
    with replace_folder(plan.folder) as part:
        splits, files = _write_tables(db, plan, part, held, nested.order)
        gone = sum(place.carries == TAKEN_DOWN for place in places.values())
        n = held.carries
        rights = RightsSummary(plan.rights.rules, n[BYTES], n[LINKS], n[NOTHING], gone, n[TAKEN_DOWN])
        may_show = {video for video, place in places.items() if place.carries == BYTES}
        size = sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
        describe_release(
            part, plan, wishes, read_facts(db, held, splits, size, nested.subsets), ReleaseRights(rights, may_show), db
        )
    yield from _entries(db, held, files)


def _places(
    db: duckdb.DuckDBPyConnection, plan: ReleasePlan, splits: Mapping[str, str], parts: Mapping[str, str]
) -> dict[str, VideoPlace]:
    """What is decided of each video. One that goes moves no other to another split."""
    rows = db.execute(_VIDEOS).fetchall()
    videos = [SourceVideo(*(value or "" for value in row)) for row in rows]
    carries = plan.rights.decide(videos, plan.takedown)
    return {
        id_: VideoPlace(splits[id_], parts[id_], public_uri(video.uri), carries[id_])
        for video in videos
        for id_ in [video.video_id]
    }


_CLIPS = "SELECT video_id, count(*) FROM clips GROUP BY video_id"
_WITH_BYTES = """
SELECT clip_id, file FROM clips ANTI JOIN _bare USING (clip_id) JOIN _placed USING (video_id)
WHERE carries = 'bytes' ORDER BY clip_id
"""
_VIDEOS = """
SELECT video_id, any_value(uri), any_value(uploader), any_value(license), any_value(sha256)
FROM (SELECT DISTINCT video_id FROM clips) LEFT JOIN videos USING (video_id) GROUP BY video_id ORDER BY video_id
"""


def _check_place(folder: Path) -> None:
    if not folder.exists():
        return
    card = folder / "README.md"
    if not card.is_file() or "cliploom" not in card.read_text(encoding="utf-8", errors="replace"):
        raise UserError(f"{folder} is there and is no dataset of cliploom", "move it away, or choose another `out`")


def _write_tables(
    db: duckdb.DuckDBPyConnection, plan: ReleasePlan, root: Path, held: Contents, parts: Sequence[str]
) -> tuple[list[SplitFiles], dict[str, str]]:
    with_files = FILE in held.schema.names
    query = rows_query(held.schema.names, [name for name, share in plan.shares.items() if share > 0], parts)
    if with_files:
        find_clips(plan.root, db.execute(_WITH_BYTES).fetchall())
    per_split = dict(
        db.execute("SELECT split, count(*) FROM clips JOIN _placed USING (video_id) GROUP BY ALL").fetchall()
    )
    splits: list[SplitFiles] = []
    files: dict[str, str] = {}
    out: TableFiles | None = None
    for name, part, table in _runs(db.sql(query).to_arrow_reader(_BATCH_ROWS)):
        if not splits or splits[-1].name != name:
            splits.append(SplitFiles(name))
        folder = root / name / part if with_files else root / "data"
        if out is None or part not in splits[-1].parts:
            if out is not None:
                out.finish()
            stem = "metadata" if with_files else part_name(name, part)
            out = TableFiles(folder, stem, held.schema, sharded=not with_files)
        if with_files:
            table, placed = _place(plan, folder, table, splits[-1].examples, per_split[name])
            files |= {clip: (folder / file).relative_to(root).as_posix() for clip, file in placed.items()}
        table = table.select(held.schema.names).cast(held.schema)
        splits[-1].count(table, part)
        out.add(table)
    if out is not None:
        out.finish()
    return splits, files


def _runs(reader: Any) -> Iterator[tuple[str, str, pa.Table]]:
    """The reader's rows, cut where the split or its part changes."""
    import pyarrow as pa

    for batch in reader:
        table = pa.Table.from_batches([batch])
        names = list(zip(table.column(SPLIT).to_pylist(), table.column(PART).to_pylist(), strict=True))
        start = 0
        for stop in range(1, len(names) + 1):
            if stop == len(names) or names[stop] != names[start]:
                yield *names[start], table.slice(start, stop - start)
                start = stop


def _place(plan: ReleasePlan, folder: Path, table: pa.Table, first: int, of: int) -> tuple[pa.Table, dict[str, str]]:
    """Put the clips' files into their split's folder and name them in the table."""
    import pyarrow as pa

    placed: dict[str, str] = {}
    clips = table.column("clip_id").to_pylist()
    for number, (clip, source) in enumerate(zip(clips, table.column(SOURCE).to_pylist(), strict=True), first):
        if source is not None:  # else its times alone may be passed on
            placed[clip] = clip_name(clip, source, number, of)
            put_file(plan.root / source, folder / placed[clip])
    return table.append_column(FILE, pa.array([placed.get(clip) for clip in clips], pa.string())), placed


def _entries(db: duckdb.DuckDBPyConnection, held: Contents, files: Mapping[str, str]) -> Iterator[DatasetEntry | Drop]:
    query = "SELECT clip_id, video_id, split FROM clips JOIN _placed USING (video_id) ORDER BY clip_id"
    reader = db.sql(query).to_arrow_reader(_BATCH_ROWS)
    for batch in reader:
        for clip, video, split in zip(*(batch.column(i).to_pylist() for i in range(3)), strict=True):
            if clip in held.left_out:
                yield Drop(clip, video, held.left_out[clip])
            else:
                yield DatasetEntry(clip, video, clip, split, files.get(clip))


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(db.execute(query).fetchall()[0][0])
