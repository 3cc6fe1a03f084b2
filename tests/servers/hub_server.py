"""A Hub on loopback: what ``huggingface_hub`` and ``datasets`` call to publish a dataset and to load it.

Repositories of datasets only, commits in memory, contents in files. Large files go through LFS, as the Hub without
Xet takes them: in parts above ``part_bytes``, and reads of them are sent on to another host name. It keeps count of
what was asked and uploaded, and can be told to fail.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

USER, TOKEN, READER = "anna", "hf_writesEverythingForAnna", "hf_readsOnlyForBeth"
LFS_BYTES = 100_000  # above that, and for what is no text, the server wants LFS
TEXT = (".md", ".json", ".yaml", ".svg", ".txt", ".gitattributes")
PAGE = 1000


class Entry(NamedTuple):
    """A file of a commit."""

    oid: str  # of git
    size: int
    lfs: str = ""  # SHA-256


class Commit(NamedTuple):
    """A commit."""

    oid: str
    parent: str
    tree: dict[str, Entry]
    title: str


@dataclass
class PullRequest:
    """A pull request; its branch is ``refs/pr/<num>``."""

    num: int
    title: str
    base: str
    status: str = "draft"


@dataclass
class Repo:
    """A dataset's repository."""

    private: bool = False
    gated: Any = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    requests: list[PullRequest] = field(default_factory=list)

    def commit(self, ref: str, tree: dict[str, Entry], title: str) -> Commit:
        """Add a commit to a branch."""
        parent = self.refs.get(ref, "")
        text = f"{ref}\n{parent}\n{title}\n{len(self.commits)}\n{sorted(tree.items())}"
        made = Commit(hashlib.sha1(text.encode()).hexdigest(), parent, tree, title)
        self.commits[made.oid] = made
        self.refs[ref] = made.oid
        return made

    def find(self, revision: str) -> Commit | None:
        """The commit that a revision names."""
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        oid = next((self.refs[name] for name in names if name in self.refs), revision)
        return self.commits.get(oid)


@dataclass
class Fault:
    """What goes wrong with the next so many requests whose ``METHOD path`` matches."""

    pattern: str
    status: int = 503  # 0: the connection is dropped before an answer, -1: after the work is done
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "made to fail"


class Answer(Exception):
    """An answer that is no success; raised to end a request."""

    def __init__(self, status: int, message: str = "", code: str = "", **headers: str) -> None:
        super().__init__(message)
        said = {"X-Error-Message": message, "X-Error-Code": code}
        self.status, self.message, self.more = status, message, dict[str, str]()
        self.headers = {key: value for key, value in said.items() if value} | headers


class QuietServer(ThreadingHTTPServer):
    """Clients may be killed."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that end early."""


class HubServer:
    """The server, its repositories and its books."""

    def __init__(self, root: Path, part_bytes: int = 1 << 20) -> None:
        self.root, self.part_bytes = root, part_bytes
        self.repos: dict[str, Repo] = {}
        self.log: list[str] = []
        self.uploads: list[int] = []  # bytes of each content that came
        self.commit_sizes: list[int] = []  # files of each commit
        self.faults: list[Fault] = []
        self.sleeps: list[float] = []  # of a client whose clock a test holds
        self.quota_bytes: int | None = None
        self.xet = ""  # the address of a store: contents go there and not through LFS
        self.on_request: Callable[[int, str], None] = lambda number, said: None
        self.lock = threading.RLock()
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        self.http = QuietServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": self}))
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, home: Path, token: str = TOKEN) -> dict[str, str]:
        """What a client needs to talk to it."""
        return {
            "HF_ENDPOINT": self.url, "HF_TOKEN": token, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0",
        }  # fmt: skip

    def adopt(self, patch: Any, home: Path, xet: bool = False) -> None:
        """Make the client in this process talk to it: it read its address when it was imported (a MonkeyPatch)."""
        from huggingface_hub import constants

        for key, value in self.environment(home).items():
            patch.setenv(key, value)
        patch.setattr(constants, "ENDPOINT", self.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.url + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_DISABLE_XET", not xet)
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))

    def blob(self, name: str) -> Path:
        """Where a content is kept, by its SHA-256 or its git id."""
        return self.root / "blobs" / name

    def text(self, repo: str, path: str, revision: str = "main") -> str:
        """A text file as a revision has it."""
        return self.content(repo, path, revision).decode()

    def content(self, repo: str, path: str, revision: str = "main") -> bytes:
        """A file as a revision has it."""
        entry = self.tree(repo, revision)[path]
        return self.blob(entry.lfs or entry.oid).read_bytes()

    def tree(self, repo: str, revision: str = "main") -> dict[str, Entry]:
        """The files of a revision."""
        found = self.repos[repo].find(revision)
        assert found is not None
        return found.tree

    def create(self, name: str, private: bool = False) -> Repo:
        """A repository with its first commit."""
        repo = self.repos[name] = Repo(private)
        repo.commit("refs/heads/main", {".gitattributes": self.put(b"*.parquet filter=lfs\n")}, "initial commit")
        return repo

    def put(self, content: bytes) -> Entry:
        """Keep a content that is no LFS file."""
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        self.blob(oid).write_bytes(content)
        return Entry(oid, len(content))

    @contextmanager
    def running(self) -> Iterator[HubServer]:
        """Answer requests inside."""
        thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.http.shutdown()
            self.http.server_close()
            thread.join()


