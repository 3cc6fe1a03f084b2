"""A real S3 server, in an environment of its own: `make test-scale`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket_server import BucketServer


@pytest.fixture(scope="session")
def bucket() -> Iterator[BucketServer]:
    made = BucketServer()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def server(bucket: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    """The server, to which this process and those that it starts go; with scratch folders of the test's own."""
    for name, value in bucket.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLIPLOOM_SCRATCH", str(tmp_path / "scratch"))
    bucket.trouble = 0.0
    yield bucket
    bucket.trouble = 0.0
