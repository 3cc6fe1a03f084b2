"""Videos from the web: what comes, what each failure is called, and how hard a host is asked."""

from __future__ import annotations

import asyncio
import csv
import errno
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web import PAGE, Reply, Web, serving

from cliploom.builders.downloads import direct, faults, session
from cliploom.builders.downloads.direct import DirectClient
from cliploom.builders.downloads.faults import ADVICE, POLICIES, FetchError, retry_after_s, status_fault
from cliploom.builders.downloads.hosts import Hosts
from cliploom.builders.downloads.options import DownloadOptions
from cliploom.builders.downloads.robots import Robots, opt_out, page_opt_out
from cliploom.builders.downloads.site_faults import kind_of_text
from cliploom.builders.downloads.targets import full_address
from cliploom.builders.source_clips import SourceClips
from cliploom.builders.urls import Urls
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.contract.step import Drop
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Video
from cliploom.testing import run_step

MEDIA = Path(__file__).parents[1] / "media"
VIDEO = (MEDIA / "sintel_trailer_270p.mp4").read_bytes()
SMALL = (MEDIA / "made_tiny_16x16.mp4").read_bytes()
OTHER = (MEDIA / "made_odd_size_321x181_444.mp4").read_bytes()
TRANSPORT = Reply((MEDIA / "made_mpegts.ts").read_bytes(), "video/mp2t")


