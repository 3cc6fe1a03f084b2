"""Chapters from descriptions, platforms, containers and models, as published and with care."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliploom.builders.chaptering.descriptions import ChapterStart, clean_title, fixed_chapters, published_chapters
from cliploom.builders.chaptering.spans import ChapterRules, ChapterSpan, fixed_spans, published_spans, why_refused
from cliploom.builders.chapters import Chapters, ChaptersInput
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Caption, Chapter, Clip, Video, problem

LIST = "A film about bread.\n\n0:00 Intro\n1:30 - The oven\n01:02:03 | Eating (bonus)\nMail: a@b.org"


def test_a_plain_list_is_read_alike() -> None:
    assert published_chapters(LIST) == [(0, "Intro"), (90, "The oven"), (3723, "Eating (bonus")]
    assert fixed_chapters(LIST) == [(0, "Intro"), (90, "The oven"), (3723, "Eating (bonus)")]
    assert fixed_chapters("") == published_chapters("") == [] == fixed_chapters("0:00 Alone")


@pytest.mark.parametrize(
    ("description", "published", "fixed"),
    [
        ("0:00 - 1:15 Opening\n1:15 – 2:00: Middle",
         [(0, "1:15 Opening"), (75, "2:00: Middle")], [(0, "Opening"), (75, "Middle")]),
        ("Open 18:30 today\n0:00 One\n1:00 Two", [], [(0, "One"), (60, "Two")]),
        ("0:00 One\n1:00 Two\nOn air 18:30 PM",
         [(0, "One"), (60, "Two"), (1110, "On air  PM")], [(0, "One"), (60, "Two")]),
        ("0:00 What?\n0:75 Then!", [(0, "What"), (75, "Then")], []),
        ("[0:00] One\n(2:05) Two", [(0, "One"), (125, "Two")], [(0, "One"), (125, "Two")]),
        ("1. 0:00 One\n2. 2:05 Two", [(0, "1.  One"), (125, "2.  Two")], [(0, "One"), (125, "Two")]),
        ("One 0:00\nTwo http://x.org/9:99 2:05", [(0, "One"), (125, "Two")], [(0, "One"), (125, "Two")]),
        ("0:00 One\n100:05 Two\n120:00 Three", [], [(0, "One"), (6005, "Two"), (7200, "Three")]),
        ("0:00 a\n1:00 b", [], []),
        ("0:00 a\n1:00 bb", [(0, "a"), (60, "bb")], [(0, "a"), (60, "bb")]),
        ("0:00 One\n0:00 Two", [], []),
        ("0:00 One\r\n2:00 Två 🎻\r\n", [(0, "One"), (120, "Två")], [(0, "One"), (120, "Två 🎻")]),
        ("٠:٠٠ One\n١:٠٠ Two", [(0, "One"), (60, "Two")], []),
        ("0:00 -\n1:00 One\n2:00 Two", [(60, "One"), (120, "Two")], [(60, "One"), (120, "Two")]),
        ("01:02:03:04 Tape\n0:00 One\n1:00 Two", [(0, "One"), (60, "Two")], [(0, "One"), (60, "Two")]),
        ("0:00:00 One\n0:01:00 Two", [(0, "One"), (60, "Two")], [(0, "One"), (60, "Two")]),
        ("0:00: 3. Act\n1:00: Two", [(0, "3. Act"), (60, "Two")], [(0, "3. Act"), (60, "Two")]),
        ("0:00 第一章\n1:00 第二章", [(0, "第一章"), (60, "第二章")], [(0, "第一章"), (60, "第二章")]),
    ],
)  # fmt: skip
def test_what_the_two_profiles_make_of_a_list(
    description: str, published: list[tuple[float, str]], fixed: list[tuple[float, str]]
) -> None:
    assert published_chapters(description) == published
    assert fixed_chapters(description) == fixed


def test_of_two_lists_the_longest_counts_then_the_one_from_zero() -> None:
    assert [c.title for c in fixed_chapters("5:00 A1\n6:00 A2\n0:00 B1\n1:00 B2\n2:00 B3")] == ["B1", "B2", "B3"]
    assert [c.title for c in fixed_chapters("5:00 A1\n6:00 A2\n0:00 B1\n1:00 B2")] == ["B1", "B2"]
    assert [c.title for c in fixed_chapters("0:00 A1\n6:00 A2\n0:00 B1\n1:00 B2")] == ["A1", "A2"]


def test_titles_keep_their_signs() -> None:
    assert clean_title(" - ( ) C++ (part 1)! — ") == "C++ (part 1)!" and clean_title(" • … -") == ""


def test_long_descriptions_take_no_time() -> None:
    assert len(fixed_chapters("\n".join(f"{m}:00 Part {m}" for m in range(999)))) == 999
    assert fixed_chapters("1:" * 100_000) == [] == published_chapters(":00 -" * 50_000)


def test_spans_as_published_and_without_what_is_past_the_end() -> None:
    starts = [ChapterStart(0, "One"), ChapterStart(60, "Two"), ChapterStart(200, "Three")]
    assert published_spans(starts, 100) == [(0, 60, "One")]
    assert fixed_spans(starts, 100) == [(0, 60, "One"), (60, 100, "Two")]
    assert fixed_spans([], 100) == published_spans([], 100) == []
    odd = [ChapterStart(50, "B"), ChapterStart(math.nan, "N"), ChapterStart(0, "<Untitled Chapter 1>"), *starts[:1]]
    assert fixed_spans([*odd, ChapterStart(0, "again"), ChapterStart(100, "at the end")], 100) == [
        (0, 50, "One"), (50, 100, "B"),
    ]  # fmt: skip


def test_lists_are_refused_for_a_reason() -> None:
    two = [ChapterSpan(5, 10, "One"), ChapterSpan(10, 30, "Two")]
    assert why_refused(two, ChapterRules()) == ""
    assert why_refused(two, ChapterRules(3)) == "few_chapters" and why_refused([], ChapterRules()) == "no_chapters"
    assert why_refused(two, ChapterRules(from_zero=True)) == "not_from_zero"
    assert why_refused(two, ChapterRules(min_s=10)) == "short_chapter"
    assert why_refused([one._replace(title="x") for one in two], ChapterRules()) == "bare_titles"


def run(video: Video, captions: list[Caption] | None = None, **options: Any) -> tuple[list[Any], list[Any]]:
    with Chapters(**options).open(StepContext(Path("."), {})) as work:
        [made] = work([ChaptersInput(video, captions or [])], frozenset({"clips", "captions"}))
    answers: Any = made
    assert all(isinstance(one, Drop) or problem(one) is None for part in answers.values() for one in part)
    return answers["clips"], answers["captions"]


VIDEO = Video("v", "v", "v", "", 1, description=LIST, duration_s=4000.0, chapters=[
    Chapter(0, 20, "From the container"), Chapter(20, 50, "Its second"),
])  # fmt: skip


def titles(made: tuple[list[Any], list[Any]]) -> list[tuple[float, float, str, str]]:
    clips, captions = made
    of = {c.clip_id: c for c in clips if isinstance(c, Clip)}
    return [(of[c.clip_id].start_s, of[c.clip_id].end_s, c.text, c.teacher) for c in captions if isinstance(c, Caption)]


def test_sources_are_asked_in_order() -> None:
    assert titles(run(VIDEO))[1:] == [
        (90, 3723, "The oven", "description"), (3723, 4000, "Eating (bonus)", "description"),
    ]  # fmt: skip
    assert titles(run(VIDEO, sources=("chapters", "description"))) == titles(run(replace(VIDEO, description="")))
    assert titles(run(replace(VIDEO, description="")))[1] == (20, 4000, "Its second", "chapters")
    short = replace(VIDEO, duration_s=3000.0)
    assert titles(run(short)) == [(0, 90, "Intro", "description"), (90, 3000, "The oven", "description")]
    assert titles(run(short, profile="published", least=1)) == [(0, 90, "Intro", "description")]


def test_chapters_of_a_model_stay_its_own() -> None:
    bare = replace(VIDEO, description="", chapters=[])
    said = [
        Caption(
            f"b_{at}", "v", "b", by, "teacher", f"At {at}", ["p"], "qwen", "7", "hash", "raw", 0, "en", "", at, at + 8
        )
        for by, at in (("chapters", 2000.0), ("chapters", 0.0), ("other", 9.0))
    ]
    clips, captions = run(bare, said, sources=("description", "chapters", "generated"))
    assert titles((clips, captions)) == [(0, 2000, "At 0.0", "chapters"), (2000, 4000, "At 2000.0", "chapters")]
    assert all(
        isinstance(c, Caption) and (c.model, c.prompt_hash, c.start_s) == ("qwen", "hash", None) for c in captions
    )
    dry = [replace(c, teacher="fake") for c in said]
    assert {t[3] for t in titles(run(bare, dry, sources=("generated",)))} == {"fake"}


@pytest.mark.parametrize(
    ("video", "options", "reason"),
    [
        (replace(VIDEO, description="", chapters=[]), {}, "no_chapters"),
        (VIDEO, {"least": 4}, "few_chapters"),
        (replace(VIDEO, duration_s=None), {}, "no_length"),
        (VIDEO, {"sources": ("chapters",), "min_s": 30}, "short_chapter"),
    ],
)
def test_a_video_leaves_with_a_reason(video: Video, options: dict[str, Any], reason: str) -> None:
    clips, captions = run(video, None, **options)
    assert [one.reason for one in clips if isinstance(one, Drop)] == [reason] and captions == []


@pytest.mark.parametrize(("sources", "said"), [(("description",) * 2, "twice"), ((), "no source"), (("x",), "'x'")])
def test_sources_are_known_and_named_once(sources: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Chapters(sources=sources).check([])
