"""The report page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import told

from cliploom.cards.report import render_report
from cliploom.cards.report.funnel import Level, Loss, main_line
from cliploom.cards.report.funnel_chart import NARROW, WIDE, Share, draw_threads
from cliploom.cards.report.histogram import Spread, draw_histogram
from cliploom.cards.report.page import clock
from cliploom.cards.report.thumbnails import HEIGHT_PX, WIDTH_PX, small_picture
from cliploom.cli.screen.outcome import warnings
from cliploom.engine.build import FunnelStage
from cliploom.schemas import Caption, Clip, DatasetEntry, Segment, Tags, Video

VOID = {"meta", "img", "br", "hr", "link", "path", "rect"}


class Page(HTMLParser):
    """A page taken apart; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of that name."""
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def text(self) -> str:
        """What a person reads."""
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told.films(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def html(films: Any) -> str:
    return render_report(films)


def test_it_is_one_page_without_network_and_scripts(html: str) -> None:
    page = Page(html)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert all((img["src"] or "").startswith("data:image/jpeg;base64,") for img in page.all("img"))
    assert all((a["href"] or "").startswith("#") for a in page.all("a"))
    assert not re.search(r"url\(|@import|(src|href)=.?https?://", html)
    assert any("default-src 'none'" in (m.get("content") or "") for m in page.all("meta"))
    assert len(html) < 2_000_000


def test_it_tells_the_build(html: str) -> None:
    text = Page(html).text
    assert "open-films" in text and "23 clips published, 1 min 10 s in all, from 5 videos" in text
    assert "train 20, test 3" in text and "4 text_on_screen" in text and "2 below_conse" in text
    assert 'Big Buck Bunny <excerpt> & "friends"' in text and "What brings you to the land of the gatekeepers?" in text
    assert "red dragon" in text and "captioners.teacher.chat" in text and "took longer than 60 s" in text


def test_what_strangers_wrote_is_escaped(html: str) -> None:
    assert "<script>alert" not in html and "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<excerpt>" not in html


def test_neither_this_machine_nor_secrets_are_told(films: Any, html: str) -> None:
    assert str(films.root) not in html and "…/broken.mp4 of https://films.example/a/b: no" in html
    assert "/home/ada" not in html and "hunter2" not in html


def test_every_clip_shows_its_frames_and_which_captions_lost(html: str) -> None:
    page = Page(html)
    clips = html.split('<article class="clip">')[1:]
    assert len(clips) == 23 and all(1 <= clip.split("</article>")[0].count("<img ") <= 5 for clip in clips)
    first = clips[0]
    rows = re.findall(r"<tr( class=\"won\")?><th scope=\"row\">(\w+)", first)
    assert [(bool(won), teacher) for won, teacher in rows] == [(True, "chat"), (False, "evidence"), (False, "title")]
    assert [float(v) for v in re.findall(r'<td class="num">([\d.]+)</td>', first)] == [0.32, 0.25, 0.18]
    assert all(img["alt"] for img in page.all("img"))
    assert page.text.count("too_dark") >= 2  # in the funnel and on the dropped clip


def test_it_can_be_read_by_all(html: str) -> None:
    page = Page(html)
    assert len(page.all("h1")) == 1 and page.all("html")[0]["lang"] == "en"
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in page.all("a")} <= set(ids)
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_the_number_of_clips_bounds_the_page(films: Any) -> None:
    few = render_report(films, limit=3)
    assert few.count('<article class="clip">') == 3 and few.count("<img ") <= 3 * 5 + 3
    assert "3 of 23, as chance has it" in Page(few).text
    videos = {m for m in re.findall(r"<b><bdi>([^<]*)</bdi></b> <span>", few)}
    assert len(videos) == 3  # spread over the videos


def test_a_build_with_nothing_in_it_has_a_page(tmp_path: Path) -> None:
    stages = [FunnelStage("builders.folder", "source", "videos", 1, 0, 0, 1, 0, 0, {}, {"unreadable": 1}, 0.0)]
    lock = {"name": "none", "cliploom": "9", "shards": 1, "steps": []}
    page = Page(render_report(told.FakeBuild(tmp_path, lock, stages=stages)))
    assert "0 clips left so far" in page.text and "1 failed: unreadable" in page.text
    Page(render_report(told.FakeBuild(tmp_path, lock)))


def test_dropped_parts_of_rows_are_counted_as_in_the_status(tmp_path: Path) -> None:
    stages = [FunnelStage("builders.clips", "split", "clips", 1, 1, 0, 0, 0, 7, {"too_short": 23}, {}, 0.0, parts=23)]
    lock = {"name": "short", "cliploom": "9", "shards": 1, "steps": []}
    html = render_report(told.FakeBuild(tmp_path, lock, stages=stages))
    row = html.partition('<tr><th scope="row">builders.clips')[2].partition("</tr>")[0]
    assert re.findall(r'<td class="num">([^<]*)</td>', row) == ["1", "1", "23", "", "7", ""]


def test_a_build_that_waits_shows_what_no_filter_dropped(tmp_path: Path) -> None:
    clips = [told.clip("v", float(i), i + 1.0) for i in range(3)]
    stages = [FunnelStage("annotation.review", "global", "reviews", 3, 0, 0, 0, 1, 0, {}, {}, 0.0)]
    lock = {"name": "few", "cliploom": "9", "shards": 1, "steps": []}
    said = {"annotation.review": f"3 of 3 are open: fill in {tmp_path}/review/answers.csv"}
    (tmp_path / "waiting.json").write_text(json.dumps(said))
    verdicts = [("filters.keep", clips[0].clip_id, "v", "dull")]
    html = render_report(told.FakeBuild(tmp_path, lock, [told.video("v"), *clips], stages, verdicts))
    text = Page(html).text
    assert "2 clips left so far" in text and str(tmp_path) not in html
    assert "annotation.review waits. 3 of 3 are open: fill in review/answers.csv" in text and "published" not in text
    assert html.count('<article class="clip">') == 2 and "No frame was stored inside this clip." in text


def changed(films: Any, change: Callable[[Any], Any]) -> str:
    """The page of the same films with some rows changed."""
    return render_report(replace(films, rows=[change(row) for row in films.rows]))


HOSTILE = "</h3><script>alert(1)</script>{{ 7 * 7 }}| \u202egnp.exe \x00\n\n# `x`"


@pytest.mark.slow
def test_long_and_hostile_texts_are_cut_off_and_stay_text(films: Any, html: str) -> None:
    def change(row: Any) -> Any:
        if isinstance(row, Caption):
            return replace(row, text=HOSTILE + "wide" * 1_250_000)
        if isinstance(row, Video):
            return replace(row, title=HOSTILE * 1000)
        if isinstance(row, Segment):
            return replace(row, text=HOSTILE * 1000)
        return replace(row, objects=[HOSTILE] * 300) if isinstance(row, Tags) else row

    long = changed(films, change)
    page = Page(long)
    assert len(long) < len(html) + 400_000
    assert not page.all("script") and "{{ 7 * 7 }}" in page.text and "\u202e" not in long and "\x00" not in long


def test_a_caption_that_a_step_repeats_is_counted_and_shown_once(films: Any, html: str) -> None:
    repeats = [
        replace(row, caption_id=f"{row.caption_id}/again", kind="kept")
        for row in films.rows
        if isinstance(row, Caption) and row.kind != "choice"
    ]
    again = render_report(replace(films, rows=[*films.rows, *repeats]))
    assert again.count("<tr") == html.count("<tr")
    assert repeats and Page(again).text == Page(html).text


def test_one_caption_on_many_clips_is_told_on_the_page(films: Any, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    texts = ["Same <b>.", "same <b>. ", "SAME <B>.", "Another."]
    pq.write_table(pa.table({"clip_id": list("abcd"), "caption": texts}), tmp_path / "dataset" / "x.parquet")
    assert "One caption stands on 3 of 4 clips: SAME <B>." in Page(render_report(replace(films, root=tmp_path))).text
    assert "One caption stands" not in render_report(films)
    assert warnings(replace(films, root=tmp_path)) == ["one caption stands on 3 of 4 clips: SAME <B>."]
    assert warnings(films) == []


def test_a_dry_run_is_told_on_the_page(films: Any, html: str) -> None:
    def fake(row: Any) -> Any:
        return replace(row, model="fake") if isinstance(row, Caption) and row.teacher == "title" else row

    assert "This is a dry run. 23 of the captions were made up" in Page(changed(films, fake)).text
    assert "dry run" not in html


def test_clips_over_damage_are_counted_on_the_page(films: Any, html: str) -> None:
    def damage(row: Any) -> Any:
        return replace(row, damaged=0.25 if row.start_s < 5 else 0.0) if isinstance(row, Clip) else row

    kept = {row.clip_id for row in films.rows if isinstance(row, DatasetEntry)}
    n = sum(1 for row in films.rows if isinstance(row, Clip) and row.start_s < 5 and row.clip_id in kept)
    assert f"{n} of 23 clips lie over damaged frames." in Page(changed(films, damage)).text
    assert "damaged frames" not in html


def test_a_caption_that_people_rejected_is_not_shown_as_the_published_one(films: Any) -> None:
    rejected = [r for r in films.rows if isinstance(r, Caption) and r.teacher == "chat"]
    verdicts = [("annotation.review.edits", c.caption_id, c.video_id, "rejected") for c in rejected]
    html = render_report(replace(films, verdicts=[*films.verdicts, *verdicts]))
    assert '<h3 dir="auto">' in html and not any(f'<h3 dir="auto">{escape(c.text)}</h3>' in html for c in rejected)


def test_the_page_counts_a_pass_over_the_videos_once(short: Any) -> None:
    scans = [stage for stage in short.build.funnel() if stage.name.startswith("builders.scan.")]
    assert [bool(stage.seconds) for stage in scans].count(True) == 1
    assert "What one pass wrote has its time in one line." in render_report(short.build)


def test_a_real_build_has_a_page(short: Any, media: Path) -> None:
    html = render_report(short.build)
    page, line = Page(html), main_line(short.build.funnel(), short.build.lock)
    assert "builders.folder" in page.text and page.all("img") and str(media) not in html
    assert [level.unit for level in line][:3] == ["videos", "shots", "clips"]
    assert [level.name for level in line][-1] == "filters.duration"


def stage(name: str, shape: str, table: str, came: int, rows: int, **more: Any) -> FunnelStage:
    said = {"done": came, "dropped": 0, "failed": 0, "waiting": 0, "reasons": {}, "causes": {}, "seconds": 0.0}
    return FunnelStage(**{"name": name, "shape": shape, "table": table, "came": came, "rows": rows, **said, **more})


def test_the_main_line_counts_videos_then_clips() -> None:
    stages = [
        stage("builders.folder", "source", "videos", 4, 4),
        stage("builders.urls", "source", "videos", 2, 2),
        stage("builders.clips", "split", "clips", 6, 30),
        stage("captioners.teacher.vlm", "map", "captions", 30, 29, failed=1, causes={"timeout": 1}),
        stage("filters.keep", "filter", "", 30, 0, done=20, dropped=10, reasons={"few": 1, "many": 9}),
        stage("annotation.review", "global", "reviews", 20, 18, dropped=2, reasons={"rejected": 2}),
        stage("builders.stitch", "split", "clips", 6, 12),
        stage("cards.dataset", "global", "entries", 12, 11, dropped=1, reasons={"no_caption": 1}),
    ]
    lock = {"steps": [{"name": s.name, "step": s.name if s.table == "reviews" else "no.such"} for s in stages]}
    line = main_line(stages, lock)
    assert [(level.name, level.unit, level.rows) for level in line] == [
        ("builders.folder, builders.urls", "videos", 6), ("builders.clips", "clips", 30), ("filters.keep", "clips", 20),
        ("annotation.review", "clips", 18), ("builders.stitch", "clips", 12), ("cards.dataset", "clips", 11),
    ]  # fmt: skip
    assert line[2].losses == (Loss("many", 9, False), Loss("few", 1, False))
    assert [level.made for level in line] == [True, True, False, False, True, False]


def test_a_filter_of_something_else_is_not_in_the_main_line() -> None:
    stages = [
        stage("builders.clips", "split", "clips", 3, 30),
        stage("filters.duration", "filter", "", 30, 0, done=20, dropped=10, reasons={"too_short": 10}),
        stage("annotation.edits", "split", "captions", 30, 30),
        stage("builders.transcripts", "split", "segments", 3, 9, failed=1, causes={"bad": 1}),
    ]
    lock = {"steps": [{"name": s.name, "step": s.name} for s in stages]}
    assert [level.name for level in main_line(stages, lock)] == ["builders.clips", "filters.duration"]


LINES = [
    [],
    [Level("source", "videos", 0, True, (), False)],
    [Level("source", "videos", 1, True, (), False), Level("clips", "clips", 1, True, (), False)],
    [Level("filter", "clips", 3, False, (Loss("x", 4, False),), False)],
    [
        Level("a <b>", "videos", 10_000, True, (Loss("<unreadable>" * 9, 3, True),), False),
        Level("b", "clips", 1_234_567, True, (), False),
        Level("c", "clips", 1_234_560, False, (Loss("odd", 7, False),), True),
        Level("d", "clips", 12, False, (Loss("r1", 1_000_000, False), Loss("r2", 234_548, False)), False),
        Level("e", "clips", 0, False, (Loss("rest", 12, False),), False),
    ],
]


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
@pytest.mark.parametrize("geometry", [WIDE, NARROW], ids=["wide", "narrow"])
def test_threads_of_any_number(line: list[Level], geometry: Any) -> None:
    svg = draw_threads(line, [Share("train", 10), Share("test", 1), Share("<x>", 0)], geometry, "<all>")
    page = Page(svg)
    assert len(page.tags) < 2_000 and "<b>" not in svg and "nan" not in svg and "inf" not in svg
    numbers = [float(n) for d in page.all("path") for n in re.findall(r"-?\d+\.?\d*", d["d"] or "")]
    assert all(-20 <= n <= geometry.width + 800 for n in numbers)
    for level in line:
        assert f"{level.rows:,} " in page.text or level.rows <= 1


def test_one_thread_a_row_while_they_are_few() -> None:
    line = [
        Level("cut", "clips", 9, True, (), False),
        Level("keep", "clips", 6, False, (Loss("a", 2, False), Loss("b", 1, False)), False),
    ]
    page = Page(draw_threads(line, [], WIDE, "x"))
    kinds = [path["class"] for path in page.all("path")]
    assert kinds.count("t") == 9 + 6 and kinds.count("d") == 3


@pytest.mark.parametrize(
    ("everything", "published", "whole"),
    [
        ([1.0], [1.0], False),
        ([1, 1, 1], [], True),
        ([0.0, 0.0], [0.0], False),
        (list(range(500)), list(range(250)), True),
        ([-3.5, 2.25, 1e9], [2.25], False),
        ([1e-7, 2e-7, 3e-7], [1e-7], False),
    ],
)
def test_histograms_of_any_values(everything: list[float], published: list[float], whole: bool) -> None:
    svg = draw_histogram(Spread("<Clip> length", "s", everything, published, whole))
    page = Page(svg)
    assert "nan" not in svg and "<Clip>" not in svg and "inf" not in svg
    ticks = [t for t in page.all("text") if t["class"] == "tick"]
    assert 1 <= len(ticks) <= 8 and all(-0.1 <= float(t["x"] or "") <= 300.1 for t in ticks)
    assert ("median" in page.text) == bool(published)


def test_histogram_bars_count_the_values() -> None:
    svg = draw_histogram(Spread("n", "", [1, 1, 1, 1, 2, 8], [1, 1], True))
    (all_, kept) = (re.findall(r"v-([\d.]+)", p["d"] or "") for p in Page(svg).all("path")[:2])
    assert [float(h) for h in all_] == [76.0, 19.0, 19.0] and [float(h) for h in kept] == [38.0]


@pytest.mark.parametrize("size", [(480, 270), (270, 480), (2048, 64), (16, 16), (1, 900)])
def test_pictures_become_small_and_keep_their_shape(size: tuple[int, int]) -> None:
    width, height = size
    jpeg = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()
    uri = small_picture(jpeg)
    assert uri is not None
    back = cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None and back.shape[1] <= WIDTH_PX and back.shape[0] <= HEIGHT_PX
    if min(size) > 64:
        assert abs(back.shape[1] / back.shape[0] - width / height) < 0.05


@pytest.mark.parametrize("odd", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut short"])
def test_bytes_that_are_no_picture_are_left_out(odd: bytes) -> None:
    assert small_picture(odd) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (7.26, "0:07.3"), (59.96, "1:00.0"), (3765.04, "1:02:45.0")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