def fetch(urls: list[str], root: Path, **options: Any) -> dict[str, Any]:
    """What the step says of each address: a video, a drop or an error."""
    step = Urls(tuple(urls), **{"allow_private": True, "cool_down_s": 0.0, **options})
    items = list(step.find())
    said = run_step(step, items, root)
    return {
        item.payload[0].url: one if isinstance(one, RowError) else one[0] for item, one in zip(items, said, strict=True)
    }


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """One server for all tests here."""
    with serving() as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries."""
    for kind, policy in POLICIES.items():
        monkeypatch.setitem(faults.POLICIES, kind, policy._replace(pause_s=0.0))


def test_every_failure_has_its_word(web: Web, tmp_path: Path, quick: None) -> None:
    page = Reply((MEDIA / "made_html_error_page.mp4").read_bytes(), "text/html")
    noai = (("X-Robots-Tag", "otherbot: noai"), ("X-Robots-Tag", "noindex, noai"))
    wrong = {
        web.url + "/gone.mp4": "removed",
        web.says("/410.mp4", Reply(b"", status=410)): "removed",
        web.says("/401.mp4", Reply(b"", status=401)): "login",
        web.says("/403.mp4", Reply(b"", status=403)): "forbidden",
        web.says("/451.mp4", Reply(b"", status=451)): "geo_blocked",
        web.says("/500.mp4", Reply(b"", status=500)): "server_error",
        web.says("/429.mp4", Reply(b"", status=429)): "rate_limited",
        web.says("/page.mp4", page): "not_media",
        web.says("/hidden.mp4", page._replace(kind="video/mp4")): "not_media",
        web.says("/json.mp4", Reply(b'{"error": 1}', "application/json")): "not_media",
        web.says("/random.mp4", Reply((MEDIA / "made_random_bytes.mp4").read_bytes())): "not_media",
        web.says("/empty.mp4", Reply(b"")): "truncated",
        web.says("/cut.mp4", Reply(VIDEO[:400_000], length=len(VIDEO))): "truncated",
        web.says("/half.mp4", Reply((MEDIA / "made_truncated_moov_front.mp4").read_bytes())): "truncated",
        web.says("/noai.mp4", Reply(SMALL, headers=noai)): "opted_out",
        web.says("/large.mp4", Reply(VIDEO)): "too_large",
        web.says("/file.mp4", Reply(b"", status=302, headers=(("Location", "file:///etc/hostname"),))): "bad_address",
        web.says("/round.mp4", Reply(b"", status=302, headers=(("Location", "/round.mp4"),))): "network",
        "http://127.0.0.1:9/a.mp4": "network",
        "ftp://127.0.0.1/a.mp4": "bad_address",
    }
    said = fetch([*wrong], tmp_path, max_mb=1)
    assert {url: getattr(one, "kind", one) for url, one in said.items()} == wrong
    assert set(wrong.values()) <= ADVICE.keys()
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == []
    assert [url for url, one in said.items() if url not in one.message] == []


def test_what_comes(web: Web, tmp_path: Path, quick: None) -> None:
    web.says("/robots.txt", Reply(b"User-agent: *\nDisallow: /closed/\n", "text/plain"))
    tagged = (("ETag", '"1"'),)
    paths = {
        "plain": web.says("/plain.mp4", Reply(SMALL)),
        "same": web.says("/same.webm", Reply(SMALL, "application/octet-stream")),
        "moved": web.says("/moved.mp4", Reply(b"", status=301, headers=(("Location", "/plain.mp4"),))),
        "later": web.says("/later.mp4", Reply(b"", status=503, headers=(("Retry-After", "0"),)), Reply(OTHER)),
        "slower": web.says("/slower.mp4", Reply(b"", status=429, headers=(("Retry-After", "0"),)), Reply(OTHER)),
        "cut": web.says("/cut2.mp4", Reply(VIDEO[:400_000], headers=tagged, length=len(VIDEO)),
                        Reply(VIDEO, headers=tagged)),
        "changed": web.says("/changed.mp4", Reply(VIDEO[:400_000], headers=tagged, length=len(VIDEO)),
                            Reply(OTHER, headers=(("ETag", '"2"'),))),
        "closed": web.says("/closed/a.mp4", Reply(SMALL)),
    }  # fmt: skip
    said = fetch([*paths.values()], tmp_path)
    got = {name: said[url] for name, url in paths.items()}
    assert got.pop("closed").kind == "opted_out" and "/closed/a.mp4" not in web.paths()
    assert all(isinstance(one, Video) for one in got.values()), got
    assert {name: Path(one.path).read_bytes() for name, one in got.items()} == {
        "plain": SMALL, "same": SMALL, "moved": SMALL, "later": OTHER, "slower": OTHER, "cut": VIDEO, "changed": OTHER,
    }  # fmt: skip
    assert "bytes=400000-" in web.ranges, "the rest alone was fetched"
    assert Path(got["same"].path).suffix == ".mp4", "its bytes say what it is, not its name"
    one, other = Path(got["plain"].path), Path(got["same"].path)
    assert one != other and one.samefile(other) and got["plain"].sha256 == got["same"].sha256, "stored once"
    told = json.loads(got["moved"].metadata)["download"]
    assert told["address"] == paths["plain"] and told["robots"] == "allowed"
    assert json.loads(got["cut"].metadata)["download"]["ETag"] == '"1"'
    assert not list((one.parent / "unfinished").iterdir())
    assert any(agent.startswith("cliploom/") for agent in web.agents)
    web.replies.pop("/robots.txt")
    asked = len(web.asked)
    again = fetch([*paths.values()][:3], tmp_path)
    assert [again[url].path for url in [*paths.values()][:3]] == [got[n].path for n in ("plain", "same", "moved")]
    assert len(web.asked) == asked, "nothing is fetched twice"


def test_pages_and_fragments_come_through_yt_dlp(web: Web, tmp_path: Path, quick: None) -> None:
    film = web.says("/film.mp4", Reply(VIDEO))
    chapters = [{"@type": "Clip", "name": "One", "startOffset": 0, "endOffset": 5}]
    page = web.page("/watch", film, name="A film", description="By Ada", uploadDate="2020-01-02", hasPart=chapters)
    og = b'<meta property="og:video" content="%s"><meta property="og:title" content="Og">' % film.encode()
    graph = web.says("/og", Reply(PAGE % (og, b""), "text/html"))
    shy = web.says("/shy", Reply(PAGE % (b'<meta name="robots" content="noindex, noai">', b""), "text/html"))
    listed = web.playlist(a=TRANSPORT)
    odd = web.says("/odd.mp4", web.replies["/list.m3u8"][0])
    lost = web.says("/lost.m3u8", Reply(web.replies["/list.m3u8"][0].body + b"#EXTINF:9,\nnone.ts\n", "audio/mpegurl"))
    said = fetch([page, graph, shy, listed, odd, lost], tmp_path)
    one = said[page]
    assert isinstance(one, Video), one
    assert (one.title, one.description, one.chapters[0].title) == ("A film", "By Ada", "One")
    assert json.loads(one.metadata)["timestamp"] and Path(one.path).read_bytes() == VIDEO
    assert said[graph].title == "Og" and said[shy].kind == "opted_out"
    assert said[listed].duration_s and said[odd].sha256 == said[listed].sha256
    assert said[lost].kind == "truncated"


def test_files_of_object_stores_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    """fsspec's store in memory stands for one far away."""
    import fsspec

    from cliploom.builders.downloads import addresses

    monkeypatch.setattr(addresses, "STORES", frozenset(("memory",)))
    for name, raw in (("film.mp4", SMALL), ("empty.mp4", b""), ("text.mp4", b"no video")):
        fsspec.filesystem("memory").pipe_file(f"/films/{name}", raw)
    urls = [f"memory://films/{name}" for name in ("film.mp4", "empty.mp4", "text.mp4", "none.mp4")]
    said = fetch(urls, tmp_path)
    assert Path(said[urls[0]].path).read_bytes() == SMALL and said[urls[0]].uri == urls[0]
    assert [said[url].kind for url in urls[1:]] == ["truncated", "not_media", "removed"]


