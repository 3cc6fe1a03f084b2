"""Where a Label Studio server finds the clips: in its local files, at an address, or inside the tasks."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ....engine.contract.errors import UserError
from ..clips import FOLDER, PlayableClip
from .client import LabelStudioServer
from .wire import ShownClip


@dataclass(frozen=True)
class ClipPlace:
    """``root``: the folder that the server serves local files from. ``url``: where the clips' folder is served by
    something else. Neither: the clips are part of the tasks, which suits hundreds and not thousands.
    """

    folder: Path  # of the review
    root: Path | None = None
    url: str = ""

    def check(self) -> None:
        """``UserError`` where the server could not serve the clips."""
        if self.root is not None and not self._clips().is_relative_to(self.root.resolve()):
            said = f"{self._clips()} is not inside {self.root}, from which the server takes local files"
            raise UserError(said, "give --files the server's LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT")
        if self.root is not None and self._clips() == self.root.resolve():
            raise UserError(f"{self.root} is the clips' own folder: Label Studio wants one above it")

    def show(self, clip: PlayableClip) -> ShownClip:
        """The clip as the server shows it; an empty address for one that could not be made."""
        if not clip.file:
            return ShownClip("", clip.fps)
        if self.root is not None:
            inside = (self.folder.resolve() / clip.file).relative_to(self.root.resolve())
            return ShownClip(f"/data/local-files/?d={quote(inside.as_posix())}", clip.fps)
        if self.url:
            return ShownClip(f"{self.url.rstrip('/')}/{quote(Path(clip.file).name)}", clip.fps)
        data = base64.b64encode((self.folder / clip.file).read_bytes()).decode()
        return ShownClip(f"data:video/mp4;base64,{data}", clip.fps)

    def connect(self, server: LabelStudioServer, project: int) -> None:
        """Let the project serve the clips from local files. Tasks are never synchronized: they would come twice."""
        if self.root is None:
            return
        self._clips().mkdir(parents=True, exist_ok=True)  # the server refuses a folder that is not there
        storage, path = server.client.import_storage.local, str(self._clips())
        if not any(one.path == path for one in server.ask(storage.list, project=project)):
            server.ask(
                storage.create,
                project=project,
                path=path,
                use_blob_urls=True,
                title="cliploom",
                regex_filter=r".*\\.mp4",
            )

    def _clips(self) -> Path:
        return (self.folder / FOLDER).resolve()
