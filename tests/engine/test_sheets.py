"""Tables of text as people and tools write them."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.engine.contract.errors import UserError
from cliploom.engine.storage.encodings import unicode_encoding
from cliploom.engine.storage.sheets import Dialect, SheetRow, read_records, read_sheet


def rows(folder: Path, raw: bytes | str, *needed: str, encoding: str = "utf-8") -> list[SheetRow]:
    path = folder / "list.csv"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode(encoding))
    return list(read_sheet(path, needed))


def cells(folder: Path, raw: bytes | str, encoding: str = "utf-8") -> list[list[str]]:
    found = rows(folder, raw, encoding=encoding)
    assert not any(row.problem for row in found), found
    return [list(row.cells.values()) for row in found]


CELL = st.text(st.sampled_from("ab é日\"'\\,;\t|\n ="), max_size=8)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    table=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_pythons_writer_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], delimiter: str, end: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(["file", "title", "rest"])
    writer.writerows(table)
    found = cells(tmp_path_factory.getbasetemp(), out.getvalue())
    assert found == [row for row in table if any(row)]


@pytest.mark.parametrize(
    "raw",
    [
        "file,title\na,x; y\n",
        "file;title\na;x; y\n".replace("x; y", '"x; y"'),
        "file\ttitle\na\tx; y\n",
        "file|title\r\na|x; y\r\n",
        "sep=,\r\nfile,title\r\na,x; y\r\n",
        "\ufefffile , title\na,x; y",
        "file,title\ra,x; y\r",
        '\n\nfile, "title"\na, "x; y"\n\n,\n',
    ],
)
def test_delimiters_line_ends_and_marks_are_found_out(tmp_path: Path, raw: str) -> None:
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        [row] = rows(tmp_path, raw, encoding=encoding)
        assert row.cells == {"file": "a", "title": "x; y"} and not row.problem


def test_a_known_column_tells_the_delimiter_and_may_be_in_upper_case(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("File_Name;one, two, three\na;b\n")
    assert [row.cells for row in read_sheet(path, known=["file_name"])] == [{"file_name": "a", "one, two, three": "b"}]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'a,"Mother ""and"" child" playing outside', 'Mother "and" child playing outside'),
        (b'a,5" pipe', '5" pipe'),
        (b'a,"never closed', '"never closed'),
        (b'a,"He said "hi, there" and left"', 'He said "hi, there" and left'),
        (b'a,"He said \\"hi\\", twice"', 'He said "hi", twice'),
        (b'a,say ""hi""', 'say ""hi""'),
        (b'a,"one\nline ""more"""', 'one\nline "more"'),
        (b'a,"', '"'),
    ],
)
def test_quotes_in_wrong_places_are_text_and_swallow_no_other_row(tmp_path: Path, raw: bytes, text: str) -> None:
    for after in (b"b,red", b'b,"red"', b'b,"r""e""d"\n'):
        found = rows(tmp_path, b"file,title\n" + raw + b"\n" + after)
        assert [row.cells["title"] for row in found][0] == text
        assert [row.cells["file"] for row in found] == ["a", "b"]
        assert [row.line for row in found] == [2, 3 + raw.count(b"\n")]


def test_rows_that_do_not_fit_the_header_say_so_and_stand_alone(tmp_path: Path) -> None:
    found = rows(tmp_path, b"file,title\na,b,c\nd\ne,\xe9\nf,g,\n")
    assert [row.problem for row in found] == [
        "3 cells, where the header has 2 columns", "", "this is not UTF-8", "",
    ]  # fmt: skip
    assert found[1].cells == {"file": "d"} and found[3].cells == {"file": "f", "title": "g"}


def test_a_cell_of_any_length_is_read_in_no_time(tmp_path: Path) -> None:
    long = 'word "word" ' * 400_000
    started = time.process_time()
    quoted = long.replace('"', '""')
    assert cells(tmp_path, f'file,text\na,"{quoted}"\nb,x\n') == [["a", long], ["b", "x"]]
    many = "".join(f'{i},"line {i}\n' for i in range(5000))
    assert len(rows(tmp_path, f"file,text\n{many}")) == 5000
    assert time.process_time() - started < 5


def test_what_is_no_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read .*nope.csv: No such file"):
        list(read_sheet(tmp_path / "nope.csv"))
    with pytest.raises(UserError, match=r"list.csv:1: there is no column clip_id; did you mean clip id\?") as error:
        rows(tmp_path, "clip id,x\na,b\n", "clip_id")
    assert error.value.hint == "it needs clip_id; it has clip id, x"
    with pytest.raises(UserError, match="there is no column file"):
        rows(tmp_path, b"", "file")
    with pytest.raises(UserError, match="list.csv: this is damaged UTF-16"):
        rows(tmp_path, b"\xff\xfef\x00i\x00\x00\xd8x\x00")
    with pytest.raises(UserError, match="x:2: a line of more than 1 MiB"):
        list(read_records(io.BytesIO(b"a,b\n" + b"x" * (1 << 20) + b"y"), (), "x", 1 << 20)[1])


def test_records_know_where_they_stand_in_the_file() -> None:
    raw = b'a,b\r\n1,"x\r\ny"\r\n\r\n2,z'
    dialect, records = read_records(io.BytesIO(raw), (), "x")
    found = list(records)
    assert dialect == Dialect(b",", ("a", "b"))
    assert [(r.line, r.cells) for r in found] == [(2, [b"1", b"x\r\ny"]), (5, [b"2", b"z"])]
    assert [raw[r.offset : r.offset + len(r.raw)] for r in found] == [r.raw for r in found]
    assert [dialect.cells(r.raw) for r in found] == [r.cells for r in found]


@pytest.mark.parametrize("text", ["1\n00:01 --> 00:02\nHi\n", "1\nПривет\n\n2\nкак дела\n", "1\n你好，世界\n再见\n"])
def test_utf_16_without_a_mark_is_known(text: str) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert unicode_encoding(text.encode(encoding)) == encoding
    for encoding in ("utf-8", "cp1251", "gb18030"):
        assert unicode_encoding(text.encode(encoding, "replace")) == "utf-8"
    assert unicode_encoding(text.encode("utf-16")) == "utf-16"
    assert unicode_encoding(b"") == unicode_encoding(b"a") == unicode_encoding(b"\0\0\0\0") == "utf-8"
