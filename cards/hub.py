"""Publish the dataset on the Hub, as the end of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from ..engine.contract.errors import UserError, Waiting
from ..engine.contract.requirements import Requirement, extra_packages
from ..engine.contract.step import Cost, Drop, Global, Step, StepContext
from ..schemas import Col, DatasetEntry
from .dataset import Dataset
from .publishing.options import VIDEOFOLDER, WEBDATASET, PublishOptions

if TYPE_CHECKING:
    import duckdb

_PATIENCE_S = 60.0  # after which a build ends and waits
_RECORD = "published.json"


@dataclass(frozen=True, kw_only=True)
class Hub(PublishOptions, Global[DatasetEntry, Drop]):
    """Publish the dataset to ``to`` on the Hugging Face Hub, as ``cliploom publish`` does.

    It runs again when the dataset has changed, or the revision on the Hub is not the one that it left there. A server
    that is gone or busy makes the build wait; the next build goes on. The token is the Hub client's own (``HF_TOKEN``,
    or what ``hf auth login`` has kept).
    """

    to: Annotated[str, Col("the dataset on the Hub, `user/name`")]

    cost: ClassVar[Cost] = "io"

    def requirements(self) -> Sequence[Requirement]:
        """The Hub's client."""
        return extra_packages("hub", "huggingface_hub")

    def check(self, earlier: Sequence[Step]) -> None:
        """``UserError`` for options that make no sense, or where no step writes a dataset."""
        self._options().check_options()
        written = [step for step in earlier if isinstance(step, Dataset)]
        if not written:
            raise UserError("cards.hub publishes a dataset, and no step before it writes one", "add cards.dataset")
        if (self.layout in (VIDEOFOLDER, WEBDATASET) or self.embed) and written[-1].media != "files":
            raise UserError("cards.hub publishes files, and cards.dataset writes times", "give it `media: files`")

    def drops(self) -> bool:
        """It takes nothing out of the build."""
        return False

    def external_digest(self, context: StepContext) -> str:
        """Another one when the Hub no longer has the revision that was left there."""
        return str(self._edition(context))

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[Drop]:
        """Publish; there are no rows.

        Raises:
            UserError: what the Hub refuses. ``Waiting`` where it does not answer.
        """
        from ..engine.storage.files import write_json
        from .publishing.hub_client import HubUnreachable
        from .publishing.release import publish_to_hub
        from .publishing.source import read_source
        from .release.reading import open_dataset

        edition, record = self._edition(context), context.folder() / _RECORD
        write_json(record, {"edition": edition + 1, "revision": ""})  # what stays if this is cut off
        try:
            made = publish_to_hub(
                read_source(open_dataset(context.root)), self.to, self._options(), _quiet, _PATIENCE_S
            )
        except HubUnreachable as error:
            raise Waiting(f"{error.message}; build again to go on") from None
        write_json(record, {"edition": edition, "revision": made.revision, "version": made.version})
        yield from ()

    def _options(self) -> PublishOptions:
        return PublishOptions(**{field.name: getattr(self, field.name) for field in fields(PublishOptions)})

    def _edition(self, context: StepContext) -> int:
        """How often it had to be published again although the dataset was the same. Writes nothing."""
        from ..engine.storage.files import read_json

        record = read_json(_record(context)) or {}
        edition, left = int(record.get("edition", 0)), record.get("revision")
        return edition + 1 if left and self._revision(str(left)) != left else edition

    def _revision(self, left: str) -> str:
        """The commit that the Hub has now; ``left`` where it cannot be asked."""
        from .publishing.hub_client import HubClient

        try:
            client = HubClient(self.to, patience_s=0.0)
            found = client.try_ask(client.api.repo_info, self.to, repo_type="dataset", revision=self.branch)
        except UserError:
            return left
        return str(found.sha) if found is not None else ""


def _record(context: StepContext) -> Path:
    return context.root / context.folders[""] / _RECORD


def _quiet(text: str) -> None:
    pass
