"""Pages and lists of fragments with the real yt-dlp, from a server on this machine: what comes, and why not."""

from __future__ import annotations

import csv
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web import PAGE, Reply, Web, serving

from cliploom.builders.downloads import connections, site, site_faults
from cliploom.builders.downloads.faults import FetchError
from cliploom.builders.downloads.options import DownloadOptions
from cliploom.builders.downloads.site import fetch
from cliploom.builders.panda70m import Panda70mSource
from cliploom.builders.panda70m_clips import Panda70mClips
from cliploom.builders.sources.listing import VIDEO_EXTENSIONS
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.recipe import Recipe
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import Video
from cliploom.testing import run_step

MEDIA = Path(__file__).parents[1] / "media"
PRIVATE = DownloadOptions(allow_private=True)
VIDEO = (MEDIA / "sintel_trailer_270p.mp4").read_bytes()
TRANSPORT = (MEDIA / "made_mpegts.ts").read_bytes()


@pytest.fixture
def web() -> Iterator[Web]:
    """A server, for one test."""
    with serving() as made:
        yield made


def fails(url: str, folder: Path, how: DownloadOptions = PRIVATE) -> RowError:
    """Why it does not come; nothing that could be taken for a video is left."""
    with pytest.raises(RowError) as caught:
        fetch(url, folder, "v", how)
    assert not [p for p in folder.rglob("*") if p.suffix[1:].lower() in VIDEO_EXTENSIONS]
    assert "\n" not in caught.value.message and url in caught.value.message
    return caught.value


def test_a_file_comes_whole_and_once(tmp_path: Path, web: Web, capfd: pytest.CaptureFixture[str]) -> None:
    url = web.says("/a/film.mp4", Reply(VIDEO))
    name = "100%(title)s-1"
    path = fetch(url, tmp_path, name, PRIVATE)
    assert path == tmp_path / f"{name}.mp4" and path.read_bytes() == VIDEO
    asked = len(web.asked)
    assert fetch(url, tmp_path, name, PRIVATE) == path and len(web.asked) == asked
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [f"{name}.info.json", f"{name}.mp4"]
    assert capfd.readouterr() == ("", "")


def test_a_page_with_a_video(tmp_path: Path, web: Web) -> None:
    web.says("/a/film.mp4", Reply(VIDEO))
    url = web.says("/watch", Reply(PAGE % (b"", b'<video src="/a/film.mp4"></video>'), "text/html"))
    assert fetch(url, tmp_path, "v", PRIVATE).read_bytes() == VIDEO
    assert '"title": "A film"' in (tmp_path / "v.info.json").read_text(encoding="utf-8")


def test_a_page_with_two_videos_is_not_guessed_at(tmp_path: Path, web: Web) -> None:
    web.says("/a.mp4", Reply(VIDEO))
    web.says("/b.mp4", Reply(VIDEO))
    url = web.says(
        "/two", Reply(PAGE % (b"", b'<video src="/a.mp4"></video><video src="/b.mp4"></video>'), "text/html")
    )
    error = fails(url, tmp_path)
    assert error.kind == "unsupported" and "several" in error.message


def test_a_redirect_is_followed(tmp_path: Path, web: Web) -> None:
    web.says("/b.mp4", Reply(VIDEO))
    url = web.says("/a.mp4", Reply(b"", status=302, headers=(("Location", "/b.mp4"),)))
    assert fetch(url, tmp_path, "v", PRIVATE).read_bytes() == VIDEO


def test_a_download_goes_on_where_it_was(tmp_path: Path, web: Web) -> None:
    url = web.says("/film.mp4", Reply(VIDEO))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "v.mp4.part").write_bytes(VIDEO[:300_000])
    assert fetch(url, tmp_path, "v", PRIVATE).read_bytes() == VIDEO
    assert web.ranges == ["bytes=300000-"]


def test_what_is_gone(tmp_path: Path, web: Web) -> None:
    assert fails(f"{web.url}/gone.mp4", tmp_path).kind == "removed"
    assert fails(web.says("/a", Reply(b"", status=410)), tmp_path).kind == "removed"
    assert fails(web.says("/b", Reply(PAGE % (b"", b"Nothing."), "text/html")), tmp_path).kind == "unsupported"


