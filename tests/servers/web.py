"""A web server on loopback: files, pages, lists of fragments, errors, slow and broken lines, as a test tells it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PAGE = b"<!doctype html><html><head><title>A film</title>%s</head><body>%s</body></html>"


class Reply(NamedTuple):
    """What the server says."""

    body: bytes
    kind: str = "video/mp4"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None  # that it declares; None: the body's; -1: none, and it comes again and again
    pause_s: float = 0.0  # after each time
    hold_s: float = 0.0  # before it answers


class Web:
    """Replies by path, the last one again and again; and what was asked."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.asked: list[tuple[str, str]] = []  # method and path
        self.times_s: list[float] = []  # when
        self.ranges: list[str] = []
        self.sent = 0  # bytes of what never ends
        self.sent_of: Counter[str] = Counter()  # bytes by path
        self.agents: Counter[str] = Counter()
        self.cookies: set[str] = set()
        self.most = self.under_way = 0  # requests at once
        self._lock = threading.Lock()
        web = self

        class Handler(BaseHTTPRequestHandler):
            """Answers from the replies."""

            def do_GET(self) -> None:
                with web.counted(self):
                    web.answer(self)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        class Server(ThreadingHTTPServer):
            """One with room for many at once."""

            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def says(self, path: str, *replies: Reply) -> str:
        """Let it answer so; the path's address."""
        self.replies[path] = list(replies)
        return self.url + path

    def paths(self) -> list[str]:
        """What was asked for, without robots.txt."""
        return [path for _, path in self.asked if path != "/robots.txt"]

    @contextmanager
    def counted(self, request: BaseHTTPRequestHandler) -> Iterator[None]:
        """Count a request while this lasts."""
        with self._lock:
            self.asked.append((request.command, request.path))
            self.times_s.append(time.monotonic())
            self.agents[request.headers.get("User-Agent", "")] += 1
            self.cookies |= {request.headers["Cookie"]} if "Cookie" in request.headers else set()
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Send the next reply to its path."""
        known = self.replies.get(request.path, [Reply(b"gone", "text/plain", 404)])
        with self._lock:
            reply = known.pop(0) if len(known) > 1 else known[0]
        time.sleep(reply.hold_s)
        body, status, headers = self._part(reply, request)
        request.send_response(status)
        request.send_header("Content-Type", reply.kind)
        if reply.length != -1:
            request.send_header("Content-Length", str(len(body) if reply.length is None else reply.length))
        for name, value in headers:
            request.send_header(name, value)
        request.end_headers()
        if request.command != "GET":
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sent_of[request.path] += len(body)
            request.wfile.write(body)
            while reply.length == -1:
                time.sleep(reply.pause_s)
                request.wfile.write(body)
                self.sent += len(body)

    def _part(self, reply: Reply, request: BaseHTTPRequestHandler) -> tuple[bytes, int, list[tuple[str, str]]]:
        """The part of a body that is asked for, unless the file is not the one that a part is there of."""
        body, headers = reply.body, list(reply.headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
        said = dict(reply.headers)
        if_range = request.headers.get("If-Range")
        same = if_range is None or if_range in (said.get("ETag"), said.get("Last-Modified"))
        if not wanted or reply.status != 200 or not same:
            return body, reply.status, headers
        self.ranges.append(wanted[0])
        start, end = int(wanted[1]), int(wanted[2] or len(body) - 1)
        if start >= len(body):
            return b"", 416, [*headers, ("Content-Range", f"bytes */{len(body)}")]
        end = min(end, len(body) - 1)
        return body[start : end + 1], 206, [*headers, ("Content-Range", f"bytes {start}-{end}/{len(body)}")]

    def playlist(self, seconds: float = 20, **replies: Reply) -> str:
        """A list of fragments (HLS) that are said to be so long."""
        text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:99\n#EXT-X-MEDIA-SEQUENCE:0\n"
        for name, reply in replies.items():
            self.says(f"/{name}.ts", reply)
            text += f"#EXTINF:{seconds},\n{name}.ts\n"
        return self.says("/list.m3u8", Reply(f"{text}#EXT-X-ENDLIST\n".encode(), "application/vnd.apple.mpegurl"))

    def page(self, path: str, film: str, **told: Any) -> str:
        """A page with a video in JSON-LD, as search engines read it."""
        said = {"@context": "https://schema.org", "@type": "VideoObject", "contentUrl": film, **told}
        tag = b'<script type="application/ld+json">%s</script>' % json.dumps(said).encode()
        return self.says(path, Reply(PAGE % (tag, b""), "text/html"))


@contextmanager
def serving() -> Iterator[Web]:
    """A server, until this ends."""
    made = Web()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()
