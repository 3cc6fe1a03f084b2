"""A build's progress over HTTP, in Prometheus' text format."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ...engine.contract.errors import UserError

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def parse_place(text: str) -> tuple[str, int]:
    """Where ``PORT`` or ``HOST:PORT`` is; without a host only this machine sees it. ``UserError`` for other words."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) < 65536:
        raise UserError(f"--metrics {text}: it is a port, such as 9464, or an address and a port, such as 0.0.0.0:9464")
    return host or "127.0.0.1", int(port)


@contextmanager
def serving_metrics(place: str, text: Callable[[], str]) -> Iterator[int]:
    """Inside, ``/metrics`` answers with what ``text`` gives; the port.

    Raises:
        UserError: the port is taken.
    """
    host, port = parse_place(place)

    class MetricsPage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == "/metrics"
            data = text().encode() if found else b"/metrics\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", _TYPE if found else "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    try:
        server = ThreadingHTTPServer((host, port), MetricsPage)
    except OSError as error:
        raise UserError(f"--metrics {place}: {error.strerror}", "choose another port") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
