"""Tags of releases on the Hub."""

from __future__ import annotations

import re

from .hub_client import HubClient
from .options import MAIN


def tag_name(version: str, revision: str) -> str:
    """``v1.2.0``; on another branch ``v1.2.0-next``, since it counts its versions by itself."""
    return f"v{version}" if revision == MAIN else f"v{version}-{re.sub(r'[^0-9A-Za-z.-]+', '-', revision)}"


def tag_release(client: HubClient, revision: str, version: str, commit: str) -> None:
    """Tag the commit of a release on a branch. A tag that is there stays."""
    client.ask(
        client.api.create_tag, client.repo, tag=tag_name(version, revision), revision=commit, repo_type="dataset",
        exist_ok=True,
    )  # fmt: skip


def tag_untagged(client: HubClient, revision: str, version: str, head: str, title: str) -> None:
    """Tag the release that a branch has if a kill left it without a tag, and its commit, by its title, is the last."""
    refs = client.ask(client.api.list_repo_refs, client.repo, repo_type="dataset")
    if tag_name(version, revision) not in {ref.name for ref in refs.tags}:
        commits = client.ask(client.api.list_repo_commits, client.repo, repo_type="dataset", revision=head)
        if commits and commits[0].title.startswith(title):
            tag_release(client, revision, version, head)
