"""MetaCLIP's entries: found as the plain loop finds them, and made by the published rules."""

from __future__ import annotations

import gzip
import json
from math import log2
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliploom.annotation.concepts import Concepts
from cliploom.annotation.metaclip.matcher import EntryMatcher
from cliploom.annotation.metaclip.metadata import (
    NgramCounts,
    bound_pairs,
    count_ngrams,
    frequent,
    merge_sources,
    most_frequent,
    pmi,
    read_entries,
    split_words,
    viewed_titles,
    wordnet_names,
)
from cliploom.annotation.metaclip.spacing import match_one_by_one, pattern_of, space_text
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import StepContext
from cliploom.engine.storage.sql import connect
from cliploom.schemas import Caption, TagLabels, to_arrow

PIECES = [
    *"aab  ..,!`'-\n\t\r\x00",
    "é",
    "中",
    "文",
    "ก",
    "か",
    "—",
    "“",
    "ÿ",
    "\ud800",
    "abcdefg",
    "abcdefgh",
    "bcdefghij",
]
texts_ = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)


@settings(max_examples=400)
@given(st.lists(texts_, max_size=12), st.lists(texts_, max_size=8), st.sampled_from(["v1", "v2"]))
def test_the_matcher_finds_what_the_plain_loop_finds(entries: list[str], texts: list[str], rule: str) -> None:
    found = EntryMatcher.of(entries, rule).match(texts).lists(len(texts))
    assert found == [match_one_by_one(text, entries, rule) for text in texts]


def test_case_blanks_and_marks_count() -> None:
    entries = ["dog", "hot dog", "Dog", "dogs", "U.S.", "e", ",", "well-known"]
    said = [
        " a hot dog, a dog.",
        "hot  dog",
        "a Dog!",
        "dogs",
        "the U.S. e.g. this",
        'a "dog"',
        "a well-known\tdog",
        "",
    ]
    found = [[entries[n] for n in one] for one in EntryMatcher.of(entries).match(said).lists(len(said))]
    assert found == [
        ["dog", "hot dog", ","], ["dog"], ["Dog"], ["dogs"], ["e"], [], ["dog", "well-known"], [],
    ]  # fmt: skip
    assert space_text("a,b\tc") == " a , b c "


def test_v2_needs_no_blank_beside_scripts_without_them() -> None:
    patterns = ["猫", "ねこ", "แมว", "고양이", "Yahoo!", "(sic)", "A級", "cat"]
    assert [pattern_of(entry, "v2") for entry in patterns] == [
        "猫", " ねこ ", "แมว", " 고양이 ", " Yahoo!", "(sic)", " A級", " cat ",
    ]  # fmt: skip
    matcher = EntryMatcher.of(patterns, "v2")
    assert matcher.match(["黒猫がいる", "ねこがいる", "A級だ(sic)", "concat cat"]).lists(4) == [[0], [], [5, 6], [7]]


def test_equal_entries_are_all_found_and_many_texts_keep_their_numbers() -> None:
    matcher = EntryMatcher.of(["b", "a", "b", "a b"])
    assert matcher.match(["a b"] * 20_000 + ["b"]).lists(20_001)[-2:] == [[0, 1, 2, 3], [0, 2]]
    assert EntryMatcher.of([]).match(["a", ""]).lists(2) == [[], []]
    assert matcher.match([]).lists(0) == []
    with pytest.raises(ValueError, match="no rule"):
        EntryMatcher.of(["a"], "v3")


def test_it_is_built_once_and_mapped_from_the_cache(tmp_path: Path) -> None:
    entries = ["dog", "hot dog", "猫"]
    first = EntryMatcher.cached(entries, "v2", tmp_path)
    [folder] = (tmp_path / "matchers").iterdir()
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    again = EntryMatcher.cached(entries, "v2", tmp_path)
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    assert again.words.slots.base is not None and not again.words.slots.flags.writeable
    said = ["a hot dog", "黒猫"]
    assert first.match(said).lists(2) == again.match(said).lists(2) == [[0, 1], [2]]
    EntryMatcher.cached(entries, "v1", tmp_path)
    assert len(list((tmp_path / "matchers").iterdir())) == 2


def test_words_and_pairs_are_counted() -> None:
    assert split_words("Tom's café, 東京 tower") == ["Tom", "'", "s", "café", ",", "東", "京", "tower"]
    counts = count_ngrams(["New York, New <b>York</b> city", "york"])
    assert counts.unigrams == {"New": 2, "York": 2, "city": 1, "york": 1}
    assert counts.bigrams == {"New York": 2, "York city": 1}
    assert pmi(counts) == {"New York": log2(2 * 6) - log2(4), "York city": log2(6) - log2(2)}
    assert bound_pairs(counts, 1.58) == ["New York", "York city"]  # both log2(3), by name
    assert bound_pairs(counts, 1.58, 2) == ["New York"] and bound_pairs(counts, 1.6) == []
    assert bound_pairs(NgramCounts(counts.unigrams, type(counts.bigrams)())) == []
    assert frequent(counts.unigrams, 2) == ["New", "York"]
    assert most_frequent({"a": 3, "b": 2, "c": 1}, 0.7, 5) == ["a", "b"] and most_frequent({"a": 1}, 1, 0) == []