def test_what_is_forbidden(tmp_path: Path, web: Web) -> None:
    assert fails(web.says("/a.mp4", Reply(b"", status=403)), tmp_path).kind == "forbidden"


def test_a_password_is_not_told(tmp_path: Path, web: Web) -> None:
    url = f"{web.url}/gone.mp4".replace("//", "//ada:hunter2@")
    with pytest.raises(RowError) as caught:
        fetch(url, tmp_path, "v", PRIVATE)
    assert "hunter2" not in caught.value.message and "/gone.mp4" in caught.value.message


@pytest.mark.parametrize("status, after", [(503, "0"), (429, "7"), (500, "soon")])
def test_what_may_pass_is_told_so_and_comes_next_time(tmp_path: Path, web: Web, status: int, after: str) -> None:
    url = web.says("/a.mp4", Reply(b"", status=status, headers=(("Retry-After", after),)), Reply(VIDEO))
    with pytest.raises(FetchError) as caught:
        fetch(url, tmp_path, "v", PRIVATE)
    assert caught.value.kind == ("rate_limited" if status == 429 else "server_error")
    assert caught.value.after_s == {"0": 0.0, "7": 7.0, "soon": None}[after] and str(status) in caught.value.message
    assert fetch(url, tmp_path, "v", PRIVATE).read_bytes() == VIDEO


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with pytest.raises(FetchError, check=lambda error: error.kind == "network"):
        fetch(f"http://127.0.0.1:{port}/a.mp4", tmp_path, "v", PRIVATE)


@pytest.mark.parametrize("kind", ["text/html", "video/mp4"])
def test_an_error_page_is_no_video(tmp_path: Path, web: Web, kind: str) -> None:
    page = (MEDIA / "made_html_error_page.mp4").read_bytes()
    assert fails(web.says("/a.mp4", Reply(page, kind)), tmp_path).kind == "not_media"


def test_a_file_that_was_cut_off(tmp_path: Path, web: Web) -> None:
    half = (MEDIA / "made_truncated_moov_front.mp4").read_bytes()
    error = fails(web.says("/a.mp4", Reply(half)), tmp_path)
    assert error.kind == "truncated" and "says" in error.message


@pytest.mark.parametrize(
    "name",
    ["tears_of_steel_2s.webm", "made_gap_10s.mkv", "made_fragmented.mp4", "nasa_13013.mp4", "made_one_frame.mp4"],
)
def test_odd_files_are_not_taken_for_cut_off(tmp_path: Path, web: Web, name: str) -> None:
    whole = (MEDIA / name).read_bytes()
    url = web.says(f"/{name}", Reply(whole, "application/octet-stream"))
    path = fetch(url, tmp_path, "v", PRIVATE)
    assert path.read_bytes() == whole and path.suffix == Path(name).suffix


def test_a_line_that_breaks_again_and_again(tmp_path: Path, web: Web) -> None:
    url = web.says("/a.mp4", Reply(VIDEO[:200_000], length=len(VIDEO)))
    with pytest.raises(FetchError, check=lambda error: error.kind == "network"):
        fetch(url, tmp_path, "v", PRIVATE)
    assert not list(tmp_path.glob("*.mp4"))


def test_a_lost_fragment_is_not_passed_over(tmp_path: Path, web: Web) -> None:
    url = web.playlist(a=Reply(TRANSPORT, "video/mp2t"), b=Reply(b"", status=404), c=Reply(TRANSPORT, "video/mp2t"))
    assert fails(url, tmp_path).kind == "truncated"


def test_a_fragment_that_may_come_later(tmp_path: Path, web: Web) -> None:
    url = web.playlist(a=Reply(TRANSPORT, "video/mp2t"), b=Reply(b"", status=503))
    with pytest.raises(FetchError, check=lambda error: error.kind == "server_error"):
        fetch(url, tmp_path, "v", PRIVATE)


def test_fragments_are_joined(tmp_path: Path, web: Web) -> None:
    path = fetch(web.playlist(a=Reply(TRANSPORT, "video/mp2t")), tmp_path, "v", PRIVATE)
    assert path.stat().st_size > 100_000


