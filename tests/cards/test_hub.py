"""A build that ends on the Hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import TOKEN, Fault, HubServer

from cliploom.cards.hub import Hub
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import Recipe, read_recipe
from cliploom.engine.execution.runner import RunOptions

MEDIA = Path(__file__).parent.parent / "media"
RECIPE = """
name: short
shards: 2
steps:
  - builders.folder: {{path: {media}, pattern: "t*.webm"}}
  - builders.scan
  - builders.shots
  - builders.clips: {{min_s: 0.2}}
  - cards.dataset: {{license: {license}}}
  - cards.hub: {{to: anna/short}}
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server that the processes of a build are told of."""
    with HubServer(tmp_path / "hub").running() as server:
        server.adopt(monkeypatch, tmp_path / "home")
        yield server


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Build]:
    """Build as far as it goes."""

    def run(license_: str = "cc-by-3.0") -> Build:
        recipe: Recipe = read_recipe(RECIPE.format(media=MEDIA, license=license_), "short.yaml")
        run_build(recipe, tmp_path / "b", RunOptions(workers=1))
        return Build.read(tmp_path / "b")

    return run


def commits(hub: HubServer) -> list[str]:
    return [commit.title for commit in hub.repos["anna/short"].commits.values()]


def test_a_build_ends_on_the_hub_and_only_when_there_is_something_new(
    hub: HubServer, build: Callable[..., Build], tmp_path: Path
) -> None:
    made = build()
    assert not made.waiting() and "refs/tags/v1.0.0" in hub.repos["anna/short"].refs
    assert "data/train-00000-of-00001.parquet" in hub.tree("anna/short")
    before, asked = commits(hub), len(hub.log)
    build()
    assert commits(hub) == before and "GET /api/datasets/anna/short/revision/main" in hub.log[asked:]
    assert all(said.startswith("GET /api/") for said in hub.log[asked:])  # which revision is there, and no more
    build("cc-by-4.0")
    assert "refs/tags/v1.0.1" in hub.repos["anna/short"].refs
    assert "license: cc-by-4.0" in hub.text("anna/short", "README.md")
    before = commits(hub)
    repo = hub.repos["anna/short"]
    repo.commit(
        "refs/heads/main", hub.tree("anna/short") | {"README.md": hub.put(b"---\ntags: [cliploom]\n---\n")}, "by hand"
    )
    build("cc-by-4.0")
    assert "license: cc-by-4.0" in hub.text("anna/short", "README.md")
    build("cc-by-4.0")
    count = len(commits(hub))
    build("cc-by-4.0")
    assert len(commits(hub)) == count
    files = [file for file in (tmp_path / "b").rglob("*") if file.is_file()]
    assert not any(TOKEN.encode() in file.read_bytes() for file in files)


def test_a_server_that_is_gone_makes_the_build_wait(
    hub: HubServer, build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults = [Fault("POST .*/merge", 503, 10**6, {"Retry-After": "3600"})]
    made = build()
    assert list(made.waiting()) == ["cards.hub"] and "busy" in made.waiting()["cards.hub"]
    assert list(hub.tree("anna/short")) == [".gitattributes"]
    hub.faults = []
    assert not build().waiting()
    assert "README.md" in hub.tree("anna/short")
    assert [one.status for one in hub.repos["anna/short"].requests] == ["merged"]


def test_what_the_hub_refuses_is_the_users_to_mend(
    hub: HubServer, build: Callable[..., Build], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match="does not know this token"):
        build()


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    from cliploom.cards.dataset import Dataset

    with pytest.raises(UserError, match="no step before it writes one"):
        Hub(to="anna/short").check([])
    with pytest.raises(UserError, match="writes times"):
        Hub(to="anna/short", layout="webdataset").check([Dataset()])
    with pytest.raises(UserError, match="there is no table nothing"):
        Hub(to="anna/short", configs=["nothing"]).check([Dataset()])
