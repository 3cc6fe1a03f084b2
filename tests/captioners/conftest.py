"""Tests of captioners keep the answers of models in a cache of their own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(own_cache: Path) -> Path:
    return own_cache
