"""Panda-70M's csv: one row a source video, whose clips are lists in the cells, as Python writes them.

Source: ``dataset_dataloading/README.md`` of the authors' repository, and its files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...engine.contract.errors import RowError, UserError, nearest
from ...engine.contract.words import number_of
from ...engine.storage import sheets
from ...engine.storage.encodings import unicode_encoding
from ..stitching.timecode import seconds_of
from .literals import read_list

LISTS = ("timestamp", "caption", "matching_score", "desirable_filtering", "shot_boundary_detection")
"""The columns that hold lists, one entry a clip. The last two came later; copies exist without the last three."""
NEEDED = ("videoID", "url", "timestamp", "caption")
LABELS = (
    "desirable",
    "0_low_desirable_score",
    "1_still_foreground_image",
    "2_tiny_camera_movement",
    "3_screen_in_screen",
    "4_computer_screen_recording",
)
"""Values of ``desirable_filtering``; the score ``undesirable`` is the place in this list, 0 for a desirable clip."""
_LARGEST_BYTES = 16 << 20
"""Of one row. The longest of the released files has some 2 MB, with cells beyond the csv module's own limit."""


class CsvRecord(NamedTuple):
    """Where one row stands in the file."""

    file: str
    dialect: sheets.Dialect
    line: int  # its first, from 1
    offset: int
    size: int


class ClipLine(NamedTuple):
    """What the csv says of one clip."""

    start_s: float
    end_s: float
    caption: str
    score: float | None
    label: str  # one of LABELS, empty where the file has none
    shots: list[tuple[float, float]]  # from the clip's start on; empty where the file has none


class CsvRow(NamedTuple):
    """A row: where it stands, and its text."""

    record: CsvRecord
    raw: bytes


def read_records(file: str) -> Iterator[CsvRow]:
    """The rows of a csv file, one at a time; they are cut apart, and not looked into.

    Raises:
        UserError: the file cannot be read, or has not the columns.
    """
    spelled = {name.lower(): name for name in (*NEEDED, *LISTS)}
    try:
        with open(file, "rb") as raw:
            _check_encoding(file, raw.read(1 << 16))
            raw.seek(0)
            dialect, records = sheets.read_records(raw, spelled, file)
            columns = tuple(spelled.get(name.lower(), name) for name in dialect.columns)
            _check_columns(file, columns)
            dialect = dialect._replace(columns=columns)
            for one in records:
                yield CsvRow(CsvRecord(file, dialect, one.line, one.offset, len(one.raw)), one.raw)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from None


def read_cells(record: CsvRecord, raw: bytes) -> dict[str, str]:
    """The cells of a row by column.

    Raises:
        RowError: ``bad_row``: not UTF-8, too long, or not a cell for each column.
    """
    where, columns = f"line {record.line}", record.dialect.columns
    if len(raw) > _LARGEST_BYTES:
        raise RowError(f"{where}: a row of more than {_LARGEST_BYTES >> 20} MiB", "bad_row")
    try:
        cells = [cell.decode("utf-8") for cell in record.dialect.cells(raw)]
    except UnicodeDecodeError:
        raise RowError(f"{where}: this is not UTF-8", "bad_row") from None
    if len(cells) != len(columns):
        raise RowError(f"{where}: {len(cells)} cells, where the header has {len(columns)} columns", "bad_row")
    return dict(zip(columns, cells, strict=True))


def reread(record: CsvRecord) -> bytes:
    """The text of a row; ``RowError`` (``bad_row``) where the file is gone."""
    try:
        with open(record.file, "rb") as file:
            file.seek(record.offset)
            return file.read(record.size)
    except OSError as error:
        raise RowError(f"cannot read {record.file} again: {error.strerror or error}", "bad_row") from None


def read_lists(cells: Mapping[str, str], where: str) -> dict[str, list[Any]]:
    """The columns of ``LISTS`` that are there, as lists that ``clip_lines`` takes.

    Raises:
        RowError: ``bad_row``, naming the column.
    """
    lists = {}
    for name in LISTS:
        if name in cells:
            try:
                lists[name] = read_list(cells[name])
            except ValueError as error:
                raise RowError(f"{where}, {name}: {error}", "bad_row") from None
    clip_lines(lists, where)
    return lists


def clip_lines(lists: Mapping[str, Sequence[Any]], where: str) -> list[ClipLine]:
    """A row's lists, clip by clip.

    Raises:
        RowError: ``bad_row``: the lists are not equally long, or hold something that makes no clip.
    """
    count = len(lists["timestamp"])
    for name, values in lists.items():
        if len(values) != count:
            raise RowError(
                f"{where}, {name}: {number_of(len(values), 'entry', 'entries')} for {number_of(count, 'clip')}",
                "bad_row",
            )
    made = []
    for at in range(count):
        try:
            made.append(_clip({name: values[at] for name, values in lists.items()}))
        except ValueError as error:
            raise RowError(f"{where}, clip {at}: {error}", "bad_row") from None
    spans = {(round(c.start_s * 1000), round(c.end_s * 1000)) for c in made}
    if len(spans) < count:
        raise RowError(f"{where}: two clips have the same times", "bad_row")
    return made


def _clip(said: Mapping[str, Any]) -> ClipLine:
    start_s, end_s = _span(said["timestamp"])
    caption, score, label = said["caption"], said.get("matching_score"), said.get("desirable_filtering", "")
    if not isinstance(caption, str):
        raise ValueError(f"its caption is no text: {caption!r:.40}")
    if score is not None:
        score = _number(score)
    if label not in ("", *LABELS):
        raise ValueError(f"there is no label {label!r:.40}{nearest(str(label), LABELS)}")
    shots = said.get("shot_boundary_detection", [])
    if not isinstance(shots, list):
        raise ValueError(f"its shots are no list: {shots!r:.40}")
    return ClipLine(start_s, end_s, caption, score, label, [_span(shot, True) for shot in shots])


def _number(score: Any) -> float:
    try:
        number = math.nan if isinstance(score, (bool, str)) else float(score)
    except (TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"its matching_score is no number: {score!r:.40}")
    return number


def _span(said: Any, may_be_empty: bool = False) -> tuple[float, float]:
    """Its end may be its start where it is a shot: TransNetV2 tells of a last shot of one frame so."""
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(one, str) for one in said):
        raise ValueError(f"a span is two times as text, not {said!r:.60}")
    start_s, end_s = (seconds_of(one) for one in said)
    if start_s > end_s or (start_s == end_s and not may_be_empty):
        raise ValueError(f"it ends at {said[1]}, not after its start, {said[0]}")
    return start_s, end_s


def _check_encoding(file: str, start: bytes) -> None:
    if not start.strip():
        raise UserError(f"{file} is empty; it should be one of Panda-70M's csv files")
    encoding = unicode_encoding(start)
    if not encoding.startswith("utf-8"):
        raise UserError(f"{file} is {encoding.upper()}", "save it as UTF-8")


def _check_columns(file: str, columns: Sequence[str]) -> None:
    for name in NEEDED:
        if name not in columns:
            there = ", ".join(columns)[:200]
            raise UserError(f"{file}: there is no column {name}{nearest(name, columns)}", f"its columns are {there}")
