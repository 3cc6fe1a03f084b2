"""What all tests share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from cliploom.models.chat.embedded import EmbeddedModel, open_embedded
from cliploom.models.weights import cache_dir

MEDIA = Path(__file__).parent / "media"

# No deadline: the machine may be busy. In CI the same examples every time: what fails there fails for everyone.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: side by side, whoever begins with them last would keep all others waiting."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """No test cuts the power: what this process writes need not be on disk. Tests that look at it patch it again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture
def media() -> Path:
    """The folder of small real videos, freely licensed."""
    return MEDIA


@pytest.fixture(scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder without answers; the weights are the usual ones."""
    folder, usual = tmp_path_factory.mktemp("cache"), cache_dir()
    for name in ("weights", "checked"):
        (usual / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(usual / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPLOOM_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def embedded(own_cache: Path) -> Iterator[EmbeddedModel]:
    """The model that ships with the demo, loaded once."""
    with asyncio.Runner() as runner:
        opened = open_embedded()
        model = runner.run(opened.__aenter__())
        assert isinstance(model, EmbeddedModel)
        yield model
        runner.run(opened.__aexit__(None, None, None))
