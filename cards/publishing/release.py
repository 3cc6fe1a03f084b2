"""Publishing a dataset: to a folder, or to the Hub."""

from __future__ import annotations

import filecmp
from collections.abc import Callable
from pathlib import Path

from ...engine.contract.errors import UserError
from ...engine.contract.options import digest
from ..release.files import replace_folder
from ..release.reading import CARD
from ..release.staging import DONE, remove_staging, staging_folder
from .acceptance import require_acceptance
from .card import FOLDER, card_files, front_matter
from .hub_client import PATIENCE_S, HubClient
from .options import PublishOptions
from .push import Publication, plan_push, push_release
from .release_folder import ReleaseFolder, choose_layout, load_release, write_release
from .source import DatasetSource, read_card
from .versions import next_version

Say = Callable[[str], None]


def publish_to_hub(
    source: DatasetSource,
    repo: str,
    options: PublishOptions,
    say: Say = lambda text: None,
    patience_s: float = PATIENCE_S,
) -> Publication:
    """Publish to ``user/name`` on the Hub, in a new commit with a tag; nothing where it is there already.

    Raises:
        UserError: the options make no sense, people have not accepted it yet, or the Hub refuses.
    """
    options.check_options()
    require_acceptance(source)
    client = HubClient(repo, patience_s)
    release = stage_release(source, options)
    made = push_release(source, release, client, options, say)
    remove_staging(source.root)
    return made


def preview_publication(source: DatasetSource, repo: str, options: PublishOptions) -> Publication:
    """What ``publish_to_hub`` would do; it changes nothing on the Hub."""
    options.check_options()
    require_acceptance(source)
    client = HubClient(repo)
    return plan_push(source, stage_release(source, options), client, options)


def publish_to_folder(source: DatasetSource, folder: Path, options: PublishOptions) -> Publication:
    """Write the release into a folder, in place of an earlier one.

    Raises:
        UserError: the options make no sense, people have not accepted it yet, or the folder holds something else.
    """
    options.check_options()
    require_acceptance(source)
    choose_layout(source, options)
    if set("[]*?") & set(str(folder.absolute())):
        raise UserError(f"`datasets` loads nothing from {folder}: it takes [, ], * and ? for patterns", "name another")
    if folder.resolve().is_relative_to(source.root.resolve()):
        raise UserError(f"{folder} is in the dataset that is to be published", "name a folder beside it")
    last, body = _last_card(folder)
    with replace_folder(folder) as part:
        release = write_release(source, part, options)
        front = front_matter(source, release, str(last.get("version", "")))
        same = front == last and _same_tables(folder, part) and _card(source, release, last) == body
        version = str(last["version"]) if same else next_version(last, front)
        files = card_files(source, release, version)
        for path, content in files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_bytes(content)
        held = [file for file in part.rglob("*") if file.is_file()]
        made = Publication(str(folder), version, "", len(held), 0, sum(file.stat().st_size for file in held))
    return made


def stage_release(source: DatasetSource, options: PublishOptions) -> ReleaseFolder:
    """The release in a folder beside the dataset; the one that is there, where it is of the same tables and options."""
    work = staging_folder(source.root)
    folder, done, key = work / "release", work / DONE, _key(source, options)
    if done.is_file() and (work / "key").read_text(encoding="utf-8") == key:
        return load_release(folder, done)
    remove_staging(source.root)
    folder.mkdir(parents=True)
    release = write_release(source, folder, options)
    (work / "key").write_text(key, encoding="utf-8")
    release.save(work / "release.part")
    (work / "release.part").rename(done)
    return release


def _key(source: DatasetSource, options: PublishOptions) -> str:
    """What a release is made of, in a word."""
    files = [file for found in source.tables.values() for file in found]
    tables = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    prints = [table.fingerprint for _, table in source.build.tables()] if source.build else []
    return digest(tables, prints, choose_layout(source, options), options.embed, options.configs)


def _last_card(folder: Path) -> tuple[dict[str, object], str]:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}, ""
    card = folder / CARD
    last, body = read_card(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else ({}, "")
    if "version" not in last:
        raise UserError(f"{folder} is there and is no release of cliploom", "name another folder")
    return last, body


def _card(source: DatasetSource, release: ReleaseFolder, last: dict[str, object]) -> str:
    return read_card(card_files(source, release, str(last["version"]), FOLDER)[CARD].decode())[1]


def _same_tables(old: Path, new: Path) -> bool:
    tables = [file.relative_to(new) for file in new.rglob("*") if file.suffix in (".parquet", ".tar")]
    return all((old / file).is_file() and filecmp.cmp(old / file, new / file, shallow=False) for file in tables)
