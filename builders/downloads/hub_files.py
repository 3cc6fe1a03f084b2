"""Datasets on the Hugging Face Hub: which videos one holds or names, and how they come here."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError, TransientError, UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from ...engine.contract.step import StepContext
from ...engine.storage.files import replace_file
from ...schemas import Video
from ..folder import make_video
from ..sources.captions import read_captions
from ..sources.listing import VIDEO_EXTENSIONS, VideoFile, group_files, stamp
from ..sources.manifests import ManifestRow, match_lines, read_manifest
from ..sources.picture_tables import TableCell, read_cell, table_rows
from ..sources.sidecars import clean
from .magic import SIZE, media_ending
from .targets import URL_COLUMNS

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_LARGEST_TEXT_BYTES = 1 << 20  # of a file beside a video in an archive


class HubVideo(NamedTuple):
    """One video of a dataset: a file, a file in an archive, a cell of a table, or an address."""

    repo: str
    revision: str
    file: str
    state: str  # a hash of the file
    line: ManifestRow
    cell: TableCell | None = None
    member: str = ""
    url: str = ""


def requirements() -> list[Requirement]:
    """What reads the Hub."""
    return extra_packages("hub", "huggingface_hub")


@contextmanager
def _in_words(repo: str) -> Iterator[None]:
    """Inside, the Hub is asked; ``UserError`` for what it refuses."""
    with extra("hub"):
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    try:
        yield
    except RepositoryNotFoundError:
        hint = "is its name right? for one that is not public: `hf auth login`, or HF_TOKEN"
        raise UserError(f"builders.hub: there is no dataset {repo}, or it may not be read", hint) from None
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"builders.hub cannot read {repo}: {said}") from None


def list_hub(repo: str, revision: str, split: str, files: str, column: str) -> Iterator[HubVideo]:
    """The videos of a dataset's split: those of its tables, else its files, with what a ``metadata`` table says, and
    those in its tar archives. Of tables no video is read, of archives their directories alone.

    Raises:
        UserError: there is no such dataset, or nothing in it.
    """
    with _in_words(repo):
        from huggingface_hub import HfApi, HfFileSystem

        info = HfApi().dataset_info(repo, revision=revision or None, files_metadata=True)
        states = {one.rfilename: str(one.blob_id or one.size) for one in info.siblings or ()}
        names = _choose([*states], split, files)
        where, system = f"datasets/{repo}@{info.sha}", HfFileSystem()
        found = HubVideo(repo, str(info.sha), "", "", ManifestRow("", {}))
        tables = [name for name in names if name.endswith(".parquet") and os.path.basename(name) not in _TABLES]
        for name in tables:
            with system.open(f"{where}/{name}", "rb") as file:
                yield from _of_table(found._replace(file=name, state=states[name]), file, column)
        for name in names:
            if name.endswith(".tar"):
                with system.open(f"{where}/{name}", "rb") as file:
                    yield from _of_archive(found._replace(file=name, state=states[name]), file)
        videos = [name for name in names if os.path.splitext(name)[1][1:].lower() in VIDEO_EXTENSIONS]
        lines = _metadata(repo, str(info.sha), [*states], videos)
        for name in videos:
            line = lines.get(name, ManifestRow(name, {}))
            yield found._replace(file=name, state=states[name], line=line)


def _choose(names: Sequence[str], split: str, files: str) -> list[str]:
    """The files that are wanted: those that a pattern fits, else those with the split's name in their path."""
    if files:
        return sorted(name for name in names if fnmatchcase(name, files))
    spelled = re.compile(rf"(?:^|[/_.-]){re.escape(split)}(?:[/_.-]|$)")
    named = sorted(name for name in names if spelled.search(name))
    if named or split != "train":
        return named
    others = re.compile(r"(?:^|[/_.-])(?:test|validation|valid|val|dev)(?:[/_.-]|$)")
    return sorted(name for name in names if not others.search(name))


def _metadata(repo: str, revision: str, names: Sequence[str], videos: Sequence[str]) -> Mapping[str, ManifestRow]:
    """What the tables beside the videos say of them, as of a VideoFolder."""
    from huggingface_hub import hf_hub_download

    found: dict[str, ManifestRow] = {}
    for name in names:
        if os.path.basename(name) in _TABLES and videos:
            folder = os.path.dirname(name)
            inside = [v for v in videos if not folder or v.startswith(f"{folder}/")]
            local = hf_hub_download(repo, name, repo_type="dataset", revision=revision)
            bare = {os.path.relpath(v, folder or "."): v for v in inside}
            matched = match_lines(read_manifest(local), [*bare], "/").by_file
            found |= {bare[file]: line for file, line in matched.items()}
    return found


