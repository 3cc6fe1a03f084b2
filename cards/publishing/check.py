"""Would a release load, play and be right? Asked before anything is published, without network."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.words import number_of
from ...engine.execution.failures import attempt, plain_text
from ...engine.storage.sql import connect, parquet_table, quote_literal
from ...schemas.features import MEDIA
from ..release.columns import FILE
from ..release.facts import find_dataset_repetition
from ..release.licenses import HUB_LICENSES
from ..release.reading import CARD
from ..release.sameness import find_notable_sameness
from .acceptance import check_acceptance
from .card import card_files
from .file_checks import check_secrets, check_sizes, check_tables
from .findings import Finding, note
from .loading import load_release
from .options import PublishOptions
from .release import stage_release
from .release_folder import ReleaseFolder
from .source import DatasetSource, paths_of, read_card
from .versions import FIRST

PLAYED = 100  # videos, unless someone says every how many-th
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*|code|multilingual")
_BUILD = "build the dataset again"


class CheckReport(NamedTuple):
    """What was looked at before a release, and what was found.

    Attributes:
        tables: tables that were read.
        clips: rows of clips that were read.
        played: clips' files that were decoded.
        findings: what speaks against the release.
    """

    tables: int
    clips: int
    played: int
    findings: list[Finding]

    @property
    def breaks(self) -> bool:
        """Would something break the release?"""
        return any(finding.breaks for finding in self.findings)


def check_release(source: DatasetSource, options: PublishOptions, every: int | None = None) -> CheckReport:
    """Make the release ready, as publishing does, and look at it from all sides; ``every`` so many-th video is played.

    Raises:
        UserError: the options make no sense, or ``datasets`` is not installed.
    """
    options.check_options()
    release = stage_release(source, options)
    files = card_files(source, release, FIRST)
    for path, content in files.items():
        (release.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (release.folder / path).write_bytes(content)
    try:
        clips = sum(split.examples for split in release.configs[0].splits)
        every = every or -(-clips // PLAYED) or 1
        found = [finding for look in _looks(source, release, every) for finding in look()]
    finally:
        for path in files:
            (release.folder / path).unlink()
    splits = release.configs[0].splits
    played = sum(-(-split.examples // every) for split in splits) if _has_videos(release) else 0
    unique = sorted(dict.fromkeys(found), key=lambda finding: not finding.breaks)
    return CheckReport(len(release.configs), clips, played, unique)


def _looks(source: DatasetSource, release: ReleaseFolder, every: int) -> Iterator[Callable[[], Any]]:
    folder = release.folder
    yield lambda: check_card(folder)
    yield lambda: check_croissant(folder)
    yield lambda: check_sizes(folder)
    yield lambda: check_tables(folder)
    yield lambda: check_secrets(folder)
    yield lambda: check_rows(source, _has_videos(release))
    yield lambda: check_acceptance(source)
    yield lambda: load_release(folder, every)


def _has_videos(release: ReleaseFolder) -> bool:
    return any(feature.get("dtype") in MEDIA for feature in release.configs[0].features)


def check_card(folder: Path) -> Iterator[Finding]:
    """The YAML at the head of the card, as the Hub wants it."""
    front, _ = read_card((folder / CARD).read_text(encoding="utf-8"))
    license_ = front.get("license")
    if license_ == "unknown":
        yield note("the dataset has no licence: nobody may use it", "name one: cards.dataset `license: cc-by-4.0`")
    elif license_ != "other" and license_ not in HUB_LICENSES:
        yield Finding(f"the Hub knows no licence {license_!r}", "name one that it knows, or `other` with a name")
    elif license_ == "other" and not front.get("license_name"):
        yield Finding("the licence `other` has no name", "name it: cards.dataset `license:`")
    for language in front.get("language") or ():
        if not _LANGUAGE.fullmatch(str(language)):
            yield Finding(f"{language!r} is no BCP 47 code of a language", "correct `language:` of cards.dataset")
    for config in front["configs"]:
        for path in [path for file in config["data_files"] for path in paths_of(file)]:
            if not any(folder.glob(path.replace("/**", "/**/*"))):
                yield Finding(f"no file is named {path}, which the card names", _BUILD)


def check_croissant(folder: Path) -> Iterator[Finding]:
    """``croissant.json``, where there is one, and with ``mlcroissant``, where it is installed."""
    path = folder / "croissant.json"
    if not path.is_file():
        return
    if attempt(json.loads, path.read_bytes()).error is not None:
        yield Finding("croissant.json is no JSON", _BUILD)
        return
    library = attempt(__import__, "mlcroissant")
    if library.error is not None:
        yield note("croissant.json was not validated", "pip install mlcroissant")
        return
    logging.getLogger("absl").setLevel(logging.ERROR)  # it recommends properties that nothing here could answer
    got = attempt(lambda: library.value.Dataset(jsonld=str(path)))
    if got.error is not None:
        said = [line.strip() for line in plain_text(got.error).splitlines() if line.strip()]
        yield Finding(f"croissant.json is not valid: {' '.join(said)[:300]}", _BUILD)


def check_rows(source: DatasetSource, with_videos: bool) -> Iterator[Finding]:
    """Leakage between splits, licences of what is published as bytes, and captions that no one should publish."""
    names = source.schema.names
    with connect("512MB") as db:
        parts = [
            f"SELECT *, {quote_literal(split)} AS _split FROM {parquet_table(files)}"
            for split, files in source.tables.items()
        ]
        db.execute(f"CREATE VIEW dataset AS {' UNION ALL '.join(parts)}")

        def ask(query: str) -> Any:
            return db.execute(query).fetchall()[0][0]

        for column in ("video_id", "source_sha256"):
            shared = f"SELECT {column} FROM dataset WHERE {column} <> '' GROUP BY 1 HAVING count(DISTINCT _split) > 1"
            if column in names and (n := ask(f"SELECT count(*) FROM ({shared})")):
                first = ask(f"SELECT min({column}) FROM ({shared})")
                what = number_of(n, "source video") + ("" if column == "video_id" else ", by content")
                yield Finding(f"in more than one split: {what}, such as {first}", "split by source")
        if n := ask("SELECT count(*) - count(DISTINCT clip_id) FROM dataset"):
            yield Finding(f"there twice: {number_of(n, 'clip')}", _BUILD)
        if with_videos and "license" in names and (n := ask(_UNLICENSED)):
            said = f"published as files although their sources state no licence: {number_of(n, 'clip')}"
            yield note(said, "publish `links`, or find out")
        if "caption" in names:
            yield from _captions(db, ask)


_UNLICENSED = f"SELECT count(*) FROM dataset WHERE trim(license) = '' AND {FILE} IS NOT NULL"


def _captions(db: Any, ask: Callable[[str], Any]) -> Iterator[Finding]:
    if n := ask("SELECT count(*) FROM dataset WHERE trim(coalesce(caption, '')) = ''"):
        yield Finding(f"without words in the caption: {number_of(n, 'clip')}", _BUILD)
    if n := ask("SELECT count(*) FROM dataset WHERE 'fake' IN (teacher, model)"):
        said = f"made up by the teacher `fake`, which looks at nothing: {number_of(n, 'caption')}"
        yield Finding(said, "choose other teachers, and build again")
    if found := find_dataset_repetition(db):
        said = f"one caption stands on {found.clips:,} of {number_of(found.of, 'clip')}: {found.text[:80]}"
        yield note(said, "look at the teacher that wrote it")
    for one in find_notable_sameness(db, "dataset"):
        yield note(f"alike: {one.told()}", "look at the teacher, and bound it with cards.dataset.sameness")
