"""``cliploom takedown``: take videos out of a dataset, for good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..engine.contract.words import number_of

Values = list[str] | None


def takedown(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A dataset folder, a build folder, or its recipe.")],
    video_id: Annotated[Values, typer.Option(help="Id of a source video; may be repeated, as all of these.")] = None,
    uploader: Annotated[Values, typer.Option(help="All videos of who published them.")] = None,
    url: Annotated[Values, typer.Option(help="Address of a source video.")] = None,
    sha256: Annotated[Values, typer.Option(help="SHA-256 of a source video's file.")] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="YAML file with lists of the four.")
    ] = None,
) -> None:
    """Take videos out of a dataset.

    Their rows and files leave the dataset folder at once, and stay out of every later build: a list beside the
    dataset keeps what was asked. How many they were stays on the card. What else holds them is said at the end.
    """
    from ..cards.rights.removal import remove_videos
    from ..cards.rights.takedown import list_of, make_takedown, read_takedown, write_takedown
    from ..engine.contract.errors import UserError
    from .screen.places import find_dataset_place

    given = {"video_id": video_id or (), "uploader": uploader or (), "url": url or (), "sha256": sha256 or ()}
    wanted = make_takedown(given).add(read_takedown(listed) if listed else make_takedown({}))
    if listed and not listed.is_file():
        raise UserError(f"there is no takedown list {listed}")
    dataset = find_dataset_place(folder)
    place = list_of(dataset.root, dataset.build)
    known = read_takedown(place)
    if not wanted and not known:
        raise UserError("say what to take down", "--video-id, --uploader, --url, --sha256, or --list FILE")
    write_takedown(place, known.add(wanted))  # before anything goes: a build that starts now leaves it out too
    gone = remove_videos(dataset.root, known.add(wanted))
    if not gone.clips:
        print(f"nothing in {dataset.root} is named by the list; {place} keeps it for later builds")
        return
    version = f" It is version {gone.version} now." if gone.version else ""
    print(
        f"{number_of(gone.videos, 'source video')} left {dataset.root}: {number_of(gone.clips, 'clip')},"
        f" {number_of(gone.files, 'file')}.{version}"
    )
    print(_WHAT_STILL_HOLDS_THEM.format(list=place), end="")
    if dataset.build is not None:
        print(f"- The build folder {dataset.build}: tables/ and media/, and the source videos themselves.")


_WHAT_STILL_HOLDS_THEM = """\
{list} keeps what was asked; it names people and is not published.
What still holds them:
- A Hub repository, until `cliploom publish` sends this folder there: its next commit removes their files.
- That repository's earlier commits and tags, until they go: delete the tags, then, in Python,
  huggingface_hub.HfApi().super_squash_history("user/name", repo_type="dataset")
  makes one commit of its history. Files of old commits can be deleted in the repository's settings, too.
- What was exported before (exports/ and the like): export again.
- Whoever downloaded it. The card's number of what was taken down tells them to use the newest revision.
"""
