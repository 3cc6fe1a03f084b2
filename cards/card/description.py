"""Everything in a dataset folder that is no data: its card, figures, recipe, lock and Croissant."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml

from ...engine.build import Build
from ...engine.contract.errors import UserError
from ...engine.execution.build_folder import LOCK
from ...engine.storage.files import write_json
from ...engine.storage.sql import connect
from ..release.facts import Facts
from ..release.files import SplitFiles
from ..release.provenance import read_story
from ..release.reading import add_published
from ..release.subsets import part_name
from ..report.funnel import main_line
from ..report.funnel_chart import Share
from ..rights.policy import RightsSummary
from ..rights.takedown import TOMBSTONES, Tombstones, read_tombstones
from .card import CardContents, CardOptions, make_card
from .changelog import read_changelog
from .croissant import write_croissant
from .examples import read_examples
from .figures import draw_figures
from .opinions import read_reviews, read_teachers
from .statistics import ValueCount, read_statistics

if TYPE_CHECKING:
    import duckdb

CARD, RECIPE = "README.md", "recipe.yaml"


class ReleaseRights(NamedTuple):
    """What a release may carry, and the videos whose pictures it may show."""

    summary: RightsSummary
    may_show: set[str]


class ReleasePlace(Protocol):
    """Where a release is made, and by which step."""

    @property
    def root(self) -> Path: ...  # the build folder

    @property
    def folder(self) -> Path: ...  # where it will be

    @property
    def step(self) -> str: ...


def describe_release(
    part: Path,
    place: ReleasePlace,
    wishes: CardOptions,
    facts: Facts,
    rights: ReleaseRights,
    db: duckdb.DuckDBPyConnection,
) -> None:
    """Write the card and all that belongs to it into a folder whose tables are written.

    ``db`` has the views that ``release.table.prepare`` made. The changelog of the release that stands at
    ``place.folder`` is taken over.
    """
    story, summary = read_story(place.root, place.step), _remember(part, place.folder, rights.summary)
    with ExitStack() as opened:
        published = opened.enter_context(connect())
        tables = {split.name: _tables(part, split, wishes.with_files) for split in facts.splits}
        add_published(published, part, tables)
        build = _open_build(place.root)
        known = opened.enter_context(build.connect()) if build is not None else None
        numbers = read_statistics(published)
        numbers = numbers._replace(counts=numbers.counts | _languages(facts))
        line = main_line(story.stages, build.lock) if build is not None else []
        splits = [Share(split.name, split.examples) for split in facts.splits]
        contents = CardContents(
            numbers,
            draw_figures(part, line, splits, numbers),
            read_examples(published, facts.schema.names, known, part, rights.may_show),
            read_teachers(db, known) if facts.captions and known is not None else [],
            read_reviews(known) if known is not None else None,
            summary,
            read_changelog(part, place.folder),
        )
    (part / CARD).write_text(make_card(wishes, facts, story, contents), encoding="utf-8")
    if story.recipe:
        _write_yaml(part / RECIPE, story.recipe)
        _write_yaml(part / LOCK, story.lock)
    write_croissant(part, tables, wishes, facts, story, contents)


def _languages(facts: Facts) -> dict[str, list[ValueCount]]:
    """Captions and transcripts by language, for the figures."""
    found: dict[str, list[ValueCount]] = {}
    for language, of, rows in facts.languages:
        found.setdefault(f"languages of {of}", []).append(ValueCount(language or "not known", rows))
    return found


def _remember(part: Path, old: Path, rights: RightsSummary) -> RightsSummary:
    """Keep the number of what was taken down, also where its sources are gone from the build by now."""
    before = read_tombstones(old)
    gone = Tombstones(max(rights.takedown_videos, before.videos), max(rights.takedown_clips, before.clips))
    if gone.videos:
        write_json(part / TOMBSTONES, gone._asdict())
    return rights._replace(takedown_videos=gone.videos, takedown_clips=gone.clips)


def _tables(folder: Path, split: SplitFiles, with_files: bool) -> list[Path]:
    """Its Parquet files, in the order of their rows."""
    if with_files:
        return [folder / split.name / part / "metadata.parquet" for part in split.parts]
    names = [part_name(split.name, part) for part in split.parts]
    return [file for name in names for file in sorted((folder / "data").glob(f"{name}-*.parquet"))]


def _open_build(root: Path) -> Build | None:
    try:
        return Build.read(root)
    except UserError:  # the step is run by itself
        return None


def _write_yaml(path: Path, value: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
