"""Where a model of openai-whisper comes from: a local file, whisper's cache, OpenAI's site."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ...engine.contract.errors import UserError, nearest
from ..weights import cache_dir


class Checkpoint(NamedTuple):
    """A model, and what rows say of it."""

    load: str  # what whisper is asked for: a path or a name
    name: str
    origin: str  # `openai` or `local`, and the start of the file's SHA-256
    official: str = ""  # OpenAI's name of it, also for a local copy


def find_checkpoint(name: str, known: Mapping[str, str]) -> Checkpoint:
    """The model ``name``; ``known`` are OpenAI's, whose addresses hold the SHA-256 of the file.

    Raises:
        UserError: there is no such model or file.
    """
    path = local_file(name)
    if path is None:
        if name in known:
            return Checkpoint(name, name, f"openai {_digest(known[name])[:12]}", name)
        if "/" in name or name.endswith(".pt"):
            raise UserError(f"there is no file {name}", "give the path of a whisper checkpoint (.pt), or a name: base")
        raise UserError(
            f"openai-whisper has no model {name}{nearest(name, known)}",
            f"give the path of a checkpoint (.pt), or one of {', '.join(known)}",
        )
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the whisper model {path}: {error.strerror}") from None
    official = next((n for n, address in known.items() if _digest(address) == digest), "")
    return Checkpoint(str(path.absolute()), path.stem, f"local {digest[:12]}", official)


def local_file(name: str) -> Path | None:
    """The file that a model's name is the path of, if it is one."""
    path = Path(name).expanduser()
    return path if path.is_file() else None


@contextmanager
def alone(model: Checkpoint) -> Iterator[None]:
    """While whisper loads it: workers that start together would download one file over each other."""
    if model.load != model.official:
        yield
        return
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"openai-whisper-{model.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(address: str) -> str:
    return address.split("/")[-2]
