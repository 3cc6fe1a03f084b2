"""``cliploom compare``: two builds side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.contract.words import number_of

if TYPE_CHECKING:
    from ..cards.comparison.builds import BuildComparison, ClipMove


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="A build folder, or its recipe.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another: of another prompt, teacher or threshold.")],
    examples: Annotated[int, typer.Option("--examples", min=0, help="How many examples of each kind.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Compare two builds: what each keeps, their measures, and the captions that differ most.

    Clips are matched by their ids. cliploom diff compares datasets, also published ones.
    """
    from ..cards.comparison.builds import as_plain, compare_builds
    from .screen.formatting import json_text
    from .screen.places import open_build

    found = compare_builds(open_build(before), open_build(after), examples)
    if json:
        print(json_text(as_plain(found)))
    else:
        _print(found)


def _print(found: BuildComparison) -> None:
    from .screen.formatting import printable
    from .screen.tables import Column, print_table

    print(f"clips kept: {found.kept[0]:,} of {found.clips[0]:,} → {found.kept[1]:,} of {found.clips[1]:,}")
    print(f"{number_of(found.both, 'clip')} in both, {found.captions_changed:,} of them with another caption")
    if any(found.accepted):
        print(f"captions that people took: {found.accepted[0]:,} → {found.accepted[1]:,}")
    _print_moves("only in B", found.entered, found.entered_by_reason, "A")
    _print_moves("only in A", found.left, found.left_by_reason, "B")
    columns = [Column("kept clips, mean"), *(Column(name, "right") for name in ("A", "B", "higher in B", "lower in B"))]
    rows = [
        (one.title, *("" if value is None else f"{value:.4g}" for value in (one.before, one.after)),
         f"{one.higher:,}", f"{one.lower:,}")
        for one in found.measures
    ]  # fmt: skip
    if rows:
        print()
        print_table(columns, rows)
    for change in found.captions:
        print(f"\n{change.clip_id}, {100 * change.shared:.0f} % of the words in both")
        print(f"  A  {printable(change.before)}\n  B  {printable(change.after)}")


def _print_moves(what: str, moves: list[ClipMove], reasons: dict[str, int], other: str) -> None:
    if reasons:
        each = ", ".join(f"{reason} {n:,}" for reason, n in reasons.items())
        print(f"{what}: {sum(reasons.values()):,} (in {other}: {each})")
        if moves:
            print(f"  for instance {', '.join(move.clip_id for move in moves)}")
