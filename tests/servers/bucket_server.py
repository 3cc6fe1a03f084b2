"""A real S3 server on this machine (moto), with a gate before it that can be told to misbehave."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


class BucketServer:
    """One bucket, ``films``. ``trouble`` is the share of requests that the gate answers with 503, 409, or late."""

    def __init__(self) -> None:
        self.trouble = 0.0
        self.spoilt = 0  # requests so far that were answered so
        self._dice = random.Random(1)
        self._port = _free_port()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._gate = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._gate.daemon_threads = True
        threading.Thread(target=self._gate.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._gate.server_address[1]}"

    def start(self) -> None:
        """Wait until it answers, and make the bucket."""
        for _ in range(300):
            try:
                self.forward("PUT", "/films", b"", {})
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the S3 server does not start")

    def stop(self) -> None:
        """End both."""
        self._gate.shutdown()
        self._gate.server_close()
        self._server.terminate()
        self._server.wait(20)

    def environment(self) -> dict[str, str]:
        """What makes clients go here."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip

    def forward(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server behind the gate."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self, method: str, path: str, body: bytes, headers: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        """The same, unless there is trouble."""
        spoilt = self._spoil()
        if spoilt == "503":
            return 503, [], b"<Error><Code>SlowDown</Code></Error>"
        if spoilt == "slow":
            time.sleep(0.5)
        given = self.forward(method, path, body, headers)
        if spoilt == "lost":  # it was done, and nobody hears of it
            return 500, [], b"<Error><Code>InternalError</Code></Error>"
        return given

    def _spoil(self) -> str:
        if self._dice.random() >= self.trouble:
            return ""
        self.spoilt += 1
        return self._dice.choice(["503", "slow", "lost"])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Gate(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self._answer(*server.answer(self.command, self.path, body, self.headers))

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _do

            def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
                self.send_response(status)
                length = str(len(data))
                for key, value in headers:
                    if key.lower() not in _HOP:
                        self.send_header(key, value)
                    elif key.lower() == "content-length" and self.command == "HEAD":
                        length = value
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Gate


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
