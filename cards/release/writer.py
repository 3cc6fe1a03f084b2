"""From what reaches the step to the folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...engine.contract.errors import UserError
from ...engine.contract.step import Drop
from ...schemas import DatasetEntry
from .card import CardOptions, make_card
from .columns import FILE
from .facts import read_facts
from .files import SplitFiles, TableFiles, clip_name, find_clips, put_file, replace_folder
from .provenance import read_story
from .redaction import public_uri
from .splits import assign_splits
from .table import SOURCE, SPLIT, Contents, prepare, rows_query

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_BATCH_ROWS = 4_096


class ReleasePlan(NamedTuple):
    """Where a release goes, and how it is split."""

    root: Path  # the build folder
    folder: Path
    scratch: Path
    step: str
    shares: Mapping[str, float]
    seed: int


def write_release(
    db: duckdb.DuckDBPyConnection, plan: ReleasePlan, wishes: CardOptions
) -> Iterator[DatasetEntry | Drop]:
    """Replace the folder, then yield an entry or a verdict a clip.

    Raises:
        UserError: no clip is left, a clip's file is missing, or the folder holds something else.
    """
    _check_place(plan.folder)
    db.execute("SET temp_directory = ?", [str(plan.scratch / "spill")])
    videos = db.execute("SELECT DISTINCT video_id, uri FROM clips LEFT JOIN videos USING (video_id)").fetchall()
    uris = {video: public_uri(uri or "") for video, uri in videos}
    held = prepare(db, assign_splits(uris, plan.shares, plan.seed), uris, wishes.with_files)
    if _one(db, "SELECT count(*) FROM clips") == len(held.bare):
        raise UserError("no clip is left to publish", "`cliploom status` shows where they went")
    files: dict[str, str] = {}
    with replace_folder(plan.folder) as part:
        splits, files = _write_tables(db, plan, part, held, wishes.with_files)
        size = sum(file.stat().st_size for file in part.rglob("*") if file.is_file())
        facts = read_facts(db, held, splits, size)
        story = read_story(plan.root, plan.step)
        (part / "README.md").write_text(make_card(wishes, facts, story), encoding="utf-8")
        if story.recipe:
            text = yaml.safe_dump(story.recipe, sort_keys=False, allow_unicode=True, width=100)
            (part / "recipe.yaml").write_text(text, encoding="utf-8")
    yield from _entries(db, held, files)


def _check_place(folder: Path) -> None:
    if not folder.exists():
        return
    card = folder / "README.md"
    if not card.is_file() or "cliploom" not in card.read_text(encoding="utf-8", errors="replace"):
        raise UserError(f"{folder} is there and is no dataset of cliploom", "move it away, or choose another `out`")


def _write_tables(
    db: duckdb.DuckDBPyConnection, plan: ReleasePlan, part: Path, held: Contents, with_files: bool
) -> tuple[list[SplitFiles], dict[str, str]]:
    query = rows_query(held.schema.names, [name for name, share in plan.shares.items() if share > 0])
    if with_files:
        chosen = "SELECT clip_id, file FROM clips ANTI JOIN _bare USING (clip_id) ORDER BY clip_id"
        find_clips(plan.root, db.execute(chosen).fetchall())
    per_split = dict(
        db.execute("SELECT split, count(*) FROM clips JOIN _placed USING (video_id) GROUP BY ALL").fetchall()
    )
    splits: list[SplitFiles] = []
    files: dict[str, str] = {}
    out: TableFiles | None = None
    for name, table in _runs(db.sql(query).to_arrow_reader(_BATCH_ROWS)):
        if out is None or splits[-1].name != name:
            if out is not None:
                out.finish()
            splits.append(SplitFiles(name))
            folder = part / name if with_files else part / "data"
            out = TableFiles(folder, "metadata" if with_files else name, held.schema, sharded=not with_files)
        if with_files:
            table, placed = _place(plan, part / name, table, splits[-1].examples, per_split[name])
            files |= {clip: f"{name}/{file}" for clip, file in placed.items()}
        table = table.select(held.schema.names).cast(held.schema)
        splits[-1].count(table)
        out.add(table)
    if out is not None:
        out.finish()
    return splits, files


def _runs(reader: Any) -> Iterator[tuple[str, pa.Table]]:
    """The reader's rows, cut where the split changes."""
    import pyarrow as pa

    for batch in reader:
        table = pa.Table.from_batches([batch])
        names = table.column(SPLIT).to_pylist()
        start = 0
        for stop in range(1, len(names) + 1):
            if stop == len(names) or names[stop] != names[start]:
                yield names[start], table.slice(start, stop - start)
                start = stop


def _place(plan: ReleasePlan, folder: Path, table: pa.Table, first: int, of: int) -> tuple[pa.Table, dict[str, str]]:
    """Put the clips' files into their split's folder and name them in the table."""
    import pyarrow as pa

    placed: dict[str, str] = {}
    for clip, source in zip(table.column("clip_id").to_pylist(), table.column(SOURCE).to_pylist(), strict=True):
        placed[clip] = clip_name(clip, source, first + len(placed), of)
        put_file(plan.root / source, folder / placed[clip])
    return table.append_column(FILE, pa.array(list(placed.values()), pa.string())), placed


def _entries(db: duckdb.DuckDBPyConnection, held: Contents, files: Mapping[str, str]) -> Iterator[DatasetEntry | Drop]:
    bare = {clip for clip, _ in held.bare}
    query = "SELECT clip_id, video_id, split FROM clips JOIN _placed USING (video_id) ORDER BY clip_id"
    reader = db.sql(query).to_arrow_reader(_BATCH_ROWS)
    for batch in reader:
        for clip, video, split in zip(*(batch.column(i).to_pylist() for i in range(3)), strict=True):
            if clip in bare:
                yield Drop(clip, video, "no_caption")
            else:
                yield DatasetEntry(clip, video, clip, split, files.get(clip))


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(db.execute(query).fetchall()[0][0])
