"""A dataset by what people call it: a folder, or a release on the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.execution.failures import attempt, plain_text
from ..release.reading import DatasetFolder, open_dataset

_REPO = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@contextmanager
def open_hub_dataset(text: str) -> Iterator[DatasetFolder]:
    """The tables and the card of ``user/name`` or ``user/name@tag`` on the Hub; clip files stay there.

    Raises:
        UserError: it is no such name, the package is missing, or the Hub does not give it.
    """
    named = _REPO.fullmatch(text)
    if named is None:
        raise UserError(f"{text} is no folder, and no dataset on the Hub", "write user/name, or user/name@tag")
    with extra("hub"):
        import huggingface_hub
    with TemporaryDirectory() as place:
        wanted: dict[str, Any] = {"repo_type": "dataset", "local_dir": place, "library_name": "cliploom"}
        wanted |= {"revision": named["revision"], "allow_patterns": ["*.md", "*.parquet", "*.yaml"]}
        got = attempt(lambda: huggingface_hub.snapshot_download(named["name"], **wanted))
        if got.error is not None and not isinstance(got.error, Exception):
            raise got.error
        if got.error is not None:
            said = plain_text(got.error, 300).strip().splitlines() or [type(got.error).__name__]
            raise UserError(
                f"cannot read {text} from the Hub: {said[0]}", "a private one needs a token: `hf auth login`"
            )
        yield open_dataset(Path(place))