def test_playlists_are_listed_once(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPLOOM_CACHE", str(tmp_path / "cache"))
    one, two = (web.says(f"/entry{n}.mp4", Reply(SMALL)) for n in (1, 2))
    items = "".join(f"<item><title>T{n}</title><link>{url}</link></item>" for n, url in enumerate((one, two)))
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title>{items}</channel></rss>'
    url = web.says("/feed", Reply(feed.encode(), "application/rss+xml"))
    step = Urls((one,), playlists=(url,), allow_private=True)
    found = list(step.find())
    assert [item.payload[0].url for item in found] == [one, two]
    assert found[1].payload[0].line.told == {"title": "T1", "playlist": url}
    asked = len(web.asked)
    assert [item.digest for item in step.find()] == [item.digest for item in found] and len(web.asked) == asked
    with pytest.raises(UserError, match="cannot list .*404"):
        [*Urls(playlists=(f"{web.url}/none",), allow_private=True).find()]
    with pytest.raises(UserError, match="allow_private"):
        [*Urls(playlists=(f"{url}?",)).find()]


def test_addresses_of_this_machine_are_refused(web: Web, tmp_path: Path) -> None:
    web.says("/a.mp4", Reply(SMALL))
    port, before = web.server.server_port, len(web.asked)
    spelled = ("127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0x7f000001", "127.1", "0.0.0.0")
    said = fetch([f"http://{host}:{port}/a.mp4" for host in spelled], tmp_path, allow_private=False, obey=False)
    assert {url: one.kind for url, one in said.items() if one.kind != "private_address"} == {}
    assert len(web.asked) == before


def test_a_redirect_into_this_machine_is_refused(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for the public address that leads to a private one."""
    from cliploom.builders.downloads import connections

    outside = connections.is_public
    monkeypatch.setattr(connections, "is_public", lambda host: host == "127.0.0.1" or outside(host))
    port = web.server.server_port
    urls = [
        web.says(f"/to{n}.mp4", Reply(b"", status=302, headers=(("Location", f"http://{host}:{port}/secret.mp4"),)))
        for n, host in enumerate(("127.0.0.2", "localtest.invalid@127.0.0.2", "0x7f000002"))
    ]
    said = fetch(urls, tmp_path, allow_private=False)
    assert {one.kind for one in said.values()} == {"private_address"} and "/secret.mp4" not in web.paths()


def test_the_sockets_themselves_are_watched(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where no check of names saw it."""
    monkeypatch.setattr(direct, "check_address", lambda *_: None)
    url = web.says("/b.mp4", Reply(SMALL))
    before = len(web.asked)
    assert fetch([url], tmp_path, allow_private=False, obey=False)[url].kind == "private_address"
    assert len(web.asked) == before


def test_each_host_is_asked_gently(web: Web, tmp_path: Path) -> None:
    urls = [web.says(f"/gentle{n}.mp4", Reply(SMALL, hold_s=0.02)) for n in range(12)]
    web.most = 0
    step = Urls(tuple(urls), per_host=3, allow_private=True)
    run_build(Recipe("web", (step,), shards=1), tmp_path / "a", RunOptions(workers=1))
    assert web.most == 3
    web.times_s.clear()
    step = Urls(tuple(urls[:5]), per_host=2, delay_s=0.05, obey=False, allow_private=True)
    run_build(Recipe("web", (step,), shards=1), tmp_path / "b", RunOptions(workers=1))
    assert web.times_s[-1] - web.times_s[0] > 0.9 * 4 * 0.05


def test_a_host_that_asks_for_proof_of_no_robot_is_left_alone() -> None:
    async def ask() -> None:
        hosts = Hosts(2, 0.0, 0.05)
        began = time.monotonic()
        hosts.cool("a", "rate_limited", None)
        async with hosts.slot("a"):
            assert time.monotonic() - began >= 0.05
        for _ in range(3):
            hosts.cool("a", "bot_check", None)
        with pytest.raises(FetchError, match="again") as caught:
            async with hosts.slot("a"):
                raise AssertionError
        assert caught.value.kind == "bot_check"
        hosts.cool("b", "rate_limited", 7200.0)
        with pytest.raises(FetchError, match=r"b asks to wait 7\d\d\d s more"):
            async with hosts.slot("b"):
                raise AssertionError
        async with hosts.slot("c"):
            pass

    asyncio.run(ask())


def test_a_full_disk_ends_the_build(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = web.says("/c.mp4", Reply(SMALL))

    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(direct, "_write", write)

    async def ask() -> None:
        options = DownloadOptions(allow_private=True)
        async with session.open_session(options) as client:
            await DirectClient(client, options).fetch(url, tmp_path / "part")

    with pytest.raises(UserError, match="no space is left"):
        asyncio.run(ask())


def test_the_first_line_of_a_failing_run_is_the_cause_and_what_to_do(web: Web, tmp_path: Path, quick: None) -> None:
    urls = [web.says(f"/no{n}.mp4", Reply(b"", status=403)) for n in range(25)]
    recipe = Recipe("web", (Urls(tuple(urls), allow_private=True),), shards=1, max_bad=0.5)
    with pytest.raises(UserError) as caught:
        run_build(recipe, tmp_path, RunOptions(workers=1))
    first = str(caught.value).splitlines()[0]
    assert first.startswith("builders.urls: ") and f"x forbidden: {ADVICE['forbidden']}; " in first
    from cliploom.cli.screen.funnel import failures

    build = Build.read(tmp_path)
    assert f"x forbidden: {ADVICE['forbidden']}"[:60] in failures(build, build.funnel())[0]


def test_a_list_carries_its_columns_and_licences(web: Web, tmp_path: Path) -> None:
    film = web.says("/list.mp4", Reply(VIDEO))
    small = web.says("/small.mp4", Reply(SMALL))
    file = tmp_path / "list.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["url", "caption", "start", "end", "license", "uploader", "colour", "withdrawn"])
        rows.writerow([film, "A gate.", "1", "3", "CC BY 4.0", "Ada", "red", ""])
        rows.writerow([film, "A girl.", "5", "8.5", "CC BY 4.0", "Ada", "red", ""])
        rows.writerow([small, "x", "", "", "CC BY-NC 4.0", "Bob", "", ""])
        rows.writerow([f"{web.url}/lost.mp4", "y", "", "", "CC BY 4.0", "Bob", "", "true"])
        rows.writerow(["", "no address", "", "", "", "", "", ""])
    step = Urls(list=str(file), licenses=("cc-by-4.0",), allow_private=True)
    run_build(Recipe("web", (step, SourceClips()), shards=1, max_bad=1.0), tmp_path / "b", RunOptions(workers=1))
    db = Build.read(tmp_path / "b").connect()
    ((uri, license_, uploader, metadata),) = db.execute(
        "SELECT uri, license, uploader, metadata FROM videos"
    ).fetchall()
    assert (uri, license_, uploader) == (film, "CC BY 4.0", "Ada") and json.loads(metadata)["colour"] == "red"
    assert db.execute("SELECT start_s, end_s FROM clips ORDER BY 1").fetchall() == [(1.0, 3.0), (5.0, 8.5)]
    reasons = db.execute("SELECT reason, detail FROM verdicts ORDER BY 1").fetchall()
    assert reasons == [("license", "CC BY-NC 4.0"), ("withdrawn", "the list says so")]
    assert [kind for (kind,) in db.execute("SELECT kind FROM errors").fetchall()] == ["bad_row"]
    assert "/small.mp4" not in web.paths() and "/lost.mp4" not in web.paths()


def test_only_the_seconds_that_captions_are_about_are_fetched(web: Web, tmp_path: Path) -> None:
    film = web.says("/long.mp4", Reply(VIDEO))
    file = tmp_path / "spans.jsonl"
    spans = ((10.0, 12.0), (30.5, 33.0), (99, 100))
    rows = [{"url": film, "caption": f"From {s}.", "start": s, "end": e} for s, e in spans]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    web.sent_of.clear()
    step = Urls(list=str(file), only_spans=True, allow_private=True)
    run_build(Recipe("web", (step, SourceClips()), shards=1), tmp_path / "b", RunOptions(workers=1))
    db = Build.read(tmp_path / "b").connect()
    found = db.execute(
        "SELECT c.start_s, c.end_s, v.path, v.duration_s, v.metadata FROM clips c JOIN videos v USING (video_id)"
        " ORDER BY json_extract(v.metadata, '$.download.begins_s')::DOUBLE"
    ).fetchall()
    assert len(found) == 2 and [kind for (kind,) in db.execute("SELECT kind FROM errors").fetchall()] == ["past_end"]
    for (start_s, end_s, path, length_s, metadata), (wanted_s, until_s) in zip(found, spans[:2], strict=True):
        begins_s = json.loads(metadata)["download"]["begins_s"]
        assert begins_s <= wanted_s and (start_s + begins_s, end_s + begins_s) == pytest.approx(
            (wanted_s, until_s), abs=0.001
        )
        assert length_s < 20 and same_picture(path, start_s, wanted_s)
    assert web.sent_of["/long.mp4"] < 1.3 * len(VIDEO), "two parts, and three looks at 128 KiB"


def same_picture(path: str, at_s: float, source_s: float) -> bool:
    """Whether a part shows at a time what the film shows at another."""
    import av
    import numpy as np

    def picture(file: str, when_s: float) -> Any:
        with av.open(file) as container:
            for frame in container.decode(video=0):
                if frame.time is not None and frame.time >= when_s - 0.001:
                    return frame.to_ndarray(format="gray")
        raise AssertionError("it is shorter")

    one, other = picture(path, at_s), picture(str(MEDIA / "sintel_trailer_270p.mp4"), source_s)
    return bool(np.abs(one.astype(int) - other.astype(int)).mean() < 1.0)


@pytest.mark.parametrize("ending", ["txt", "tsv", "jsonl", "parquet"])
def test_lists_of_other_kinds(ending: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / f"a.{ending}"
    one = "https://example.org/a.mp4"
    if ending == "txt":
        file.write_text(f"# mine\n{one}\n\n{one}\n", encoding="utf-8")
    elif ending == "tsv":
        file.write_text(f"n\tVideo_URL\n1\t{one}\n", encoding="utf-8")
    elif ending == "jsonl":
        file.write_text(json.dumps({"link": one, "n": 1}) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.table({"contentUrl": [one], "n": [1]}), file)
    (item,) = Urls(list=str(file)).find()
    assert item.payload[0].url == one
    if ending != "txt":
        with pytest.raises(UserError, match="no column nowhere"):
            [*Urls(list=str(file), column="nowhere").find()]


def test_webvid_s_csv(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "results_2M_train.csv"
    file.write_text(
        "videoid,name,page_idx,page_dir,duration,contentUrl\n"
        f"21179416,Aerial shot of a lake,1,006001_006050,PT00H00M11S,{web.url}/21179416.mp4\n",
        encoding="utf-8",
    )
    (item,) = Urls(list=str(file)).find()
    line = item.payload[0].line
    assert [caption.text for caption in line.captions] == ["Aerial shot of a lake"] and line.told["videoid"]


def test_an_archive_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "archive.txt").write_text("youtube dQw4w9WgXcQ\nhttps://example.org/a.mp4\n", encoding="utf-8")
    step = Urls(("dQw4w9WgXcQ", "https://example.org/a.mp4"), archive=str(tmp_path / "archive.txt"))
    said = run_step(step, list(step.find()), tmp_path)
    assert [[drop.reason for drop in one if isinstance(drop, Drop)] for one in said] == [["archive"], ["archive"]]


def test_addresses_as_people_write_them() -> None:
    assert full_address(" dQw4w9WgXcQ ") == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    assert full_address("example.org/a.mp4") == "https://example.org/a.mp4"
    assert full_address("//example.org/a.mp4") == "https://example.org/a.mp4"
    assert full_address("http://a.b/c") == "http://a.b/c"


def test_a_step_needs_something_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to fetch"):
        Urls().check([])
    (tmp_path / "a.txt").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(UserError, match="no addresses"):
        [*Urls(list=str(tmp_path / "a.txt")).find()]


@pytest.mark.parametrize(
    "said, kind",
    [
        ("Sign in to confirm you’re not a bot. Use --cookies-from-browser", "bot_check"),
        ("Sign in to confirm your age. This video may be inappropriate for some users", "login"),
        ("Private video. Sign in if you've been granted access to this video", "private"),
        ("Video unavailable. This video has been removed by the uploader", "removed"),
        ("This video is no longer available because the YouTube account associated has been terminated", "removed"),
        ("The uploader has not made this video available in your country", "geo_blocked"),
        ("Join this channel to get access to members-only content like this video", "login"),
        ("The current session has been rate-limited by YouTube for up to an hour", "rate_limited"),
        ("Requested format is not available. Use --list-formats", "no_format"),
        ("This live event will begin in 3 hours.", "live"),
        ("Premieres in 5 hours", "live"),
        ("something else", ""),
    ],
)
def test_what_sites_say(said: str, kind: str) -> None:
    assert kind_of_text(said) == kind


def test_when_a_server_wants_to_be_asked_again() -> None:
    from email.utils import formatdate

    assert retry_after_s("12") == 12.0 and retry_after_s("soon") is None and retry_after_s(None) is None
    dated = retry_after_s(formatdate(time.time() + 100, usegmt=True))
    assert dated is not None and 95 < dated < 101
    assert [status_fault(s) for s in (404, 418, 502, 425)] == ["removed", "removed", "server_error", "server_error"]


def test_robots_rules() -> None:
    rules = "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /a\nAllow: /a/b # fine\nDisallow: /*.gif$\n"
    assert [Robots(rules).allows(p) for p in ("/a", "/a/b/c", "/x.gif", "/x.gif?y", "/z")] == [0, 1, 0, 1, 1]
    mine = Robots(f"{rules}\nUser-agent: x\nUser-agent: Cliploom/1\nDisallow: /z\nDisallow: /*k*k$\n")
    assert [mine.allows(p) for p in ("/a", "/z", "/akbk", "/ak", "/kkx")] == [1, 0, 0, 1, 1]
    assert Robots("").allows("/") and Robots("Disallow: /").allows("/")
    assert opt_out(["max-snippet: 3, noindex"]) == "noindex" and opt_out(["cliploom: noai"]) == "noai"
    assert opt_out(["googlebot: noindex", "all"]) == "" and opt_out([]) == ""
    assert page_opt_out(b"<META content='noai' name=robots>") == "noai"
    assert page_opt_out(b'<meta name="robots" content="all"><meta name="x" content="noai">') == ""
