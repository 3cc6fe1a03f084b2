"""What tests of captioners share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cliploom.captioners.models.embedded import EmbeddedModel
from cliploom.captioners.models.llm import open_model


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedModel]:
    """The model that ships with the demo, loaded once."""
    with open_model("embedded") as model:
        assert isinstance(model, EmbeddedModel)
        yield model