def test_a_video_that_is_shorter_than_the_site_says(tmp_path: Path, web: Web) -> None:
    error = fails(web.playlist(60, a=Reply(TRANSPORT, "video/mp2t")), tmp_path)
    assert error.kind == "truncated" and "the site says 60.0 s" in error.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "film.mp4",
        "file:///etc/hostname",
        "ftp://127.0.0.1/a.mp4",
        "ytsearch:film",
        "http:///a.mp4",
        "data:,x",
        "http://[",
    ],
)
def test_other_schemes(tmp_path: Path, url: str) -> None:
    with pytest.raises(RowError) as caught:
        fetch(url, tmp_path, "v", PRIVATE)
    assert caught.value.kind == "bad_address" and not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1:1/a.mp4"])
def test_nothing_leads_to_a_file_of_this_machine(tmp_path: Path, web: Web, target: str) -> None:
    moved = web.says("/a.mp4", Reply(b"", status=302, headers=(("Location", target),)))
    shown = web.says("/b", Reply(PAGE % (b"", f'<video src="{target}"></video>'.encode()), "text/html"))
    for url in (moved, shown):
        with pytest.raises(RowError):
            fetch(url, tmp_path, "v", PRIVATE)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
def test_addresses_of_this_machine_are_refused(tmp_path: Path, web: Web, host: str) -> None:
    web.says("/a.mp4", Reply(VIDEO))
    error = fails(f"http://{host}:{web.server.server_port}/a.mp4", tmp_path, DownloadOptions())
    assert error.kind == "private_address" and "`allow_private: true`" in error.message and web.asked == []


