"""A small server that answers what cliploom asks of Label Studio 1.23 as that does, and misbehaves if told to."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LEGACY = "0123456789abcdef0123456789abcdef01234567"


def token(kind: str, expires: float) -> str:
    """A JSON web token as the server makes them; nothing checks its signature."""
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"token_type": kind, "exp": int(expires), "jti": str(expires), "user_id": "1"},
    )
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts), "c2ln"])


PERSONAL = token("refresh", 4_000_000_000)


@dataclass
class Labeling:
    """What the server holds. Keys are ids."""

    url: str = ""
    projects: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)
    storages: list[dict[str, Any]] = field(default_factory=list)
    users: dict[int, str] = field(default_factory=lambda: {1: "ann@x.org", 2: "bo@x.org"})
    access: set[str] = field(default_factory=set)  # tokens that were given for the personal one
    refreshes: int = 0
    access_s: float = 300.0
    failures: list[int] = field(default_factory=list)  # statuses of the next requests; 0 cuts the connection
    fail_at: int = 0  # they begin with the request of this number
    page: str = ""  # what they show, in the place of JSON
    delay_s: float = 0.0  # before each answer
    lose_answer: bool = False  # the next import is done, and its answer never comes
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    last: int = 0

    def number(self) -> int:
        self.last += 1
        return self.last

    def answer(self, task: int, person: int, result: list[dict[str, Any]], **more: Any) -> int:
        """Annotate as the page of the server does."""
        number = self.number()
        at = f"2026-01-01T00:00:00.{number:06d}Z"
        self.annotations[number] = {
            "id": number, "task": task, "completed_by": person, "result": result, "was_cancelled": False,
            "lead_time": 1.5, "created_at": at, "updated_at": at, **more,
        }  # fmt: skip
        return number

    def of_task(self, task: int) -> list[dict[str, Any]]:
        return [one for one in self.annotations.values() if one["task"] == task]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: Labeling

    def log_message(self, *_: object) -> None:
        pass

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.world.lock:
            parts = urlsplit(self.path)
            self.world.requests.append(f"{self.command} {parts.path}")
            if self.world.delay_s:
                time.sleep(self.world.delay_s)
            if self.world.failures and len(self.world.requests) >= self.world.fail_at:
                status = self.world.failures.pop(0)
                if not status:
                    self.close_connection = True
                    self.connection.close()
                    return
                self._send(status, self.world.page or {"detail": "told to fail"})
                return
            try:
                status, answer = self._answer(
                    parts.path.rstrip("/"), parse_qs(parts.query), json.loads(body or b"null")
                )
            except KeyError:
                status, answer = 404, {"detail": "Not found."}
            if self.world.lose_answer and parts.path.endswith("/import"):
                self.world.lose_answer = False
                self.close_connection = True
                self.connection.close()
                return
            self._send(status, answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _do

    def _send(self, status: int, answer: Any) -> None:
        text = b"" if status == 204 else json.dumps(answer).encode()
        is_page = isinstance(answer, str)
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if is_page else "application/json")
        text = answer.encode() if is_page else text
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/api/token/refresh":
            return self._refresh(body)
        if not self._is_known():
            return 401, {"detail": "Invalid token."}
        if path in ("/api/users", "/api/current-user/whoami"):
            return self._users(path == "/api/users")
        if path == "/api/storages/localfiles":
            return self._storages(query, body)
        if path == "/api/projects":
            return self._projects(query, body)
        if path == "/api/tasks":
            return self._tasks(query)
        if found := re.fullmatch(r"/api/projects/(\d+)(/import)?", path):
            return self._project(int(found[1]), bool(found[2]), body)
        if found := re.fullmatch(r"/api/tasks/(\d+)", path):
            return self._change_task(int(found[1]), body)
        if found := re.fullmatch(r"/api/predictions(?:/(\d+))?", path):
            return self._predictions(found[1], body)
        return 404, {"detail": f"nothing answers {self.command} {path}"}

    def _users(self, is_all: bool) -> tuple[int, Any]:
        users = [{"id": number, "email": email} for number, email in self.world.users.items()]
        return 200, users if is_all else users[0]

    def _storages(self, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        world = self.world
        if self.command == "POST" and not os.path.isdir(body["path"]):
            return 400, {"detail": f"Absolute local path {body['path']} does not exist"}
        if self.command == "POST":
            world.storages.append({"id": world.number(), **body})
            return 201, world.storages[-1]
        return 200, [one for one in world.storages if str(one["project"]) == query["project"][0]]

    def _change_task(self, number: int, body: Any) -> tuple[int, Any]:
        if self.command == "DELETE":
            self.world.tasks.pop(number)
            return 204, None
        self.world.tasks[number] |= body
        return 200, self.world.tasks[number]

    def _predictions(self, number: str | None, body: Any) -> tuple[int, Any]:
        world = self.world
        if number is None:
            made = {"id": world.number(), **body}
            world.tasks[body["task"]].setdefault("predictions", []).append(made)
            return 201, made
        given = (one for task in world.tasks.values() for one in task.get("predictions", ()))
        old = next(one for one in given if one["id"] == int(number))
        old |= body
        return 200, old

    def _refresh(self, body: Any) -> tuple[int, Any]:
        if body.get("refresh") != PERSONAL:
            return 401, {"detail": "Token is invalid or expired"}
        made = token("access", time.time() + self.world.access_s)
        self.world.refreshes += 1
        self.world.access.add(made)
        return 200, {"access": made}

    def _is_known(self) -> bool:
        kind, _, word = (self.headers.get("Authorization") or "").partition(" ")
        return word == LEGACY if kind == "Token" else kind == "Bearer" and word in self.world.access

    def _projects(self, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if self.command == "POST":
            made = {"id": self.world.number(), **body}
            self.world.projects[made["id"]] = made
            return 201, made
        found = list(self.world.projects.values())
        if query.get("page", ["1"]) != ["1"]:
            return 404, {"detail": "Invalid page."}
        return 200, {"count": len(found), "next": None, "previous": None, "results": found}

    def _project(self, number: int, is_import: bool, body: Any) -> tuple[int, Any]:
        project = self.world.projects[number]
        if is_import:
            for task in body:
                if "video" not in task["data"]:
                    return 400, {"detail": "the form needs the variable video"}
                made = self.world.number()
                given = [{"id": self.world.number(), "task": made, **one} for one in task.get("predictions", ())]
                people = project.get("maximum_annotations", 1)
                self.world.tasks[made] = {
                    "id": made, "project": number, "overlap": people, **task, "predictions": given
                }  # fmt: skip
            return 201, {"task_count": len(body)}
        if self.command == "PATCH":
            self._share_out(number, body.get("maximum_annotations", project.get("maximum_annotations")))
            project |= body
        return 200, project

    def _share_out(self, project: int, people: int) -> None:
        """Another number of people is for the tasks that are for several, where there are some; else for all."""
        tasks = [task for task in self.world.tasks.values() if task["project"] == project]
        shared = [task for task in tasks if task["overlap"] > 1 and people > 1]
        if people != self.world.projects[project].get("maximum_annotations"):
            for task in shared or tasks:
                task |= {"overlap": people, "is_labeled": len(self.world.of_task(task["id"])) >= people}

    def _tasks(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        project, page, size = (int(query[name][0]) for name in ("project", "page", "page_size"))
        _ = self.world.projects[project]
        found = [task for task in self.world.tasks.values() if task["project"] == project]
        some = found[(page - 1) * size : page * size]
        if page > 1 and not some:
            return 404, {"detail": "Invalid page."}
        include = set(query["include"][0].split(","))
        shown = [{k: v for k, v in self._task(task, query).items() if k in include} for task in some]
        return 200, {"tasks": shown, "total": len(found), "total_annotations": 0, "total_predictions": 0}

    def _task(self, task: dict[str, Any], query: dict[str, list[str]]) -> dict[str, Any]:
        given = self.world.of_task(task["id"])
        skipped = sum(one["was_cancelled"] for one in given)
        held = {**task, "total_annotations": len(given) - skipped, "cancelled_annotations": skipped}
        include = set(query["include"][0].split(","))
        shown = [{name: value for name, value in one.items() if name in include} for one in given]
        return held | ({"annotations": shown} if query["fields"] == ["all"] else {})


@contextmanager
def labeling_server() -> Iterator[Labeling]:
    """A server on a free port of the loopback."""
    world = Labeling()
    handler = type("Handler", (_Handler,), {"world": world})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
