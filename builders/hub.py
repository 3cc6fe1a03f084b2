"""Videos of a dataset on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ..engine.contract.errors import RowError, UserError
from ..engine.contract.requirements import Requirement
from ..engine.contract.step import AsyncFunction, Cost, Item, RowAnswer, Source, StepContext
from ..schemas import Col, Video
from .downloads import hub_files
from .downloads.downloads import WebItem, open_downloads
from .downloads.downloads import requirements as download_requirements
from .downloads.faults import ADVICE
from .downloads.hub_files import HubVideo, list_hub, read_hub_video
from .downloads.options import DownloadOptions
from .downloads.targets import full_address
from .sources.ids import make_video_id


@dataclass(frozen=True)
class HubSource(Source[Video]):
    """Take the videos of a dataset on the Hugging Face Hub: its files, tar archives, Video columns, or addresses.

    A Parquet table with a Video column, or with bytes, gives a video for each row, one with addresses what
    ``builders.urls`` fetches; otherwise the dataset's video files are taken, with what a ``metadata`` table says of
    them (VideoFolder), and those in its tar archives (WebDataset). Other columns and the texts beside a video go
    along, captions for ``builders.source_clips``. A dataset that is not public takes the token of `hf auth login`.
    """

    cost: ClassVar[Cost] = "io"
    timeout_s = 6 * 3600.0
    batch = 8
    advice: ClassVar[Mapping[str, str]] = ADVICE

    dataset: Annotated[str, Col("its name, `user/name`")]
    split: Annotated[str, Col("the split, as the paths of its files name it")] = "train"
    files: Annotated[str, Col("shell pattern of the files to take, in the place of the split's")] = ""
    commit: Annotated[str, Col("branch, tag or commit; empty: the newest; what has not changed is kept")] = ""
    column: Annotated[str, Col("column of a table with videos or addresses; empty for video, url, …")] = ""
    height_px: Annotated[int, Col("of addresses of sites: largest height", unit="px", low=1)] = 720
    obey: Annotated[bool, Col("of addresses: obey robots.txt and `noai`, `noindex`", local=True)] = True
    at_once: Annotated[int, Col("downloads under way at once", low=1, high=512, local=True)] = 16
    per_host: Annotated[int, Col("of addresses: at one host", low=1, high=512, local=True)] = 4
    allow_private: Annotated[bool, Col("of addresses: fetch from this machine and its network too", local=True)] = False

    def requirements(self) -> Sequence[Requirement]:
        """What reads the Hub, and what fetches addresses."""
        return [*hub_files.requirements(), *download_requirements()]

    def max_concurrency(self) -> int:
        """More than are under way: some wait for their hosts."""
        return 4 * self.at_once

    def find(self) -> Iterator[Item]:
        """The videos of the split; the Hub is asked for its list of files and for columns without videos."""
        item = None
        for one in list_hub(self.dataset, self.commit, self.split, self.files, self.column):
            yield (item := _item(one))
        if item is None:
            what = f"files {self.files}" if self.files else f"split {self.split}"
            raise UserError(f"builders.hub: {self.dataset} has no videos in the {what}", "name them with files:")

    @asynccontextmanager
    async def open_async(self, context: StepContext) -> AsyncIterator[AsyncFunction[Item, Video]]:
        """Yield a function that fetches one video."""
        options = DownloadOptions(
            self.height_px, allow_private=self.allow_private, obey=self.obey, at_once=self.at_once,
            per_host=self.per_host,
        )  # fmt: skip
        async with open_downloads(options, context) as downloads:

            async def answer(item: Item) -> RowAnswer[Video]:
                one = item.payload
                if one.url:
                    video = await downloads.take(item.video_id, WebItem(full_address(one.url), one.line))
                    return video if isinstance(video, RowError) else [video]
                try:
                    return [await downloads.readers.call(read_hub_video, item.video_id, one, context)]
                except RowError as error:
                    return error

            yield answer


def _item(one: HubVideo) -> Item:
    """Its id is of the place in the dataset, its digest of the file's content: a new commit changes what it changed."""
    place = one.url or one.member or one.line.where if one.cell or one.member or one.url else one.file
    origin = one.url or f"{one.repo}/{one.file}#{place}"
    said = json.dumps([one.state, one.line.told, one.line.captions, one.url], sort_keys=True, default=str)
    name = os.path.splitext(os.path.basename(place))[0]
    return Item(make_video_id(name, origin), hashlib.sha256(said.encode("utf-8", "replace")).hexdigest(), one)