def _of_table(found: HubVideo, file: Any, column: str) -> Iterator[HubVideo]:
    """A table's rows: its videos, or the addresses of them."""
    name, key, first = os.path.basename(found.file), column, True
    for row in table_rows(found.file, file):
        values = clean({k: v for k, v in row.values.items() if not isinstance(v, TableCell)})
        cells = {k: v for k, v in row.values.items() if isinstance(v, TableCell)}
        if first:
            lower = {k.lower(): k for k in (*values, *cells)}
            key = key or next(iter(cells), "") or next((lower[k] for k in URL_COLUMNS if k in lower), "")
            if key not in values and key not in cells:
                hint = f"name it with column; the columns are {', '.join(row.values)}"
                raise UserError(f"builders.hub: {name} has no column of videos or addresses", hint)
        first = False
        rest = {k: v for k, v in values.items() if k != key and v not in (None, "")}
        captions, told = read_captions(rest)
        line = ManifestRow(f"{name}{row.place}", told, captions)
        cell = cells.get(key)
        address = cell.path if cell else str(values.get(key) or "")
        web = address if address.startswith(("http://", "https://")) else ""
        yield found._replace(line=line, cell=cell if not web else None, url="" if cell and not web else address)


def _of_archive(found: HubVideo, file: Any) -> Iterator[HubVideo]:
    """A tar archive's videos, with the texts beside each; nothing else of it is read."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        members = {one.name: one for one in archive if one.isfile()}
        for group in group_files([*members], VIDEO_EXTENSIONS):
            told = ManifestRow(f"{os.path.basename(found.file)}:{group.name}", {})
            for beside in group.sidecars:
                member = members[beside.path]
                raw = archive.extractfile(member)
                if raw is not None and member.size <= _LARGEST_TEXT_BYTES:
                    _add(told, beside.ending, raw.read())
            yield found._replace(member=group.name, line=told)


def _add(line: ManifestRow, ending: str, raw: bytes) -> None:
    """What one text beside a video says."""
    text = raw.decode("utf-8", "replace").strip()
    if ending.endswith(".json"):
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, dict):
            captions, told = read_captions(clean(said))
            line.captions += captions
            line.told |= told
    elif ending == ".txt" and text:
        captions, _ = read_captions({"caption": text})
        line.captions += captions


def read_hub_video(video_id: str, wanted: HubVideo, context: StepContext) -> Video:
    """The row of one video, which is fetched. Runs in a process of its own.

    Raises:
        RowError: it cannot be read.
        TransientError: the Hub cannot be reached now.
    """
    path = Path(_fetch(wanted))
    if wanted.cell is not None:
        raw = read_cell(wanted.cell._replace(file=str(path)))
        if raw is None:
            raise RowError(f"{wanted.line.where} holds no video", "bad_row")
        path = _keep(video_id, io.BytesIO(raw), raw[:SIZE], context)
    elif wanted.member:
        with tarfile.open(path, "r:") as archive:
            member = archive.extractfile(wanted.member)
            if member is None:
                raise RowError(f"{wanted.line.where} is no file", "unreadable")
            head = member.read(SIZE)
            member.seek(0)
            path = _keep(video_id, member, head, context)
    uri = f"https://huggingface.co/datasets/{wanted.repo}/resolve/{wanted.revision}/{wanted.file}"
    part = wanted.member or (wanted.line.where if wanted.cell else "")
    line = replace(wanted.line, told=wanted.line.told | {"uri": f"{uri}#{part}" if part else uri})
    found = VideoFile(str(path.absolute()), wanted.member or wanted.file, stamp(str(path)), ())
    return make_video(video_id, found, line, context)


def _keep(video_id: str, raw: Any, head: bytes, context: StepContext) -> Path:
    """A video that lay in a table or an archive, as a file of its own."""
    path = context.folder() / f"{video_id}.{media_ending(head) or 'mp4'}"
    with replace_file(path) as part, part.open("wb") as file:
        while piece := raw.read(1 << 20):
            file.write(piece)
    return path


def _fetch(wanted: HubVideo) -> str:
    """A file of the dataset, in the Hub's own cache: resumed where it was cut off, and fetched once."""
    with extra("hub"):
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    try:
        return str(hf_hub_download(wanted.repo, wanted.file, repo_type="dataset", revision=wanted.revision))
    except EntryNotFoundError:
        raise RowError(f"{wanted.repo}: {wanted.file} is not there any more", "removed") from None
    except HfHubHTTPError as error:
        raise TransientError(f"{wanted.repo}: {wanted.file}: {str(error).splitlines()[0]}") from None
