"""What can be said about a release: the options of ``cliploom publish``, of ``publish()`` and of ``cards.hub``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from ...engine.contract.errors import UserError, nearest
from ...schemas import Col

PARQUET, VIDEOFOLDER, WEBDATASET, LINKS = LAYOUTS = ("parquet", "videofolder", "webdataset", "links")
DEFAULT, MAIN = "default", "main"
CONFIGS = (DEFAULT, "captions", "tags", "segments", "scores", "reviews")


@dataclass(frozen=True)
class PublishOptions:
    """How a dataset is published."""

    layout: Annotated[
        str,
        Col(
            "the files of the release; empty: `videofolder` where the dataset has clip files, otherwise `parquet`",
            choices=("", *LAYOUTS),
        ),
    ] = ""
    embed: Annotated[bool, Col("with `parquet`: the clips' own bytes in the table")] = False
    configs: Annotated[
        list[str], Col(f"the tables to publish, of {', '.join(CONFIGS)}; empty: all that there are rows for")
    ] = field(default_factory=list)
    private: Annotated[bool, Col("make the repository private before anything is uploaded")] = False
    gated: Annotated[bool, Col("who wants the files must share their name and accept the conditions on the Hub")] = (
        False
    )
    branch: Annotated[str, Col("the branch to publish to; it is made where there is none")] = MAIN

    def check_options(self) -> None:
        """Raise ``UserError`` for what cannot be."""
        for name in self.configs:
            if name not in CONFIGS:
                raise UserError(f"there is no table {name} to publish{nearest(name, CONFIGS)}", _choices_text(CONFIGS))
        if self.layout and self.layout not in LAYOUTS:
            raise UserError(f"there is no layout {self.layout}{nearest(self.layout, LAYOUTS)}", _choices_text(LAYOUTS))
        if self.embed and self.layout not in ("", PARQUET):
            raise UserError(
                f"the layout {self.layout} has no bytes in its table", "leave `embed` out, or use `parquet`"
            )
        if self.configs and DEFAULT not in self.configs:
            raise UserError("a release has the table `default`", f"publish {', '.join((DEFAULT, *self.configs))}")


def make_options(options: Mapping[str, Any]) -> PublishOptions:
    """Options by their names; ``UserError`` for one that there is not."""
    names = [field.name for field in fields(PublishOptions)]
    for name in options:
        if name not in names:
            raise UserError(f"publishing has no option {name}{nearest(name, names)}", _choices_text(names))
    return PublishOptions(**options)


def _choices_text(names: Iterable[str]) -> str:
    return f"there are {', '.join(names)}"
