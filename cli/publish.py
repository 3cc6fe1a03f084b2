"""``cliploom publish``: a release of a build's dataset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..engine.contract.words import number_of
from .screen.formatting import printable

if TYPE_CHECKING:
    from ..cards.publishing.check import CheckReport
    from ..cards.publishing.push import Publication

Build = Annotated[Path, typer.Argument(metavar="DIR", help="A dataset folder, a build folder, or its recipe.")]


def publish(
    folder: Build,
    to: Annotated[str, typer.Option("--to", metavar="USER/NAME", help="The dataset on the Hub.")] = "",
    out: Annotated[Path | None, typer.Option("--folder", metavar="PATH", help="Write the release here.")] = None,
    layout: Annotated[
        str, typer.Option("--layout", metavar="LAYOUT", help="parquet, videofolder, webdataset or links.")
    ] = "",
    embed: Annotated[bool, typer.Option("--embed", help="With parquet: the clips' bytes in the table.")] = False,
    config: Annotated[
        list[str] | None,
        typer.Option("--config", metavar="NAME", help="A table to publish; may be repeated. Otherwise all."),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    gated: Annotated[bool, typer.Option("--gated", help="Ask who wants the files to accept conditions.")] = False,
    revision: Annotated[str, typer.Option("--revision", metavar="R", help="The branch to publish to.")] = "main",
    check: Annotated[bool, typer.Option("--check", help="Say what speaks against the release; no network.")] = False,
    every: Annotated[
        int | None, typer.Option("--every", min=1, metavar="N", help="With --check: play every Nth video.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be uploaded; change nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Publish a build's dataset: to the Hugging Face Hub, or to a folder.

    The Hub gets it through a pull request that is merged when all is there: whatever happens, it has the last
    release whole or the new one. Run it again to go on. The token is the Hub client's own (`hf auth login`, or
    HF_TOKEN).

    With --check nothing is published: the release is loaded by `datasets`, videos are played, the card, sizes,
    licences, secrets and splits are looked at. Exit code 1 if something would break it.
    """
    from ..cards.publishing.check import check_release
    from ..cards.publishing.options import PublishOptions
    from ..cards.publishing.release import preview_publication, publish_to_folder, publish_to_hub
    from ..cards.publishing.source import read_source
    from ..engine.contract.errors import UserError
    from .screen.formatting import command_line
    from .screen.interrupts import stoppable
    from .screen.places import find_dataset

    if bool(to) == bool(out) and not (check and not to):
        raise UserError("say where to publish", "--to USER/NAME for the Hub, or --folder PATH; or only --check")
    if out is not None and not check and (private or gated or dry_run or revision != "main"):
        hub_only = "--private, --gated, --revision and --dry-run are for the Hub"
        raise UserError(f"a folder has none of that: {hub_only}", "leave them out, or publish --to USER/NAME")
    options = PublishOptions(layout, embed, list(config or ()), private, gated, revision)
    options.check_options()
    source = read_source(find_dataset(folder))
    with stoppable(command_line(["cliploom", *sys.argv[1:]])):
        if check:
            _print_report(check_release(source, options, every))
        elif out is not None:
            _print(publish_to_folder(source, out, options), "written")
        elif dry_run:
            _print(preview_publication(source, to, options), "would be published")
        else:
            _print(publish_to_hub(source, to, options, _nothing if quiet else _say), "published")


def _print(made: Publication, what: str) -> None:
    deleted = f", {made.deleted:,} deleted" if made.deleted else ""
    print(f"version {made.version} {what}: {number_of(made.files, 'file')}, {made.bytes / 1e6:,.1f} MB{deleted}")
    print(made.url)


def _print_report(report: CheckReport) -> None:
    for finding in report.findings:
        print(printable(str(finding)))
    broken = sum(finding.breaks for finding in report.findings)
    counts = [(report.tables, "table"), (report.clips, "clip"), (report.played, "video")]
    looked = ", ".join(number_of(n, noun) for n, noun in counts)
    print(f"{looked} played: ", end="")
    print(number_of(broken, "error") if broken else "nothing would break this release")
    if broken:
        raise typer.Exit(1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _nothing(text: str) -> None:
    pass