R = r"(?P<repo>[^/]+/[^/]+)"
ROUTES = [
    (r"GET /api/whoami-v2", "whoami"),
    (r"POST /api/repos/create", "create"),
    (r"POST /api/validate-yaml", "validate"),
    (rf"PUT /api/datasets/{R}/settings", "settings"),
    (rf"POST /api/datasets/{R}/preupload/(?P<rev>[^/]+)", "preupload"),
    (rf"POST /api/datasets/{R}/commit/(?P<rev>[^/]+)", "commit"),
    (rf"GET /api/datasets/{R}/tree/(?P<rev>[^/]+)(/(?P<path>.*))?", "tree"),
    (rf"POST /api/datasets/{R}/paths-info/(?P<rev>[^/]+)", "paths_info"),
    (rf"GET /api/datasets/{R}/refs", "refs"),
    (rf"GET /api/datasets/{R}/commits/(?P<rev>[^/]+)", "commits"),
    (rf"POST /api/datasets/{R}/branch/(?P<name>[^/]+)", "branch"),
    (rf"DELETE /api/datasets/{R}/branch/(?P<name>[^/]+)", "unbranch"),
    (rf"POST /api/datasets/{R}/tag/(?P<rev>[^/]+)", "tag"),
    (rf"GET /api/datasets/{R}/discussions", "discussions"),
    (rf"POST /api/datasets/{R}/discussions", "discuss"),
    (rf"GET /api/datasets/{R}/discussions/(?P<num>\d+)", "discussion"),
    (rf"POST /api/datasets/{R}/discussions/(?P<num>\d+)/status", "status"),
    (rf"POST /api/datasets/{R}/discussions/(?P<num>\d+)/merge", "merge"),
    (rf"GET /api/datasets/{R}/xet-write-token/[^/]+", "xet"),
    (rf"GET /api/datasets/{R}(/revision/(?P<rev>[^/]+))?", "info"),
    (rf"POST /datasets/{R}\.git/info/lfs/objects/batch", "batch"),
    (r"PUT /lfs/(?P<oid>[0-9a-f]{64})(/(?P<part>\d+))?", "upload"),
    (r"POST /lfs/(?P<oid>[0-9a-f]{64})/complete", "complete"),
    (r"POST /lfs/(?P<oid>[0-9a-f]{64})/verify", "verify"),
    (rf"(GET|HEAD) /datasets/{R}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
    (r"(GET|HEAD) /cdn/(?P<oid>[0-9a-f]{64})", "cdn"),
]
OPEN = ("upload", "complete", "cdn")  # signed addresses: they take no token


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    hub: HubServer

    def log_message(self, *_: Any) -> None:
        """Its books are ``hub.log``."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        self.body = self._read()
        parts = urlsplit(self.path)
        self.query = parse_qs(parts.query)
        said = f"{method} {unquote(parts.path)}"
        with self.hub.lock:
            self.hub.log.append(said)
            number = len(self.hub.log)
        self.hub.on_request(number, said)
        fault = self._fault(said)
        try:
            if fault and fault.status >= 0:
                if not fault.status:
                    self.close_connection = True
                    self.connection.close()
                    return
                raise Answer(fault.status, fault.message, **fault.headers)
            self._route(f"{method} {parts.path}", dropped=fault is not None)
        except Answer as answer:
            body = json.dumps({"error": answer.message, **answer.more}).encode()
            self._send(answer.status, body, {"Content-Type": "application/json", **answer.headers})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _fault(self, said: str) -> Fault | None:
        with self.hub.lock:
            for fault in self.hub.faults:
                if fault.times > 0 and re.search(fault.pattern, said):
                    fault.times -= 1
                    return fault
        return None

    def _route(self, said: str, dropped: bool) -> None:
        for pattern, name in ROUTES:
            found = re.fullmatch(pattern, said)
            if found is None:
                continue
            given = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
            with nullcontext() if name in OPEN else self.hub.lock:
                if name not in OPEN:
                    self._admit(name, given.get("repo"))
                made = getattr(self, f"_{name}")(**given)
            if dropped:
                self.close_connection = True
                self.connection.close()
            elif made is not None:
                self._send(200, json.dumps(made).encode(), {"Content-Type": "application/json"})
            return
        raise Answer(404, f"no such address: {said}")

    def _admit(self, name: str, repo: str | None) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in (TOKEN, READER):
            raise Answer(401, "Invalid credentials in Authorization header")
        writes = self.command in ("POST", "PUT", "DELETE") and name not in ("paths_info", "validate")
        if repo is not None:
            found = self.hub.repos.get(repo)
            if found is None or (found.private and token != TOKEN):
                raise Answer(404 if token else 401, "Repository not found", "RepoNotFound")
            if found.gated and name == "resolve" and not token:
                raise Answer(401, "Access to this dataset is restricted", "GatedRepo")
        if writes and token != TOKEN:
            raise Answer(403 if token else 401, "Forbidden: you must use a write token" if token else "no token")

    def _read(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.body or b"{}")
        return made

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        length = headers.pop("Content-Length", str(len(body)))
        for key, value in {**headers, "Content-Length": length}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # -- repositories

    def _whoami(self) -> dict[str, Any]:
        if not self.headers.get("Authorization"):
            raise Answer(401, "Invalid credentials in Authorization header")
        return {"type": "user", "name": USER, "orgs": [], "auth": {"accessToken": {"role": "write"}}}

    def _create(self) -> dict[str, Any]:
        asked = self._json()
        if asked["organization"] not in (None, USER):
            raise Answer(403, "You don't have the rights to create a dataset under this namespace")
        name = f"{asked['organization'] or USER}/{asked['name']}"
        if name in self.hub.repos:
            answer = Answer(409, "You already created this dataset repo")
            answer.more = {"url": f"{self.hub.url}/datasets/{name}"}
            raise answer
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.create(name, private)
        return {"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name}

    def _validate(self) -> dict[str, Any]:
        return {"errors": [], "warnings": []}

    def _settings(self, repo: str) -> dict[str, Any]:
        asked, found = self._json(), self.hub.repos[repo]
        found.gated = asked.get("gated", found.gated)
        found.private = asked.get("private", asked.get("visibility", "private" if found.private else "")) in (
            True, "private"
        )  # fmt: skip
        return asked

    def _info(self, repo: str, rev: str = "main") -> dict[str, Any]:
        found, commit = self.hub.repos[repo], self._commit_of(repo, rev)
        return {
            "id": repo, "_id": repo, "author": repo.split("/")[0], "sha": commit.oid, "private": found.private,
            "gated": found.gated, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
            "lastModified": "2026-11-30T00:00:00.000Z", "createdAt": "2026-11-30T00:00:00.000Z",
            "siblings": [{"rfilename": path} for path in sorted(commit.tree)],
        }  # fmt: skip

    def _commit_of(self, repo: str, rev: str) -> Commit:
        found = self.hub.repos[repo].find(rev)
        if found is None:
            raise Answer(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return found

    def _tree(self, repo: str, rev: str, path: str = "") -> None:
        tree = self._commit_of(repo, rev).tree
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        below = f"{path}/" if path else ""
        inside = sorted(name for name in tree if name.startswith(below))
        if path and not inside:
            raise Answer(404, f"{path} does not exist on {rev!r}", "EntryNotFound")
        listed = list(_listing(tree, inside, below, recursive))
        start = int(self.query.get("cursor", ["0"])[0])
        page, headers = listed[start : start + PAGE], {"Content-Type": "application/json"}
        if start + PAGE < len(listed):
            rest = f"recursive={recursive}&cursor={start + PAGE}"
            headers["Link"] = f'<{self.hub.url}{urlsplit(self.path).path}?{rest}>; rel="next"'
        self._send(200, json.dumps(page).encode(), headers)

    def _paths_info(self, repo: str, rev: str) -> list[dict[str, Any]]:
        tree = self._commit_of(repo, rev).tree
        form = self.headers.get("Content-Type", "").startswith("application/x-www-form")
        paths = parse_qs(self.body.decode()).get("paths", []) if form else self._json()["paths"]
        made = []
        for path in paths:
            if path in tree:
                made.append(_described(path, tree[path]))
            elif any(name.startswith(f"{path}/") for name in tree):
                made.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
        return made

    def _refs(self, repo: str) -> dict[str, Any]:
        found: dict[str, list[Any]] = {"branches": [], "tags": [], "converts": [], "pullRequests": []}
        kinds = {"refs/heads/": "branches", "refs/tags/": "tags", "refs/pr/": "pullRequests"}
        for ref, oid in self.hub.repos[repo].refs.items():
            prefix = next(p for p in kinds if ref.startswith(p))
            found[kinds[prefix]].append({"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": oid})
        return found

    def _commits(self, repo: str, rev: str) -> list[dict[str, Any]]:
        made, commit = [], self.hub.repos[repo].find(rev)
        while commit:
            made.append({"id": commit.oid, "title": commit.title, "message": "", "authors": [{"user": USER}],
                         "date": "2026-11-30T00:00:00.000Z"})  # fmt: skip
            commit = self.hub.repos[repo].find(commit.parent)
        return made

    def _branch(self, repo: str, name: str) -> dict[str, Any]:
        found, ref = self.hub.repos[repo], f"refs/heads/{name}"
        if ref in found.refs:
            raise Answer(409, f"Reference {ref} already exists")
        found.refs[ref] = self._commit_of(repo, self._json().get("startingPoint") or "main").oid
        return {}

    def _unbranch(self, repo: str, name: str) -> dict[str, Any]:
        if self.hub.repos[repo].refs.pop(f"refs/heads/{name}", None) is None:
            raise Answer(404, f"Invalid rev id: {name}", "RevisionNotFound")
        return {}

    def _tag(self, repo: str, rev: str) -> dict[str, Any]:
        found, ref = self.hub.repos[repo], f"refs/tags/{self._json()['tag']}"
        if ref in found.refs:
            raise Answer(409, f"Tag {ref} already exists")
        found.refs[ref] = self._commit_of(repo, rev).oid
        return {}

    def _xet(self, repo: str) -> None:
        if not self.hub.xet:
            raise Answer(404, "this server has no Xet storage: set HF_HUB_DISABLE_XET=1")
        token = {"accessToken": "x", "exp": int(time.time()) + 3600, "casUrl": self.hub.xet}
        headers = {
            "X-Xet-Access-Token": "x",
            "X-Xet-Token-Expiration": str(token["exp"]),
            "X-Xet-Cas-Url": self.hub.xet,
        }
        self._send(200, json.dumps(token).encode(), {"Content-Type": "application/json", **headers})

    # -- pull requests

    def _discuss(self, repo: str) -> dict[str, Any]:
        found, asked = self.hub.repos[repo], self._json()
        made = PullRequest(len(found.requests) + 1, asked["title"], found.refs["refs/heads/main"])
        found.requests.append(made)
        found.refs[f"refs/pr/{made.num}"] = made.base
        return {"num": made.num}

    def _discussions(self, repo: str) -> dict[str, Any]:
        status = self.query.get("status", ["all"])[0]
        kinds = {"open": ("open", "draft"), "closed": ("closed", "merged")}
        chosen = [one for one in self.hub.repos[repo].requests if one.status in kinds.get(status, (one.status,))]
        listed = [self._told(repo, one) for one in reversed(chosen)]
        return {"discussions": listed, "count": len(listed), "start": 0}

    def _discussion(self, repo: str, num: str) -> dict[str, Any]:
        one = self.hub.repos[repo].requests[int(num) - 1]
        changes = {"base": "refs/heads/main"}
        return self._told(repo, one) | {"events": [], "changes": changes, "filesWithConflicts": [], "diff": ""}

    def _told(self, repo: str, one: PullRequest) -> dict[str, Any]:
        return {
            "num": one.num, "title": one.title, "status": one.status, "isPullRequest": True,
            "author": {"name": USER}, "createdAt": "2026-11-30T00:00:00.000Z",
            "repo": {"name": repo, "type": "dataset"},
        }  # fmt: skip

    def _status(self, repo: str, num: str) -> dict[str, Any]:
        one = self.hub.repos[repo].requests[int(num) - 1]
        one.status = self._json()["status"]
        event = {"id": "1", "type": "status-change", "createdAt": "2026-11-30T00:00:00.000Z", "author": {"name": USER}}
        return {"newStatus": event | {"data": {"status": one.status}}}

    def _merge(self, repo: str, num: str) -> dict[str, Any]:
        found = self.hub.repos[repo]
        one = found.requests[int(num) - 1]
        if one.status != "open":
            raise Answer(403, f"the pull request is {one.status}: it cannot be merged")
        base, theirs = found.commits[one.base].tree, found.commits[found.refs[f"refs/pr/{num}"]].tree
        ours = dict(found.commits[found.refs["refs/heads/main"]].tree)
        for path in {*base, *theirs}:
            if base.get(path) == theirs.get(path):
                continue
            if ours.get(path) not in (base.get(path), theirs.get(path)):
                raise Answer(409, f"cannot merge: conflict in {path}")
            ours.pop(path, None)
            if path in theirs:
                ours[path] = theirs[path]
        found.commit("refs/heads/main", ours, f"{one.title} (#{num})")
        one.status = "merged"
        return {}

    # -- contents

    def _preupload(self, repo: str, rev: str) -> dict[str, Any]:
        tree = self._commit_of(repo, rev).tree
        made = []
        for file in self._json()["files"]:
            path, entry = file["path"], tree.get(file["path"])
            large = file["size"] > LFS_BYTES or not path.endswith(TEXT)
            oid = (entry.lfs or entry.oid) if entry else None
            mode = "lfs" if large else "regular"
            made.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": made}

    def _batch(self, repo: str) -> dict[str, Any]:
        objects = []
        for asked in self._json()["objects"]:
            oid, size = asked["oid"], asked["size"]
            if self.hub.blob(oid).exists():
                objects.append({"oid": oid, "size": size})
                continue
            held = sum(file.stat().st_size for file in (self.hub.root / "blobs").iterdir())
            if self.hub.quota_bytes is not None and held + size > self.hub.quota_bytes:
                raise Answer(403, "Private repository storage limit reached, please upgrade your plan")
            address = f"{self.hub.url}/lfs/{oid}"
            upload: dict[str, Any] = {"href": address}
            if size > self.hub.part_bytes:
                count = -(-size // self.hub.part_bytes)
                header = {f"{n + 1:05d}": f"{address}/{n + 1}" for n in range(count)}
                upload = {
                    "href": f"{address}/complete",
                    "header": {"chunk_size": str(self.hub.part_bytes), **header},
                }
            actions = {"upload": upload, "verify": {"href": f"{address}/verify"}}
            objects.append({"oid": oid, "size": size, "actions": actions})
        return {"transfer": "basic", "objects": objects}

    def _upload(self, oid: str, part: str = "") -> None:
        self.hub.uploads.append(len(self.body))
        name = f"{oid}.{part}" if part else oid
        if not part and hashlib.sha256(self.body).hexdigest() != oid:
            raise Answer(400, "the content does not have this SHA-256")
        self.hub.blob(name).write_bytes(self.body)
        self._send(200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})

    def _complete(self, oid: str) -> dict[str, Any]:
        parts = [self.hub.blob(f"{oid}.{part['partNumber']}") for part in self._json()["parts"]]
        content = b"".join(part.read_bytes() for part in parts)
        if hashlib.sha256(content).hexdigest() != oid:
            raise Answer(400, "the parts do not make this content")
        self.hub.blob(oid).write_bytes(content)
        for part in parts:
            part.unlink()
        return {}

    def _verify(self, oid: str) -> dict[str, Any]:
        if not self.hub.blob(oid).exists():
            raise Answer(404, "no such object")
        return {}

    def _commit(self, repo: str, rev: str) -> dict[str, Any]:
        found, head = self.hub.repos[repo], self._commit_of(repo, rev)
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, head.oid):
            raise Answer(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for line in lines[1:]:
            self._apply(tree, line["key"], line["value"])
        self.hub.commit_sizes.append(len(lines) - 1)
        ref = rev if rev.startswith("refs/") else f"refs/heads/{rev}"
        made = found.commit(ref, tree, header["summary"])
        return {"commitOid": made.oid, "commitUrl": f"{self.hub.url}/datasets/{repo}/commit/{made.oid}"}

    def _apply(self, tree: dict[str, Entry], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            tree[path] = self.hub.put(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            oid = value["oid"]
            if not self.hub.xet and not self.hub.blob(oid).exists():
                raise Answer(400, f"the LFS object of {path} was not uploaded")
            size = value["size"] if self.hub.xet else self.hub.blob(oid).stat().st_size
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
            git = hashlib.sha1(f"blob {len(pointer)}\0{pointer}".encode()).hexdigest()
            tree[path] = Entry(git, size, oid)
        elif key == "deletedFile":
            if path not in tree:
                raise Answer(404, "A file with this name doesn't exist", "EntryNotFound")
            del tree[path]
        else:
            for name in [name for name in tree if name.startswith(path.rstrip("/") + "/")]:
                del tree[name]

    def _resolve(self, repo: str, rev: str, path: str) -> None:
        commit = self._commit_of(repo, rev)
        entry = commit.tree.get(path)
        if entry is None:
            raise Answer(404, f"{path} does not exist", "EntryNotFound", **{"X-Repo-Commit": commit.oid})
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes", "ETag": f'"{entry.lfs or entry.oid}"'}
        if entry.lfs:
            headers |= {"X-Linked-Size": str(entry.size), "X-Linked-Etag": f'"{entry.lfs}"'}
            headers |= {"Location": f"http://localhost:{self.hub.port}/cdn/{entry.lfs}?name={quote(path)}"}
            self._send(302, b"", headers)
        else:
            self._content(self.hub.blob(entry.oid), headers)

    def _cdn(self, oid: str) -> None:
        self._content(self.hub.blob(oid), {"Accept-Ranges": "bytes", "ETag": f'"{oid}"'})

    def _content(self, file: Path, headers: dict[str, str]) -> None:
        size = file.stat().st_size
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked or self.command == "HEAD":
            body = b"" if self.command == "HEAD" else file.read_bytes()
            self._send(200, body, {**headers, "Content-Length": str(size)})
            return
        first, last = asked.groups()
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= size:
            self._send(416, b"", {**headers, "Content-Range": f"bytes */{size}"})
            return
        with file.open("rb") as opened:
            opened.seek(start)
            body = opened.read(stop - start)
        self._send(206, body, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"})


def _described(path: str, entry: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "file", "path": path, "oid": entry.oid, "size": entry.size}
    return made | ({"lfs": {"oid": entry.lfs, "size": entry.size, "pointerSize": 132}} if entry.lfs else {})


def _listing(tree: dict[str, Entry], inside: list[str], below: str, recursive: bool) -> Iterator[dict[str, Any]]:
    shown = set()
    for name in inside:
        parts = name[len(below) :].split("/")
        for depth in range(1, len(parts)):
            folder = below + "/".join(parts[:depth])
            if folder not in shown and (recursive or depth == 1):
                shown.add(folder)
                yield {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
        if recursive or len(parts) == 1:
            yield _described(name, tree[name])


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another process brings about; ``TimeoutError`` where it does not."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)
