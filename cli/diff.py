"""``cliploom diff``: what changed between two datasets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.contract.words import number_of

if TYPE_CHECKING:
    from ..cards.comparison.differences import DatasetDiff
    from ..cards.release.reading import DatasetFolder

_WHAT = "A dataset folder, a build folder, its recipe, or user/name@tag on the Hub."


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=_WHAT)],
    after: Annotated[str, typer.Argument(metavar="B", help="The same: what A became.")],
    write: Annotated[bool, typer.Option("--write", help="Write it into B's changelog and onto its card.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say what changed from one dataset to another.

    Rows are compared by clip_id: how many were added, removed and changed, by column, and how the spread of lengths,
    words, scores, tags and sources moved.
    """
    from ..cards.card.changelog import add_entry
    from ..cards.comparison.differences import changelog_lines, compare_datasets
    from ..engine.contract.errors import UserError

    with _open(before) as old, _open(after) as new:
        if write and not Path(after).exists():
            raise UserError(
                f"{after} is on the Hub: --write needs a folder", "write it into the folder, and publish that"
            )
        found = compare_datasets(old, new)
        if write:
            version = str(new.front.get("version") or "Not yet released")
            since = str(old.front.get("version") or before.rpartition("@")[2])
            add_entry(new.root, f"{version}, since {Path(since).name}", changelog_lines(found))
    _print(found, json)


@contextmanager
def _open(text: str) -> Iterator[DatasetFolder]:
    from ..cards.comparison.places import open_hub_dataset
    from .screen.places import find_dataset

    if Path(text).exists() or text.count("/") != 1 or text.startswith((".", "/", "~")):
        yield find_dataset(Path(text))
        return
    with open_hub_dataset(text) as found:
        yield found


def _print(found: DatasetDiff, as_json: bool) -> None:
    from ..cards.comparison.differences import changelog_lines

    if as_json:
        from json import dumps

        print(dumps(_plain(found), ensure_ascii=False))
        return
    if found.same:
        print(f"the same {number_of(found.rows_after, 'clip')}")
        return
    print(*(line.replace("`", "") for line in changelog_lines(found)), sep="\n")
    for what, ids in found.examples.items():
        if ids:
            print(f"{what}, for instance: {', '.join(ids)}")


def _plain(value: object) -> object:
    """Named tuples as objects."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
