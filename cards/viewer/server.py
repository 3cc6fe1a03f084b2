"""The web server of the page for looking at a build. It takes the packages of the extra ``view``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...engine.contract.errors import UserError
from ...engine.marks import ClipMark
from .clip_media import PlayedFile, played_file, sound_wave
from .clip_page import json_bytes
from .page import PAGE
from .viewer import Viewer

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def make_app(viewer: Viewer, hosts: Sequence[str]) -> Starlette:
    """The web application. It answers only requests for one of ``hosts``: no page of another site can ask it."""
    site = _Site(viewer)
    routes = [
        Route("/", site.file), Route("/api/about", site.about), Route("/api/clips", site.clips),
        Route("/api/facets", site.facets), Route("/api/mark", site.mark, methods=["POST"]),
        Route("/api/clip/{id:path}", site.clip), Route("/picture/{id:path}", site.picture),
        Route("/film/{id:path}", site.film), Route("/wave/{id:path}", site.wave), Route("/{name}", site.file),
    ]  # fmt: skip
    guards = [Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)), Middleware(_Policy)]
    return Starlette(routes=routes, middleware=guards, exception_handlers={UserError: _mistake})


class _Policy:
    """Says in each answer that the page loads nothing from elsewhere, and is part of no other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, send_with_policy)


class _Site:
    """The answers to a page's requests."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    async def about(self, request: Request) -> Response:
        return _answer(await run_in_threadpool(self._viewer.about))

    async def clips(self, request: Request) -> Response:
        asked = request.query_params
        offset, limit = _number(asked.get("offset"), 0), _number(asked.get("limit"), 60)
        return _answer(await run_in_threadpool(self._viewer.clips, asked.multi_items(), offset, limit))

    async def facets(self, request: Request) -> Response:
        return _answer(await run_in_threadpool(self._viewer.facets, request.query_params.multi_items()))

    async def clip(self, request: Request) -> Response:
        found = await run_in_threadpool(self._viewer.page, request.path_params["id"])
        if found is None:
            raise HTTPException(404, "there is no such clip")
        return _answer(found)

    async def picture(self, request: Request) -> Response:
        asked = request.query_params.get("n")
        number = None if asked is None else _number(asked, 0)
        data = await run_in_threadpool(self._viewer.picture, request.path_params["id"], number)
        if not data:
            raise HTTPException(404, "the clip has no picture")
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    async def film(self, request: Request) -> Response:
        if (played := await self._played(request)) is None:
            raise HTTPException(404, "the clip's file is not here")
        return FileResponse(played.path)

    async def wave(self, request: Request) -> Response:
        played = await self._played(request)
        if played is None:
            return _answer([])
        return _answer([round(float(one), 3) for one in await run_in_threadpool(sound_wave, played)])

    async def _played(self, request: Request) -> PlayedFile | None:
        found = await run_in_threadpool(self._viewer.clip, request.path_params["id"])
        return played_file(self._viewer.build.root, found) if found else None

    async def mark(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise HTTPException(415, "a mark is JSON")  # a form of another site cannot send that unasked
        try:
            said = ClipMark.model_validate_json(await request.body())
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        await run_in_threadpool(self._viewer.mark, said)
        return _answer({})

    async def file(self, request: Request) -> Response:
        path = PAGE / request.path_params.get("name", "view.html")
        if path.parent != PAGE or path.suffix not in _TYPES or not path.is_file():
            raise HTTPException(404, "there is no such page")
        return _answer(path.read_bytes(), _TYPES[path.suffix])


def _answer(value: Any, kind: str = "application/json") -> Response:
    data = value if isinstance(value, bytes) else json_bytes(value)
    return Response(data, media_type=kind, headers={"Cache-Control": "no-store"})


async def _mistake(request: Request, error: Exception) -> Response:
    said = error.message if isinstance(error, UserError) else str(error)
    return Response(json_bytes({"error": said}), 400, media_type="application/json")


def _number(text: str | None, usual: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 12 else usual
