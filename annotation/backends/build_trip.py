"""The way to a Label Studio server and back inside a build, by the commands that people use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...engine.contract.requirements import Requirement, extra_packages
from ...schemas import Col

_PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class ReviewServer:
    """A Label Studio server that a build takes its tasks to and brings answers from, while it waits for them."""

    url: Annotated[str, Col("its address")]
    token: Annotated[str, Col("name of the environment variable that holds the access token")] = "LABEL_STUDIO_API_KEY"
    files: Annotated[str, Col("the folder that it takes local files from; the build folder must be inside")] = ""
    clips_url: Annotated[str, Col("where something else serves the clips' folder")] = ""
    client: Annotated[
        str, Col("the `cliploom` of another environment, which has Label Studio's client; empty: this one")
    ] = ""

    def requirements(self) -> Sequence[Requirement]:
        """Label Studio's client, here or in the other environment."""
        if self.client:
            hint = "it is the program cliploom of an environment with the extra `review`"
            return [Requirement(self.client, shutil.which(self.client) is not None, hint=hint)]
        return extra_packages("review", "label_studio_sdk")

    def travel(self, root: Path, sheet: str) -> str:
        """Push the tasks and pull the answers; why that was not possible, in one line, or nothing."""
        where = ["--sheet", sheet, "--url", self.url, "--token", self.token]
        clips = [word for name, value in (("--files", self.files), ("--clips-url", self.clips_url)) if value
                 for word in (name, value)]  # fmt: skip
        return self._run("push", root, *where, *clips) or self._run("pull", root, *where)

    def _run(self, verb: str, *words: object) -> str:
        own = [self.client] if self.client else [sys.executable, "-P", "-m", _PACKAGE]
        done = subprocess.run([*own, "review", verb, *map(str, words)], capture_output=True, text=True)
        if not done.returncode:
            return ""
        lines = done.stderr.strip().splitlines() or [f"`{_PACKAGE} review {verb}` ended with {done.returncode}"]
        told = next((line for line in lines if line.startswith("error: ")), lines[-1])
        return told.removeprefix("error: ")
