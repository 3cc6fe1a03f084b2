"""The dataset card: front matter that the Hub reads, and text for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ...schemas.features import features_yaml
from ...schemas.tables import column_table, markdown_text
from .columns import FILE
from .files import Split
from .licenses import card_license
from .provenance import Story

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip
_MOST_SOURCES = 25  # rows of the table of sources


class Wishes(NamedTuple):
    """What the recipe says of the card."""

    license: str
    title: str
    language: list[str]
    tags: list[str]
    homepage: str
    with_files: bool


class Source(NamedTuple):
    """Where some of the videos came from, and under which licence."""

    license: str
    uploader: str
    videos: int


class Facts(NamedTuple):
    """What was written."""

    schema: pa.Schema
    splits: list[Split]
    file_bytes: int  # of the folder
    sources: list[Source]
    reviewed: bool
    dropped: int  # clips without a caption
    fakes: int  # captions of a dry run


def make_card(wishes: Wishes, facts: Facts, story: Story) -> str:
    """The text of ``README.md``."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates")
    page = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"md": lambda value: markdown_text(str(value)), "length_of_time": length_of_time, "size": size}
    template = page.get_template("card.md.j2")
    recipe = yaml.safe_dump(story.recipe, sort_keys=False, allow_unicode=True, width=100) if story.recipe else ""
    return template.render(
        front=yaml.safe_dump(front_matter(wishes, facts, story), sort_keys=False, allow_unicode=True, width=100),
        wishes=wishes, facts=facts, story=story, columns=column_table(facts.schema),
        license=card_license(wishes.license), title=wishes.title or story.name,
        examples=sum(s.examples for s in facts.splits), seconds=sum(s.seconds for s in facts.splits),
        videos=sum(len(s.videos) for s in facts.splits), recipe=recipe, fence=_fence(recipe),
        columns_named=facts.schema.names, most=_MOST_SOURCES, homepage=_link(wishes.homepage),
    )  # fmt: skip


def front_matter(wishes: Wishes, facts: Facts, story: Story) -> dict[str, Any]:
    """The card's YAML. ``dataset_info`` is written anew each time: a stale one breaks every reader."""
    license_, splits = card_license(wishes.license), facts.splits
    said: dict[str, Any] = {"license": license_.id}
    said |= {"license_name": license_.name} if license_.name else {}
    said |= {"pretty_name": wishes.title or story.name}
    said |= {"language": wishes.language} if wishes.language else {}
    captioned = "caption" in facts.schema.names
    said |= {"task_categories": ["text-to-video", "video-text-to-text"]} if captioned else {}
    said |= {"tags": list(dict.fromkeys(["cliploom", "video", *wishes.tags]))}
    said |= {"size_categories": [_size(sum(s.examples for s in splits))]}
    said |= {"annotations_creators": _creators(captioned, facts.reviewed), "source_datasets": ["original"]}
    path = "{}/**" if wishes.with_files else "data/{}-*.parquet"
    files = [{"split": s.name, "path": path.format(s.name)} for s in splits]
    config: dict[str, Any] = {"config_name": "default", "default": True, "data_files": files}
    config |= {"drop_labels": True} if wishes.with_files else {}  # else folder names become labels
    counts = [{"name": s.name, "num_bytes": s.table_bytes, "num_examples": s.examples} for s in splits]
    info = {"features": _features(facts.schema), "splits": counts, "download_size": facts.file_bytes}
    return said | {"configs": [config], "dataset_info": info | {"dataset_size": sum(s.table_bytes for s in splits)}}


def _features(schema: pa.Schema) -> list[dict[str, Any]]:
    """As ``datasets`` sees them: VideoFolder puts the video in the place of the file's name."""
    return [{"name": "video", "dtype": "video"} if f["name"] == FILE else f for f in features_yaml(schema)]


def sources_of(db: duckdb.DuckDBPyConnection) -> list[Source]:
    """Licences and uploaders of the videos that clips were published of, the most videos first."""
    query = """SELECT license, uploader, count(*) AS n FROM videos
               SEMI JOIN (FROM clips ANTI JOIN _bare USING (clip_id)) USING (video_id)
               GROUP BY license, uploader ORDER BY n DESC, license, uploader"""
    return [Source(*row) for row in db.execute(query).fetchall()]


def length_of_time(seconds: float) -> str:
    """``8.4 s``, ``4 min 12 s``, ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(number: float) -> str:
    """``812 bytes``, ``4.2 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"


def _size(examples: int) -> str:
    return next((name for limit, name in _SIZES if examples < limit), "1B<n<10B")


def _creators(captioned: bool, reviewed: bool) -> list[str]:
    if not captioned:
        return ["no-annotation"]
    return ["machine-generated", "other"] if reviewed else ["machine-generated"]


def _fence(text: str) -> str:
    """A code fence longer than any run of back-ticks inside."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence


def _link(address: str) -> str:
    safe: Sequence[str] = ("https://", "http://")
    plain = address.startswith(tuple(safe)) and not any(c.isspace() or c in "<>()\"'`" for c in address)
    return f"<{address}>" if plain else markdown_text(address)
