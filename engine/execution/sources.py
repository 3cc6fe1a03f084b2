"""What a source finds, made safe: an item that no ledger could name fails, and the others are read."""

from __future__ import annotations

from typing import Any

from ...schemas import unwritable
from ..contract.catalog import step_name
from ..contract.errors import RowError, UserError
from ..contract.step import Item, Source
from .failures import as_user_error, attempt, plain_text


def items_of(source: Source[Any]) -> list[Item]:
    """All that a source finds, in its order.

    Raises:
        UserError: what it raises itself, or that it fails.
    """
    done = attempt(lambda: [_sound(item) for item in source.find()])
    if isinstance(done.error, (UserError, KeyboardInterrupt)):  # the user may have enough of waiting for it
        raise done.error
    if done.error is not None:
        raise as_user_error(done.error, source, step_name(type(source)), "cannot list what there is") from done.error
    found: list[Item] = done.value
    return found


def _sound(item: Item) -> Item:
    if not isinstance(item, Item):
        raise TypeError(f"find() gave a {type(item).__name__}, not an Item")
    wrong = unwritable(item.video_id) or (unwritable(item.digest) if item.digest != "" else None)
    if wrong is None:
        return item
    what = "id" if unwritable(item.video_id) else "digest"
    return Item(plain_text(item.video_id), plain_text(item.digest), RowError(f"its {what} {wrong}", "bad_id"))