def test_a_redirect_into_this_machine_is_refused(tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for the public address that leads to a private one."""
    outside = connections.is_public
    monkeypatch.setattr(connections, "is_public", lambda host: host == "127.0.0.1" or outside(host))
    web.says("/b.mp4", Reply(VIDEO))
    port = web.server.server_port
    url = web.says("/a.mp4", Reply(b"", status=302, headers=(("Location", f"http://127.0.0.2:{port}/b.mp4"),)))
    error = fails(url, tmp_path, DownloadOptions())
    assert error.kind == "private_address" and "127.0.0.2" in error.message
    assert {path for _, path in web.asked} == {"/a.mp4"}


def test_no_proxy_gets_around_it(tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url)
    with pytest.raises(RowError) as caught:
        fetch("http://127.0.0.3:9/a.mp4", tmp_path, "v", DownloadOptions())
    assert caught.value.kind == "private_address" and "127.0.0.3" in caught.value.message and web.asked == []


@pytest.mark.parametrize(
    "host, public",
    [("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("10.0.0.1", False),
     ("169.254.169.254", False), ("192.168.1.1", False), ("100.64.0.1", False), ("0.0.0.0", False), ("::", False),
     ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False), ("2002:a00:1::", False),
     ("224.0.0.1", False), ("a.name", False), ("64:ff9b::7f00:1", False), ("64:ff9b::a00:1", False),
     ("64:ff9b::5db8:d70e", True), ("64:ff9b:1::5db8:d70e", False), ("::127.0.0.1", False), ("::93.184.215.14", False),
     ("::ffff:93.184.215.14", True), ("::ffff:0:7f00:1", False), ("2002:7f00:1::1", False),
     ("2001:0:5db8:d70e:0:0:80ff:fffe", False), ("2606:2800:21f::5efe:7f00:1", False), ("ff02::1", False),
     ("2001:db8::1", False), ("fec0::1", False)],
)  # fmt: skip
def test_which_addresses_are_public(host: str, public: bool) -> None:
    assert connections.is_public(host) is public


def test_no_program_is_sent_there(tmp_path: Path) -> None:
    watch = connections.Connections(private=False)
    with watch.guard_connections():
        with pytest.raises(RowError, match="another program"):
            subprocess.run(["true", "http://127.0.0.1/"], check=True)
        subprocess.run(["true", str(tmp_path)], check=True)
    assert watch.refused


@pytest.mark.parametrize("host", ["0x7f000001", "017700000001", "127.1", "0.0.0.0"])
def test_other_spellings_of_this_machine_are_refused(tmp_path: Path, web: Web, host: str) -> None:
    error = fails(f"http://{host}:{web.server.server_port}/a.mp4", tmp_path, DownloadOptions())
    assert error.kind == "private_address" and web.asked == []


def endless(web: Web, path: str, kind: str, piece: bytes, pause_s: float) -> str:
    """Let a path answer for ever."""
    return web.says(path, Reply(piece, kind, length=-1, pause_s=pause_s))


@pytest.mark.parametrize("kind", ["text/html", "video/mp4"])
def test_what_never_ends_is_too_large_and_leaves_nothing(tmp_path: Path, web: Web, kind: str) -> None:
    url = endless(web, "/a", kind, b"<html>" + b"x" * 100_000, 0.0)
    assert fails(url, tmp_path, DownloadOptions(max_mb=1, allow_private=True)).kind == "too_large"
    assert web.sent < 12_000_000 and not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("kind", ["text/html", "video/mp4"])
def test_a_line_that_drips_is_given_up(tmp_path: Path, web: Web, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SLOW_S", 0.3)
    url = endless(web, "/a", kind, b"x", 0.02)
    with pytest.raises(FetchError, match="less than 1024 bytes a second came"):
        fetch(url, tmp_path, "v", PRIVATE)
    monkeypatch.setattr(connections, "SLOW_S", 30.0)
    web.says("/a", Reply(VIDEO))
    assert fetch(url, tmp_path, "v", PRIVATE).exists()


def test_what_is_too_large(tmp_path: Path, web: Web) -> None:
    url = web.says("/a.mp4", Reply(VIDEO))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "v.mp4.part").write_bytes(VIDEO[:300_000])
    assert fails(url, tmp_path, DownloadOptions(max_mb=1, allow_private=True)).kind == "too_large"
    assert not [*(tmp_path / "unfinished").iterdir()]
    assert fetch(url, tmp_path, "v", DownloadOptions(max_mb=2, allow_private=True)).exists()


def save(path: Path, *rows: tuple[str, str]) -> Path:
    """A csv file; the clips of each video are 1 to 3 s and 5 to 8.5 s."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["videoID", "url", "timestamp", "caption"])
        for name, url in rows:
            times = "[['0:00:01.000', '0:00:03.000'], ['0:00:05.000', '0:00:08.500']]"
            out.writerow([name, url, times, "['A gate.', 'A girl.']"])
    return path


def test_from_csv_to_clips_of_a_downloaded_video(tmp_path: Path, web: Web) -> None:
    later = Reply(b"", status=503, headers=(("Retry-After", "0"),))
    good = web.says("/watch?v=1", later, Reply(PAGE % (b"", b'<video src="/a.mp4"></video>'), "text/html"))
    web.says("/a.mp4", Reply(VIDEO))
    file = save(tmp_path / "a.csv", ("one", good), ("two", f"{web.url}/gone"), ("three", "file:///etc/hostname"))
    recipe = Recipe("web", (Panda70mSource(str(file), download=True, allow_private=True), Panda70mClips()), shards=1)
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    db = Build.read(tmp_path / "b").connect()
    assert db.execute("SELECT start_s, end_s FROM clips ORDER BY start_s").fetchall() == [(1.0, 3.0), (5.0, 8.5)]
    assert db.execute("SELECT count(*) FROM captions").fetchone() == (2,)
    ((uri, title, path, duration_s),) = db.execute("SELECT uri, title, path, duration_s FROM videos").fetchall()
    assert uri == good and title == "A film" and duration_s == pytest.approx(52.2, abs=0.2)
    assert Path(path).read_bytes() == VIDEO and (tmp_path / "b" / "media") in Path(path).parents
    asked = list(web.asked)
    run_build(recipe, tmp_path / "b", RunOptions(workers=1))
    assert web.asked == asked


def answers(step: Panda70mSource, tmp_path: Path) -> list[Any]:
    return [said if isinstance(said, RowError) else said[0] for said in run_step(step, list(step.find()), tmp_path)]


def test_what_is_in_the_folder_is_not_fetched(tmp_path: Path, web: Web) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "one.mp4").write_bytes(VIDEO)
    file = save(tmp_path / "a.csv", ("one", f"{web.url}/a.mp4"), ("two", f"{web.url}/b.mp4"), ("three", ""))
    one, two, three = answers(
        Panda70mSource(str(file), str(tmp_path / "videos"), download=True, allow_private=True), tmp_path
    )
    assert isinstance(one, Video) and two.kind == "removed" and three.kind == "not_local"
    assert "/a.mp4" not in web.paths()
    file = save(tmp_path / "b.csv", ("one", f"{web.url}/a.mp4"))
    (error,) = answers(Panda70mSource(str(file), download=True, obey=False), tmp_path)
    assert error.kind == "private_address"


