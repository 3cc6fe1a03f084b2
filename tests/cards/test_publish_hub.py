"""A release on a Hub of our own on loopback: pushed, killed, raced, refused, loaded by name."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import releases
from hub_server import READER, TOKEN, Fault, HubServer

from cliploom.cards.publishing import push
from cliploom.cards.publishing.hub_client import HubUnreachable
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import preview_publication, publish_to_hub
from cliploom.cards.publishing.source import DatasetSource
from cliploom.cards.release.staging import DONE, staging_folder
from cliploom.engine.contract.errors import UserError

REPO = "anna/films"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """A dataset with clip files."""
    return releases.source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """The same with one other caption."""
    return releases.source(tmp_path_factory.mktemp("changed"), clips=releases.Clips(changed=[3]))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    """A server of its own for each test."""
    with HubServer(tmp_path / "hub", part_bytes=4_000).running() as server:
        yield server


@pytest.fixture
def publish(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., push.Publication]:
    """Publish in this process, where no time is slept."""
    hub.adopt(monkeypatch, hub.root / "home")
    monkeypatch.setattr("time.sleep", lambda seconds: hub.sleeps.append(seconds))

    def run(source: DatasetSource, patience_s: float = 30.0, **options: Any) -> push.Publication:
        return publish_to_hub(source, REPO, PublishOptions(**options), patience_s=patience_s)

    return run


Publish = Callable[..., push.Publication]


def is_whole(hub: HubServer, source: DatasetSource, revision: str = "main") -> bool:
    """Does the revision hold the clips and the tables of this dataset, and a card?"""
    tree = hub.tree(REPO, revision)
    files = [file for file in source.root.rglob("*") if file.suffix in (".mp4", ".parquet")]
    paths = {file.relative_to(source.root).as_posix(): file for file in files}
    same = all(path in tree and hub.content(REPO, path, revision) == file.read_bytes() for path, file in paths.items())
    return same and "version: " in hub.text(REPO, "README.md", revision)


def test_it_comes_by_one_merge_and_has_a_tag(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    made = publish(source)
    repo = hub.repos[REPO]
    assert made.version == "1.0.0" and made.revision == repo.refs["refs/heads/main"] == repo.refs["refs/tags/v1.0.0"]
    assert is_whole(hub, source)
    first = repo.commits[repo.commits[made.revision].parent]
    assert first.title == "initial commit"  # nothing in between was ever on the branch
    assert [one.status for one in repo.requests] == ["merged"]
    assert not staging_folder(source.root).exists()
    before = dict(repo.refs)
    again = publish(source)
    assert (again.files, again.version, again.revision) == (0, "1.0.0", made.revision) and repo.refs == before


def test_a_release_takes_what_the_last_one_had_away_and_leaves_what_others_wrote(
    hub: HubServer, publish: Publish, source: DatasetSource
) -> None:
    publish(source)
    repo = hub.repos[REPO]
    repo.commit("refs/heads/main", hub.tree(REPO) | {"LICENSE": hub.put(b"mine")}, "by hand")
    made = publish(source, layout="links")
    assert made.version == "2.0.0" and made.deleted > 8
    tree = hub.tree(REPO)
    assert not [path for path in tree if path.endswith(".mp4")] and "LICENSE" in tree
    assert is_whole(hub, source, "v1.0.0")


def test_what_is_not_ours_is_not_overwritten(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    repo = hub.create(REPO)
    repo.commit("refs/heads/main", hub.tree(REPO) | {"train/important.bin": hub.put(b"1")}, "theirs")
    before = dict(repo.refs)
    with pytest.raises(UserError, match=r"cliploom did not publish, such as train/important\.bin"):
        publish(source)
    assert repo.refs == before


def test_commits_are_small(
    hub: HubServer, publish: Publish, source: DatasetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "COMMIT_FILES", 5)
    publish(source)
    assert is_whole(hub, source) and len(hub.commit_sizes) > 3 and max(hub.commit_sizes) <= 5


def test_another_branch_gets_one_commit_and_a_tag_of_its_own(
    hub: HubServer, publish: Publish, source: DatasetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "COMMIT_FILES", 5)
    hub.create(REPO)
    before = hub.repos[REPO].refs["refs/heads/main"]
    made = publish(source, branch="next")
    repo = hub.repos[REPO]
    assert is_whole(hub, source, "next") and repo.commits[made.revision].parent == before
    assert repo.refs == {
        "refs/heads/main": before, "refs/heads/next": made.revision, "refs/tags/v1.0.0-next": made.revision,
    }  # fmt: skip
    assert max(hub.commit_sizes[:-1]) == 5 and not repo.requests
    assert publish(source, branch="next").files == 0


def test_where_pull_requests_are_turned_off_a_branch_takes_their_place(
    hub: HubServer, publish: Publish, source: DatasetSource
) -> None:
    hub.faults = [Fault("POST .*/discussions$", 403, 1), Fault("DELETE .*/branch/", 403, 1)]
    made = publish(source)
    repo = hub.repos[REPO]
    first = repo.commits[repo.commits[made.revision].parent]
    assert is_whole(hub, source) and not repo.requests and first.title == "initial commit"
    assert publish(source).files == 0  # and the branch, which could not be deleted, is deleted now
    assert set(repo.refs) == {"refs/heads/main", "refs/tags/v1.0.0"}


def test_a_repository_that_is_deleted_meanwhile_is_one_line(
    hub: HubServer, publish: Publish, source: DatasetSource
) -> None:
    def delete(number: int, said: str) -> None:
        if said.endswith("/merge"):
            hub.on_request = lambda number, said: None
            del hub.repos[REPO]

    hub.on_request = delete
    with pytest.raises(UserError, match="there is no dataset anna/films") as caught:
        publish(source, patience_s=1.0)
    assert "discussions" not in str(caught.value)


def test_it_is_closed_before_anything_is_uploaded(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    hub.create(REPO)
    publish(source, private=True, gated=True)
    repo = hub.repos[REPO]
    assert repo.private and repo.gated == "auto"
    settings = next(n for n, said in enumerate(hub.log) if "settings" in said)
    assert settings < next(n for n, said in enumerate(hub.log) if "preupload" in said)


# -- what goes wrong


WORK = ("POST .*/commit/", "POST .*/merge", "POST .*/tag/", "GET .*/tree/", "POST .*/preupload", "PUT /lfs")


@pytest.mark.parametrize("status", [503, 0, -1])
def test_a_busy_server_and_a_lost_connection_are_waited_for(
    hub: HubServer, publish: Publish, source: DatasetSource, status: int
) -> None:
    hub.faults = [Fault(where, status, 2 if status >= 0 else 1) for where in WORK]
    publish(source)
    assert is_whole(hub, source) and "refs/tags/v1.0.0" in hub.repos[REPO].refs
    assert not any(fault.times for fault in hub.faults) and len(hub.repos[REPO].requests) == 1


def test_the_server_says_how_long_to_wait(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    hub.faults = [Fault("POST .*/commit/", 429, 1, {"Retry-After": "7"})]
    hub.faults += [Fault("POST .*/merge", 429, 1, {"RateLimit": '"api";r=0;t=11'})]
    publish(source)
    assert {7.0, 11.0} <= set(hub.sleeps) and is_whole(hub, source)


def test_a_server_that_stays_busy_is_given_up_and_gone_on_with(
    hub: HubServer, publish: Publish, source: DatasetSource
) -> None:
    hub.faults = [Fault("POST .*/commit/", 503, 10**6)]
    with pytest.raises(HubUnreachable, match="busy"):
        publish(source, patience_s=0.2)
    assert list(hub.tree(REPO)) == [".gitattributes"]
    sent = sum(hub.uploads)
    hub.faults = []
    publish(source)
    assert is_whole(hub, source) and sum(hub.uploads) == sent  # contents were all there


def test_somebody_else_commits_meanwhile(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    def interfere(number: int, said: str) -> None:
        if re.search(r"POST .*/status$", said):
            hub.on_request = lambda number, said: None
            repo = hub.repos[REPO]
            repo.commit("refs/heads/main", hub.tree(REPO) | {"NOTES.md": hub.put(b"theirs")}, "theirs")

    hub.on_request = interfere
    publish(source)
    assert is_whole(hub, source) and hub.text(REPO, "NOTES.md") == "theirs"
    assert [one.status for one in hub.repos[REPO].requests].count("merged") == 1


def test_somebody_else_changes_the_same_file_meanwhile(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    def interfere(number: int, said: str) -> None:
        if re.search(r"POST .*/merge$", said):
            hub.on_request = lambda number, said: None
            repo = hub.repos[REPO]
            card = hub.put(b"---\ntags: [cliploom]\n---\n")
            repo.commit("refs/heads/main", hub.tree(REPO) | {"README.md": card}, "theirs")

    hub.on_request = interfere
    publish(source)
    assert is_whole(hub, source)
    assert sorted(one.status for one in hub.repos[REPO].requests) == ["closed", "merged"]


def test_another_branch_is_raced_too(hub: HubServer, publish: Publish, source: DatasetSource) -> None:
    def interfere(number: int, said: str) -> None:
        if re.search(r"POST .*/commit/next$", said):
            hub.on_request = lambda number, said: None
            hub.repos[REPO].commit("refs/heads/next", hub.tree(REPO, "next") | {"NOTES.md": hub.put(b"x")}, "theirs")

    hub.on_request = interfere
    publish(source, branch="next")
    assert is_whole(hub, source, "next") and "NOTES.md" in hub.tree(REPO, "next")


def test_refusals_are_one_line(
    hub: HubServer, publish: Publish, source: DatasetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal() -> str:
        with pytest.raises(UserError) as caught:
            publish(source, patience_s=0.0)
        assert "\n" not in caught.value.message and TOKEN not in str(caught.value)
        return str(caught.value)

    monkeypatch.setenv("HF_TOKEN", READER)
    assert "may not write to anna/films" in refusal()
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not know this token" in refusal()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.quota_bytes = 10_000
    assert "no room" in refusal() and "storage limit" in refusal()
    hub.quota_bytes = None
    hub.faults = [Fault("GET .*/revision/", 403, 1, {"X-Error-Code": "GatedRepo"})]
    assert "is gated, and this token has no access" in refusal()
    hub.faults = [Fault("GET .*/tree/", 401, 1, {"X-Error-Code": "RepoNotFound"})]
    assert "there is no dataset anna/films that this token may see" in refusal()
    hub.faults = [Fault("POST .*/merge", 403, 1)]
    assert "/datasets/anna/films/discussions/1: who may write there can merge it" in refusal()
    hub.faults = [Fault("GET .*/whoami|POST .*/create", 500, 1)]
    assert "is busy (500" in refusal()


def test_no_token_and_no_server_are_one_line(
    hub: HubServer, publish: Publish, source: DatasetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.http.shutdown()
    hub.http.server_close()
    with pytest.raises(HubUnreachable, match="does not answer"):
        publish(source, patience_s=0.0)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(UserError, match="there is no token for the Hub"):
        publish(source)


# -- kills


class Publisher:
    """A process that publishes in children of its own, which may be killed."""

    def __init__(self, hub: HubServer, branch: str = "main") -> None:
        self.branch = branch
        words = [sys.executable, str(Path(releases.__file__).with_name("publisher.py"))]
        environment = {**os.environ, **hub.environment(hub.root / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.hub = hub

    def publish(self, source: DatasetSource, kill_at: int = 0) -> int:
        """Publish; killed when the server has had so many requests. Returns the exit code."""
        assert self.process.stdin and self.process.stdout
        first = len(self.hub.log)
        print(self.branch, source.root, file=self.process.stdin, flush=True)
        child = int(self.process.stdout.readline())

        def kill(number: int, said: str) -> None:
            if number - first == kill_at:
                os.kill(child, signal.SIGKILL)

        self.hub.on_request = kill if kill_at else lambda number, said: None
        return int(self.process.stdout.readline())


@pytest.fixture
def publisher(hub: HubServer) -> Iterator[Publisher]:
    """It ends with the test."""
    made = Publisher(hub)
    yield made
    made.process.kill()
    made.process.wait()


def check_kills(
    hub: HubServer, publisher: Publisher, sources: Sequence[DatasetSource], points: Sequence[float]
) -> None:
    """Publish one and the other in turn, each time killed after a share of the requests, and then to the end."""
    branch = publisher.branch
    for source in (*sources, sources[0]):  # the last of them finds all contents there, as the next ones will
        first = len(hub.log)
        assert publisher.publish(source) == 0
    requests, now, kills = len(hub.log) - first, 0, 0
    for point in points:
        kill_at = max(1, round(point * (requests - 1)))
        first = len(hub.log)
        killed = publisher.publish(sources[1 - now], kill_at) == -signal.SIGKILL
        assert killed or len(hub.log) - first < kill_at  # it may have been done before
        kills += killed
        assert is_whole(hub, sources[now], branch) or is_whole(hub, sources[1 - now], branch)
        now = 1 - now
        assert publisher.publish(sources[now]) == 0
        assert is_whole(hub, sources[now], branch)
    assert kills >= 0.8 * len(points)
    repo = hub.repos[REPO]
    releases_made = len(points) + 3  # each once, whatever was killed
    assert [one.status for one in repo.requests].count("merged") == (releases_made if branch == "main" else 0)
    assert {ref for ref in repo.refs if "heads" in ref} == {"refs/heads/main", f"refs/heads/{branch}"}
    assert sum(ref.startswith("refs/tags/") for ref in repo.refs) == releases_made
    commit = repo.commits[repo.refs[f"refs/heads/{branch}"]]
    while commit.parent:
        assert any(is_whole(hub, source, commit.oid) for source in sources)
        commit = repo.commits[commit.parent]


def test_a_kill_leaves_a_whole_release_and_the_next_run_goes_on(
    hub: HubServer, publisher: Publisher, source: DatasetSource, changed: DatasetSource
) -> None:
    check_kills(hub, publisher, [source, changed], [0.5, 0.8, 1.0])


def test_a_kill_leaves_another_branch_whole_too(
    hub: HubServer, publisher: Publisher, source: DatasetSource, changed: DatasetSource
) -> None:
    publisher.branch = "next"
    check_kills(hub, publisher, [source, changed], [0.5, 0.7, 0.9])


@pytest.mark.slow
def test_kills_at_thirty_random_points(
    hub: HubServer, publisher: Publisher, source: DatasetSource, changed: DatasetSource
) -> None:
    draw = random.Random(7)
    check_kills(hub, publisher, [source, changed], [draw.random() for _ in range(30)])


def test_a_release_whose_tag_a_kill_prevented_gets_it_with_the_next(
    hub: HubServer, publish: Publish, source: DatasetSource, changed: DatasetSource
) -> None:
    hub.faults = [Fault("POST .*/tag/", 503, 1)]
    with pytest.raises(HubUnreachable):
        publish(source, patience_s=0.0)
    repo = hub.repos[REPO]
    first = repo.refs["refs/heads/main"]
    assert is_whole(hub, source) and not [ref for ref in repo.refs if "tags" in ref]
    assert publish(changed).version == "1.0.1"
    assert repo.refs["refs/tags/v1.0.0"] == first and is_whole(hub, changed, "v1.0.1")


def test_a_commit_of_others_gets_no_tag_of_ours(
    hub: HubServer, publish: Publish, source: DatasetSource, changed: DatasetSource
) -> None:
    publish(source)
    repo = hub.repos[REPO]
    del repo.refs["refs/tags/v1.0.0"]  # as before its history is squashed
    repo.commit("refs/heads/main", hub.tree(REPO), "Super-squash branch 'main'")
    publish(changed)
    assert {ref for ref in repo.refs if "tags" in ref} == {"refs/tags/v1.0.1"}


def test_what_was_made_ready_and_is_half_deleted_is_made_again(
    hub: HubServer, publish: Publish, source: DatasetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.create(REPO)
    preview_publication(source, REPO, PublishOptions())  # leaves it
    folder = staging_folder(source.root)
    assert (folder / DONE).is_file()

    def killed(path: Path, **_: Any) -> None:
        next(path.rglob("*.mp4")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            preview_publication(source, REPO, PublishOptions("parquet"))
    publish(source)
    assert is_whole(hub, source)


# -- loading by name, and what is uploaded again


def test_few_changes_upload_little(hub: HubServer, publish: Publish, tmp_path: Path) -> None:
    clips = releases.Clips(videos=20, per_video=5, filling=30_000)
    publish(releases.source(tmp_path / "a", clips=clips))
    first = sum(hub.uploads)
    assert first > 2_900_000
    hub.uploads.clear()
    made = publish(releases.source(tmp_path / "b", clips=clips._replace(changed=[42])))
    assert made.version == "1.0.1" and 0 < sum(hub.uploads) <= 0.05 * first


LOAD = """
import datasets
for streaming in (False, True):
    data = datasets.load_dataset("anna/films", streaming=streaming, revision="v1.0.0")
    for split, rows in data.items():
        rows = rows.decode(False) if streaming else rows.cast_column("video", datasets.Video(decode=False))
        for row in rows:
            print(streaming, split, row["clip_id"], row["video"]["path"], sep="|")
"""


def test_the_command_publishes_and_the_name_loads_and_the_token_is_nowhere(
    hub: HubServer, source: DatasetSource, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "from cliploom.cli.main import main; main()", "publish", str(source.root)]
    environment = {**os.environ, **hub.environment(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = ""
    for words, code in ((["--dry-run"], 0), (["--private"], 0), ([], 0), (["--to", "bob/films"], 2)):
        done = subprocess.run([*command, "--to", REPO, *words], capture_output=True, text=True, env=environment)
        assert done.returncode == code, done.stderr
        said += done.stdout + done.stderr
    assert "would be published: " in said and "version 1.0.0 published: 0 files" in said
    assert "may not write to bob/films" in said
    written = [
        file.read_bytes() for place in (tmp_path, source.root.parent) for file in place.rglob("*") if file.is_file()
    ]
    assert TOKEN not in said and not any(TOKEN.encode() in content for content in written)
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    clips = {file.stem for file in source.root.rglob("*.mp4")}
    loaded = [line.split("|") for line in done.stdout.splitlines()]
    for streaming in ("False", "True"):
        assert {line[2] for line in loaded if line[0] == streaming} == clips
    assert all(path.startswith("hf://" if said == "True" else "/") for said, _, _, path in loaded)
