"""Column tables for docs and card."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliploom.schemas import ROWS, Clip, Evidence, Tags, arrow_schema
from cliploom.schemas.tables import column_table, markdown_text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_every_column_has_a_line_with_its_meaning(row: type) -> None:
    schema = arrow_schema(row)
    lines = column_table(schema).splitlines()
    assert len(lines) == 2 + len(schema)
    for field, line in zip(schema, lines[2:], strict=True):
        assert line.startswith(f"| `{field.name}` | ") and line.count(" | ") == 3
        assert field.metadata[b"doc"].decode() in line


def test_types_units_and_ranges_are_in_words() -> None:
    lines = {line.split("`")[1]: line for line in column_table(arrow_schema(Clip)).splitlines()[2:]}
    assert lines["start_s"] == "| `start_s` | float | s | start |"
    assert lines["shots"].startswith("| `shots` | list of {start_s, end_s} | ")
    assert lines["file"].startswith("| `file` | text? | ")
    assert "| `none`, `copy`, `smart`, `encode` |" in lines["cut"]
    assert "| s, ≥ 0 |" in lines["video_s"]
    assert "| 0 to 255 |" in column_table(arrow_schema(Evidence))
    assert "| list of text |" in column_table(arrow_schema(Tags))


def test_a_meaning_cannot_break_the_table() -> None:
    schema = pa.schema([pa.field("a", pa.int64(), metadata={"doc": "one | <b>two</b>"})])
    assert column_table(schema).splitlines()[2] == "| `a` | int? |  | one \\| &lt;b>two&lt;/b> |"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words, 3.5 s", "plain words, 3.5 s"),
        ("a | b", "a \\| b"),
        ("two\n\nlines\r\n# no heading", "two lines \\# no heading"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("[click](https://evil.example)", "\\[click\\](https:&#47;&#47;evil.example)"),
        ("WWW.evil.example", "www&#46;evil.example"),
        ("`code` *bold* _it_ ~~no~~ $x$", "\\`code\\` \\*bold\\* \\_it\\_ \\~\\~no\\~\\~ \\$x\\$"),
        ("me@evil.example", "me&#64;evil.example"),
        ("already &lt; said", "already &amp;lt; said"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_text_stays_text(text: str, expected: str) -> None:
    assert markdown_text(text) == expected


@given(st.text(max_size=60))
def test_text_never_opens_anything(text: str) -> None:
    made = markdown_text(text)
    assert "<" not in made and "\n" not in made and "://" not in made and "@" not in made
    bare = made.replace("\\\\", "")
    assert not any(f"{mark}" in bare.replace(f"\\{mark}", "") for mark in "|`*_[]")