def test_titles_are_those_that_many_look_at() -> None:
    lines = [
        "en Main_Page 60 0",
        "en Main_Page 40 0",
        "en Main_Page 50 0",
        "en Talk:Cat 900 0",
        "de Katze 900 0",
        "en x",
    ]
    assert viewed_titles([*lines, "en Cat 69 0", "en Dog 70 0"]) == ["Main Page", "Dog"]


def test_sources_are_merged_in_order() -> None:
    assert merge_sources([["1", ""], ["dog", "1", "!"], ["cat", "cow"]], limit=3) == ["1", "dog", "cat"]
    assert merge_sources([["…", "()", "“”", "a" * 5]], longest=4) == ["…"]
    assert merge_sources([["()"]]) == ["()"]


def test_wordnets_synsets_have_their_first_lemmas_name(tmp_path: Path) -> None:
    lines = {
        "noun": ["  1 licence", "00001740 03 n 01 Entity 0 001 ~ 0 n | x", "2 18 n 02 Dr._Who 0 physician 0 000 | x"],
        "verb": ["1 29 v 01 take_a_breath 0 000 | x"],
        "adj": ["1 00 a 01 galore(ip) 0 000 | x", "2 00 a 01 able(p) 0 000 | x"],
        "adv": ["1 02 r 01 a_cappella 0 000 | x"],
    }
    for part, said in lines.items():
        (tmp_path / f"data.{part}").write_text("\n".join(said) + "\n")
    assert wordnet_names(tmp_path) == ["galore", "able", "a cappella", "entity", "dr", "take a breath"]


def test_lists_of_entries_are_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('["dog", "hot dog", "猫"]', encoding="utf-8")
    (tmp_path / "m.txt.gz").write_bytes(gzip.compress(b"dog\r\n\nhot dog\n"))
    assert read_entries(tmp_path / "m.json") == ["dog", "hot dog", "猫"]
    assert read_entries(tmp_path / "m.txt.gz") == ["dog", "hot dog"]
    for said, why in (("{}", "JSON list"), ("[1]", "JSON list"), ("[", "no JSON"), ("[]", "no entries")):
        (tmp_path / "bad.json").write_text(said)
        with pytest.raises(UserError, match=why):
            read_entries(tmp_path / "bad.json")
    with pytest.raises(UserError, match="cannot read"):
        read_entries(tmp_path / "none.txt")


def captions(*said: str) -> list[Caption]:
    return [Caption(f"c{n}", "v", f"k{n}", "t", "source", text, [], "m", "1") for n, text in enumerate(said)]


def labels(root: Path, rows: list[Caption], **options: object) -> list[TagLabels]:
    step = Concepts(**options)  # type: ignore[arg-type]
    step.check([])
    with connect() as db, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPLOOM_CACHE", str(root / "cache"))
        db.register("captions", to_arrow(Caption, rows))
        return list(step.rows(db, StepContext(root, {"": Path("media/concepts")})))


def test_a_build_makes_the_list_and_finds_it(tmp_path: Path) -> None:
    said = ["a red bus", "a red bus in London", "two cats", ""]
    found = labels(tmp_path, captions(*said), word_count=2, pair_pmi=1.5)
    entries = json.loads((tmp_path / "concepts" / "metadata.json").read_text())
    assert entries[100:] == ["a", "bus", "red", "in London", "two cats", "a red", "red bus", "bus in"]
    assert [[entries[n] for n in row.numbers] for row in found] == [
        ["a", "bus", "red", "a red", "red bus"],
        ["a", "bus", "red", "in London", "a red", "red bus", "bus in"],
        ["two cats"],
        [],
    ]
    assert {row.vocabulary for row in found} == {found[0].vocabulary} and found[0].labels_id == "c0"
    assert '\n101,"bus",2\n' in (tmp_path / "concepts" / "counts.csv").read_text()
    frozen = str(tmp_path / "concepts" / "metadata.json")
    again = labels(tmp_path, captions(*said, "a bus"), metadata=frozen, sheet="again")
    assert again[:4] == found and [entries[n] for n in again[4].numbers] == ["a", "bus"]


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for option in ("metadata", "corpus", "titles"):
        with pytest.raises(UserError, match=f"concepts.{option}: there is no file"):
            Concepts(**{option: str(tmp_path / "none")}).check([])  # type: ignore[arg-type]
    with pytest.raises(UserError, match="plain folder name"):
        Concepts(sheet="a/b").check([])
