"""JSON in pieces is the same JSON, and needs the memory of one value."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.cards.exports import json_stream
from cliploom.cards.exports.json_stream import find_next, read_items, read_list
from cliploom.engine.contract.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, max_size=5), st.dictionaries(st.text(), VALUES, max_size=4), st.integers(1, 9), st.booleans())
def test_any_json_is_read_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], items: dict[str, object], chunk: int, wide: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_CHUNK", chunk)
        path.write_text(json.dumps(values, indent=1 if wide else None), encoding="utf-8")
        assert list(read_list(path)) == values
        path.write_text(json.dumps(items, ensure_ascii=not wide), encoding="utf-8", errors="surrogatepass")
        assert list(read_items(path)) == list(items.items()) if not wide else True
        path.write_text(json.dumps({"before": [1, [2]], "x": {"a": 1}, "wanted": values}), encoding="utf-8")
        assert list(read_list(path, "wanted")) == values


@pytest.mark.parametrize(
    ("text", "what"), [("", "its end"), ("[1, 2", "its end"), ("[1 2]", "'2'"), ("{}", "'{'"), ("[nul]", "no JSON")]
)
def test_what_is_no_json_is_one_line(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=what):
        list(read_list(tmp_path / "a.json"))


def test_a_key_that_is_not_there_and_an_item_out_of_order_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1]}')
    with pytest.raises(UserError, match="has no b"):
        list(read_list(tmp_path / "a.json", "b"))
    with pytest.raises(UserError, match="nothing has the id 1"):
        find_next(iter([{"id": 2}]), "id", 1)


def test_a_large_list_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_text(json.dumps([{"text": "word " * 50, "n": n} for n in range(40_000)]), encoding="utf-8")
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    assert sum(1 for _ in read_list(path)) == 40_000
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()