def test_subtitles_that_are_wanted_come_along(tmp_path: Path, web: Web) -> None:
    film = web.says("/film.mp4", Reply(VIDEO))
    track = web.says("/film.vtt", Reply((MEDIA / "sintel_trailer.en.vtt").read_bytes(), "text/vtt"))
    body = f'<video src="{film}"><track kind="subtitles" srclang="en" src="{track}"></video>'
    url = web.says("/watch", Reply(PAGE % (b"", body.encode()), "text/html"))
    fetch(url, tmp_path / "without", "v", PRIVATE)
    fetch(url, tmp_path / "with", "v", replace(PRIVATE, subtitles=("en.*",)))
    assert not list((tmp_path / "without").glob("*.vtt"))
    (found,) = (tmp_path / "with").glob("*.vtt")
    assert found.name == "v.en.vtt" and "-->" in found.read_text(encoding="utf-8")


def test_the_users_own_options_reach_yt_dlp(tmp_path: Path, web: Web) -> None:
    cookies = tmp_path / "cookies.txt"
    line = ("127.0.0.1", "FALSE", "/", "FALSE", "0", "session", "s3cret")
    cookies.write_text("# Netscape HTTP Cookie File\n" + "\t".join(line) + "\n", encoding="utf-8")
    before = cookies.read_bytes()
    options = tmp_path / "yt-dlp.conf"
    options.write_text(f"--cookies {cookies}\n--user-agent Mine/1\n", encoding="utf-8")
    fetch(web.says("/a.mp4", Reply(VIDEO)), tmp_path / "out", "v", replace(PRIVATE, yt_dlp=str(options)))
    assert web.agents["Mine/1"] and web.cookies == {"session=s3cret"} and cookies.read_bytes() == before
    options.write_text("--no-such-option\n", encoding="utf-8")
    site.read_options.cache_clear()
    with pytest.raises(UserError, match="no such option"):
        site.read_options(str(options))
    with pytest.raises(UserError, match="there is no file"):
        site.read_options(str(tmp_path / "none"))


def test_options_that_make_no_sense() -> None:
    for step in (Panda70mSource("a.csv"), Panda70mSource("a.csv", "videos", only_local=True, download=True)):
        with pytest.raises(UserError):
            step.check([])
    Panda70mSource("a.csv", download=True).check([])
    assert Panda70mSource("a.csv", download=True).max_concurrency() and not Panda70mSource("a.csv").max_concurrency()


@pytest.mark.parametrize("said", ["Requested format is not available", "HTTP Error 403: Forbidden"])
def test_of_a_site_that_needs_javascript_a_missing_runtime_is_named_first(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yt_dlp.utils import ExtractorError

    for runtime, first in (("", "there is no JavaScript runtime (deno; "), ("/usr/bin/deno", said)):
        monkeypatch.setattr(site_faults, "find_runtime", lambda runtime=runtime: runtime)
        with pytest.raises(RowError) as caught:
            site_faults.raise_fault(
                "https://www.youtube.com/watch?v=x", ExtractorError(said, expected=True, ie="youtube")
            )
        assert first in caught.value.message.partition("v=x: ")[2][: len(first) + 12]
        with pytest.raises(RowError) as caught:
            site_faults.raise_fault("https://example.org/x.mp4", ExtractorError(said, expected=True, ie="generic"))
        assert "JavaScript" not in caught.value.message
    assert [needed.name for needed in site.requirements()] == ["yt-dlp", "a JavaScript runtime (deno)"]
    assert site.requirements()[1].optional
