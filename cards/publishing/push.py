"""From a release folder to the Hub: on a pull request, read back, merged in one commit, tagged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError
from ...engine.contract.options import digest
from ...engine.contract.words import number_of
from ..release.reading import CARD
from .card import card_files, front_matter
from .hub_client import HubClient, HubForbidden, HubRace
from .options import MAIN, PublishOptions
from .release_files import Change, Content, RemoteFile, commit_operations, git_blob_id, is_addition, sha256_of, size_of
from .release_folder import ReleaseFolder
from .release_tags import tag_release, tag_untagged
from .source import DatasetSource, paths_of, read_card
from .versions import next_version

COMMIT_FILES = 100  # the Hub wants no more in a commit
_ROUNDS = 4  # of starting again because somebody else changed the repository
_TITLE = "cliploom release"
_STAGING = "-cliploom-"  # in the name of a branch on which a release is made ready


class Publication(NamedTuple):
    """A release on the Hub or in a folder, or what publishing it would do.

    Attributes:
        url: where it is.
        version: its version.
        revision: the commit on the Hub; empty where nothing was done.
        files: files that are added or replaced.
        deleted: files that are deleted.
        bytes: size of the files that are added or replaced; less is uploaded where the Hub has parts of them.
    """

    url: str
    version: str
    revision: str
    files: int
    deleted: int
    bytes: int


def push_release(
    source: DatasetSource,
    release: ReleaseFolder,
    client: HubClient,
    options: PublishOptions,
    say: Callable[[str], None] = lambda text: None,
) -> Publication:
    """Make a revision of the repository hold exactly this release, and tag it.

    A kill at any moment leaves the revision as it was, or has it new; the next run goes on with what is there.

    Raises:
        UserError: what the Hub refuses, or that others keep changing the repository.
    """
    _prepare(client, options)
    last = ""
    for _ in range(_ROUNDS):
        try:
            return _Push(source, release, client, options.branch, say).run()
        except HubRace as race:
            last = str(race)
            say(f"{client.repo} was changed meanwhile ({last}): once more")
    raise UserError(f"{client.repo} keeps changing meanwhile: {last}", "publish again when others are done")


def plan_push(source: DatasetSource, release: ReleaseFolder, client: HubClient, options: PublishOptions) -> Publication:
    """What ``push_release`` would do. It changes nothing."""
    known = client.try_ask(client.api.repo_info, client.repo, repo_type="dataset") is not None
    push = _Push(source, release, client, options.branch, lambda text: None)
    change, version = push.plan(push.head() if known else "")
    return Publication(client.url, version, "", len(change.add), len(change.delete), change.bytes)


def _prepare(client: HubClient, options: PublishOptions) -> None:
    """The repository is there, and as closed as is wanted, before anything is uploaded."""
    api, repo = client.api, client.repo
    client.ask(api.create_repo, repo, repo_type="dataset", private=options.private or None, exist_ok=True)
    settings: dict[str, Any] = {"private": True} if options.private else {}
    settings |= {"gated": "auto"} if options.gated else {}
    if settings:
        client.ask(api.update_repo_settings, repo, repo_type="dataset", **settings)
    if options.branch != MAIN:
        client.ask(api.create_branch, repo, branch=options.branch, repo_type="dataset", exist_ok=True)


class _Push:
    """One try, from one state of the repository."""

    def __init__(
        self,
        source: DatasetSource,
        release: ReleaseFolder,
        client: HubClient,
        revision: str,
        say: Callable[[str], None],
    ) -> None:
        self.source, self.release, self.client, self.revision, self.say = source, release, client, revision, say
        files = sorted(file for file in release.folder.rglob("*") if file.is_file())
        self.data = {file.relative_to(release.folder).as_posix(): file for file in files}
        self.sums: dict[str, str] = {}  # SHA-256 by path, of files that had to be read
        self.earlier = ""  # version that the revision has

    def run(self) -> Publication:
        """From the plan to the tag."""
        base = self.head()
        change, version = self.plan(base)
        if self.earlier:
            tag_untagged(self.client, self.revision, self.earlier, base, f"{_TITLE} {self.earlier}")
        made = Publication(self.client.url, version, base, len(change.add), len(change.delete), change.bytes)
        if change.add or change.delete:
            put = self._by_pull_request if self.revision == MAIN else self._by_branch
            made = made._replace(revision=put(base, version))
        tag_release(self.client, self.revision, made.version, made.revision)
        self._clear()
        return made

    def head(self) -> str:
        """The commit that the revision is at."""
        info = self.client.try_ask(
            self.client.api.repo_info, self.client.repo, repo_type="dataset", revision=self.revision
        )
        return str(info.sha) if info is not None else ""

    def plan(self, base: str) -> tuple[Change, str]:
        """What to do to a commit, and the version that it becomes: the same one where there is nothing to do."""
        remote = self._listing(base) if base else {}
        last = read_card(self._card(base))[0] if CARD in remote else {}
        self.ours = {path.split("/")[0] for path in self.data if "/" in path}
        self._check_owner(remote, last)
        self.ours |= _top_folders(last)
        self.earlier = version = str(last.get("version", ""))
        if version:
            self.files = self._all_files(version)
            change = self._change(remote)
            if not change.add and not change.delete:
                return change, version
        version = next_version(last, front_matter(self.source, self.release, ""))
        self.files = self._all_files(version)
        return self._change(remote), version

    def _check_owner(self, remote: Mapping[str, RemoteFile], last: Mapping[str, Any]) -> None:
        if "cliploom" not in (last.get("tags") or ()):
            foreign = [path for path in remote if path.split("/")[0] in self.ours]
            if foreign:
                said = f"{self.client.repo} holds files that cliploom did not publish, such as {foreign[0]}"
                raise UserError(said, "publish to another name, or move them away first")

    def _all_files(self, version: str) -> dict[str, Content]:
        return {**self.data, **card_files(self.source, self.release, version, self.client.repo)}

    def _card(self, revision: str) -> str:
        ask, api = self.client.ask, self.client.api
        path = ask(api.hf_hub_download, self.client.repo, CARD, repo_type="dataset", revision=revision)
        return Path(path).read_text(encoding="utf-8")

    def _listing(self, revision: str) -> dict[str, RemoteFile]:
        def list_files() -> dict[str, RemoteFile]:
            found: Iterable[Any] = self.client.api.list_repo_tree(
                self.client.repo, repo_type="dataset", revision=revision, recursive=True
            )
            return {
                one.path: RemoteFile(one.size, one.lfs.sha256 if one.lfs else "", one.blob_id)
                for one in found
                if hasattr(one, "blob_id")  # no folder
            }

        return self.client.ask(list_files)

    def _change(self, remote: Mapping[str, RemoteFile]) -> Change:
        """From what a revision holds to what it should hold. Of other people's files none is touched."""
        add = {path: content for path, content in self.files.items() if not self._is_there(path, remote)}
        delete = [path for path in remote if path.split("/")[0] in self.ours and path not in self.files]
        return Change(add, sorted(delete))

    def _is_there(self, path: str, remote: Mapping[str, RemoteFile]) -> bool:
        found, content = remote.get(path), self.files[path]
        if found is None or found.size != size_of(content):
            return False
        if found.sha256:
            if path not in self.sums:
                self.sums[path] = sha256_of(content)
            return found.sha256 == self.sums[path]
        return found.git == git_blob_id(content)

    def _by_pull_request(self, base: str, version: str) -> str:
        """Commits of at most so many files on a branch of its own, then one merge. Returns the new commit."""
        api, repo = self.client.api, self.client.repo
        try:
            number, draft = self._pull_request(base, version)
        except HubForbidden as error:  # its owner may have turned them off
            self.say(f"no pull request can be made ({error.message}): a branch takes its place")
            return self._by_branch(base, version)
        self._stage(f"refs/pr/{number}", f"pull request {self.client.url}/discussions/{number}", base, version)
        if draft:
            self.client.ask(api.change_discussion_status, repo, number, "open", repo_type="dataset")
        try:
            self.client.ask(self._merge, number, base)
        except HubForbidden as error:
            hint = f"all is on {self.client.url}/discussions/{number}: who may write there can merge it"
            raise HubForbidden(error.message, hint) from None
        self._verify(self.revision)
        return self.head()

    def _merge(self, number: int, base: str) -> None:
        if self.head() == base:  # otherwise it was merged, and only the answer was lost; `_verify` tells
            self.client.api.merge_pull_request(self.client.repo, number, repo_type="dataset")

    def _pull_request(self, base: str, version: str) -> tuple[int, bool]:
        """The open one of this release on this commit, or a new one, and whether it is a draft.

        Those on earlier commits are closed.
        """
        api, repo = self.client.api, self.client.repo
        title = f"{_TITLE} {version} ({self._key()} on {base[:12]})"

        def list_requests() -> list[Any]:
            found = api.get_repo_discussions(repo, discussion_type="pull_request", repo_type="dataset")
            return [one for one in found if one.status in ("open", "draft") and one.title.startswith(_TITLE)]

        def found_or_made() -> tuple[int, bool]:
            same = [one for one in list_requests() if one.title == title]
            one = (
                min(same, key=lambda one: one.num)
                if same
                else api.create_pull_request(repo, title, repo_type="dataset")
            )
            return int(one.num), one.status == "draft"

        for one in self.client.ask(list_requests):
            if f" on {base[:12]})" not in one.title:
                self.client.ask(api.change_discussion_status, repo, one.num, "closed", repo_type="dataset")
        return self.client.ask(found_or_made)

    def _key(self) -> str:
        """A short name of what is published."""
        card = self.files[CARD]
        assert isinstance(card, bytes)
        sizes = sorted((path, size_of(content)) for path, content in self.files.items())
        return digest(sizes, hashlib.sha256(card).hexdigest())[:12]

    def _by_branch(self, base: str, version: str) -> str:
        """The same where no pull request can be made: one commit names what a branch beside the revision holds.

        That branch is read back before, and its contents are on the Hub by then: the commit sends none again.
        """
        api, repo = self.client.api, self.client.repo
        staging = f"{self.revision}{_STAGING}{base[:12]}-{self._key()}"
        self.client.ask(api.create_branch, repo, branch=staging, revision=base, repo_type="dataset", exist_ok=True)
        self._stage(staging, f"branch {staging}", base, version)
        operations = list(commit_operations(self._change(self._listing(base))))
        self._commit(operations, f"{_TITLE} {version}", self.revision, base)
        self._verify(self.revision)
        return self.head()

    def _stage(self, ref: str, called: str, base: str, version: str) -> None:
        """Make a ref beside the revision hold the release, in commits of at most so many files, and read it back."""
        operations = list(commit_operations(self._change(self._listing(ref))))
        done, total = 0, len(operations)
        while batch := operations[done : done + COMMIT_FILES]:
            title = f"{_TITLE} {version}" + (f", part {done // COMMIT_FILES + 1}" if total > COMMIT_FILES else "")
            self._commit(batch, title, ref)
            done += len(batch)
            self.say(f"{done:,} of {number_of(total, 'file')} on the {called}")
        self._verify(ref)
        if self.head() != base:
            raise HubRace("it has a new commit")

    def _clear(self) -> None:
        """Delete the branches beside this one on which earlier releases of it were made ready, if that is allowed."""
        client, head = self.client, self.head()[:12]
        for ref in client.ask(client.api.list_repo_refs, client.repo, repo_type="dataset").branches:
            begin = f"{self.revision}{_STAGING}"
            if ref.name.startswith(begin) and not ref.name.startswith(f"{begin}{head}-"):
                try:
                    client.try_ask(client.api.delete_branch, client.repo, branch=ref.name, repo_type="dataset")
                except UserError as error:
                    self.say(f"the branch {ref.name} is no longer needed, and stays: {error.message}")

    def _commit(self, operations: Sequence[Any], title: str, revision: str, parent: str | None = None) -> None:
        api, repo = self.client.api, self.client.repo
        additions = [one for one in operations if is_addition(one)]
        self.client.ask(api.preupload_lfs_files, repo, additions, repo_type="dataset", revision=revision)
        hashed = [one for one in additions if getattr(one.upload_info, "is_hashed", True)]
        self.sums |= {one.path_in_repo: one.upload_info.sha256.hex() for one in hashed}
        self.client.ask(self._commit_once, operations, commit_message=title, revision=revision, parent_commit=parent)

    def _commit_once(self, operations: Sequence[Any], **options: Any) -> None:
        """A commit whose answer was lost is found done: what it added is skipped, what it deleted is gone."""
        held = list(operations)
        if not all(map(is_addition, held)):
            remote = self._listing(options["revision"])
            held = [one for one in held if is_addition(one) or one.path_in_repo in remote]
        if held:
            self.client.api.create_commit(self.client.repo, held, repo_type="dataset", **options)

    def _verify(self, revision: str) -> None:
        """Raise ``HubRace`` unless the server lists exactly what is published."""
        change = self._change(self._listing(revision))
        if wrong := [*change.add, *change.delete]:
            raise HubRace(f"{revision} lists {wrong[0]} otherwise than it was sent")


def _top_folders(card: Mapping[str, Any]) -> set[str]:
    """The folders that a card says its data is in."""
    found = set()
    for config in card.get("configs") or ():
        for file in config.get("data_files") or ():
            for path in paths_of(file) if isinstance(file, dict) else ():
                if "/" in path and "*" not in path.split("/")[0]:
                    found.add(path.split("/")[0])
    return found
