"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

MEDIA = Path(__file__).parent / "media"


@pytest.fixture
def media() -> Path:
    """The folder of small real videos, freely licensed."""
    return MEDIA
