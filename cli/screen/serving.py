"""Serve the page of a build to this machine."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra

if TYPE_CHECKING:
    from ...engine.build import Build

_HOST = "127.0.0.1"


def serve_page(build: Build, port: int, browser: bool) -> None:
    """Serve until Ctrl+C; the address is printed first.

    Raises:
        UserError: the port is taken, or the packages of the extra ``view`` are missing.
    """
    with extra("view"):
        import uvicorn

        from ...cards.viewer.server import make_app
    from ...cards.viewer.viewer import Viewer

    with _listen(port) as listener:
        address = f"http://{_HOST}:{listener.getsockname()[1]}"
        app = make_app(Viewer(build), [_HOST, "localhost"])
        print(f"{address}  (Ctrl+C ends it)", flush=True)
        if browser and sys.stdout.isatty():
            import webbrowser

            webbrowser.open(address)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        server.run([listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        raise UserError(f"port {port} cannot be had: {error.strerror}", "choose another with --port, or 0") from None
    return listener
