"""A process that publishes dataset folders, each in a child of its own, told by lines on standard input."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import huggingface_hub.hf_api  # noqa: F401  so that children need not

from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import publish_to_hub
from cliploom.cards.publishing.source import read_source
from cliploom.cards.release.reading import open_dataset
from cliploom.engine.execution.failures import attempt


def publish(folder: Path, branch: str) -> int:
    """Publish; the exit code."""
    done = attempt(publish_to_hub, read_source(open_dataset(folder)), "anna/films", PublishOptions(branch=branch))
    if done.error is not None:
        traceback.print_exception(done.error)
    return int(done.error is not None)


def told(line: str) -> tuple[Path, str]:
    """A branch, a blank and a folder."""
    branch, _, folder = line.strip().partition(" ")
    return Path(folder), branch


def main() -> None:
    """Of each child its id, then its exit code."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(publish(*told(line)))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
