"""What the Hub and its viewer would mind about a folder: numbers and sizes of files, row groups, secrets."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...engine.contract.words import number_of
from ...engine.storage.sql import connect, parquet_table
from .findings import Finding, note

# https://huggingface.co/docs/hub/repositories-recommendations
FOLDER_FILES, REPO_FILES = 10_000, 100_000
FILE_BYTES, LARGE_FILE_BYTES = 500 << 30, 200 << 30
REPO_BYTES = 300 << 30  # from there on the Hub wants to be asked
GROUP_BYTES, VIEWER_BYTES = 100 << 20, 286 << 20  # of a row group: what we write, what the viewer can read

SECRETS = {
    "a token of the Hugging Face Hub": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a key of OpenAI or the like": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a key of AWS": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50,})",
    "a key of Google": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "a token of Slack": r"\bxox[abposr]-[0-9A-Za-z-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a signed web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a signed address": r"[?&](X-Amz-Signature|X-Goog-Signature|sig|Signature)=[A-Za-z0-9%/+_-]{16,}",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@",
}
PATH = r"(^|[\s\"'(=])/(home|Users|root|mnt|tmp|var)/[\w.-]+"
_PLAIN = (".md", ".yaml", ".yml", ".json", ".csv", ".svg", ".txt", ".html")
_TAR_TEXTS = (".json", ".txt")
_MEND = "remove it where it comes from, build again, and make the key invalid"


def check_sizes(folder: Path) -> Iterator[Finding]:
    """Numbers of files and their sizes against what the Hub takes."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    tars = "publish `webdataset` or `parquet` with `embed`: many clips in one file"
    if len(files) > REPO_FILES:
        yield Finding(f"{number_of(len(files), 'file')} here, and the Hub takes {REPO_FILES:,} well", tars)
    for place, n in Counter(file.parent for file in files).items():
        if n > FOLDER_FILES:
            said = (
                f"the folder {place.relative_to(folder)} has {number_of(n, 'file')}, and the Hub takes {FOLDER_FILES:,}"
            )
            yield Finding(said, tars)
    total = 0
    for file in files:
        size = file.stat().st_size
        total += size
        if size > LARGE_FILE_BYTES:
            said = f"{file.relative_to(folder)} has {size / 2**30:,.0f} GB, and the Hub wants files of less than 200 GB"
            yield Finding(said, "cut it into shorter clips", size > FILE_BYTES)
    if total > REPO_BYTES:
        yield note(f"the release has {total / 2**30:,.0f} GB", "ask the Hub first: datasets@huggingface.co")


def check_tables(folder: Path) -> Iterator[Finding]:
    """Row groups and page indexes against what the Hub's viewer reads."""
    import pyarrow.parquet as pq

    for file in sorted(folder.rglob("*.parquet")):
        name = file.relative_to(folder)
        found = pq.read_metadata(file)
        largest = max((found.row_group(i).total_byte_size for i in range(found.num_row_groups)), default=0)
        if largest > GROUP_BYTES:
            said = f"{name} has a row group of {largest / 2**20:,.0f} MB, and the viewer wants 100 MB"
            yield Finding(said, "publish `videofolder` or `webdataset`", largest > VIEWER_BYTES)
        group = found.row_group(0) if found.num_row_groups else None
        if group and not all(group.column(i).has_column_index for i in range(group.num_columns) if _plain(group, i)):
            yield note(f"{name} has no page index", "let cliploom write the table")


def _plain(group: object, i: int) -> bool:
    column = group.column(i)  # type: ignore[attr-defined]
    return column.is_stats_set and not column.path_in_schema.endswith("video.bytes")


def check_secrets(folder: Path) -> Iterator[Finding]:
    """Keys, passwords and places of this machine in any cell and any text."""
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix == ".parquet":
            yield from _in_table(file, name)
        elif file.suffix == ".tar":
            yield from _in_tar(file, name)
        elif file.suffix in _PLAIN and file.is_file():
            yield from _in_text(file.read_text(encoding="utf-8", errors="replace"), name)


def _in_text(text: str, place: str) -> Iterator[Finding]:
    for what, pattern in SECRETS.items():
        if re.search(pattern, text):
            yield Finding(f"{place} holds {what}", _MEND)
    if re.search(PATH, text):
        yield note(f"{place} names a path of this machine", "take it out where it comes from")


def _in_tar(file: Path, name: str) -> Iterator[Finding]:
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.name.endswith(_TAR_TEXTS) else None
            if content is not None:
                yield from _in_text(content.read().decode(errors="replace"), f"{name}, {member.name}")


def _in_table(file: Path, name: str) -> Iterator[Finding]:
    """One query over all columns that hold text, however deep."""
    with connect("512MB") as db:
        table = parquet_table([file])
        columns = [
            column
            for column, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
            if "VARCHAR" in kind and "BLOB" not in kind
        ]
        kinds = {**SECRETS, "": PATH}
        for column in columns:
            text = f'"{column}"::VARCHAR'
            tests = ", ".join(f"count(*) FILTER (regexp_matches({text}, $p{i}))" for i in range(len(kinds)))
            values = {f"p{i}": pattern for i, pattern in enumerate(kinds.values())}
            [counts] = db.execute(f"SELECT {tests} FROM {table}", values).fetchall()
            for what, n in zip(kinds, counts, strict=True):
                if n and what:
                    yield Finding(f"{number_of(n, 'cell')} of the column {column} of {name} with {what}", _MEND)
                elif n:
                    said = f"{number_of(n, 'cell')} of the column {column} of {name} with paths of this machine"
                    yield note(said, "take them out where they come from")
