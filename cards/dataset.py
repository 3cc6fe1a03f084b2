"""Write the dataset folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from ..engine.contract.errors import UserError
from ..engine.contract.step import Cost, Drop, Global, Step, StepContext
from ..schemas import Caption, Clip, Col, DatasetEntry, Review, Score, Segment, Tags, Video
from .card.card import CardOptions
from .card.citation import paper
from .publishing.acceptance import make_terms
from .release.files import mend_folder
from .release.provenance import before_step
from .release.redaction import public_recipe
from .release.sameness import check_limits
from .release.splits import check_shares
from .release.subsets import check_subsets
from .release.writer import ReleasePlan, write_release
from .rights.policy import RightsPolicy
from .rights.takedown import LIST, Takedown, read_takedown

if TYPE_CHECKING:
    import duckdb

_TAKEN = ("media", "tables")  # of the build folder itself


class DatasetInput(NamedTuple):
    """A clip and all that is told of it."""

    clip: Clip
    video: Video
    captions: list[Caption] = []
    tags: list[Tags] = []
    scores: list[Score] = []
    segments: list[Segment] = []
    reviews: list[Review] = []


@dataclass(frozen=True)
class Dataset(Global[DatasetInput, DatasetEntry]):
    """Write the clips that are left as a dataset folder with a card, ready for ``datasets.load_dataset``.

    With ``media: virtual`` the folder holds Parquet files ``data/<split>-*.parquet``, with ``media: files``
    a VideoFolder, or of images an ImageFolder: ``<split>/clips/*`` and ``<split>/metadata.parquet``. Nothing in it
    names this machine. Subsets repeat no file: they are folders or files of their own, which the larger tables take in.
    Clips without a caption leave with the reason ``no_caption``, unless no clip has one.

    ``rights`` holds patterns of licences, the first that fits counts; below them CC0, public domain, CC BY and CC BY-SA
    carry `bytes`, everything else, and a source that states none (`unknown`), carries `links`. With `links` a clip is
    a row without a file or a picture on the card, with `nothing` it leaves with ``no_right``. What a takedown list
    names leaves with ``takedown``: that of ``takedown``, and that of ``cliploom takedown``.

    ``acceptance`` holds back releases, not the folder: ``cliploom publish`` refuses one whose reviews do not say yet
    that it is good enough, and says how many more are needed. A clip is bad where not more people accept its caption
    as it is than not; answers count where the clips to look at were drawn by chance (``annotation.review`` with
    ``order: random``, without ``strata`` and ``since``).
    """

    license: Annotated[str, Col("licence of the dataset: an SPDX or Hub id, or a name; empty becomes `unknown`")] = ""
    media: Annotated[
        str, Col("publish times into the source videos, or the clips' own files", choices=("virtual", "files"))
    ] = "virtual"
    splits: Annotated[dict[str, float], Col("splits and their shares; a video is never in two")] = field(
        default_factory=lambda: {"train": 1.0}
    )
    subsets: Annotated[
        dict[str, float],
        Col(
            "nested subsets, each a table of its own that holds the first rows of the next larger one: a share of the"
            " videos, or a number of clips, such as `{tiny: 1000, small: 0.1}`"
        ),
    ] = field(default_factory=dict)
    seed: Annotated[int, Col("seed of the splits and subsets")] = 0
    title: Annotated[str, Col("name for people; empty: the recipe's name")] = ""
    language: Annotated[list[str], Col("BCP 47 codes of the captions, for the card")] = field(default_factory=list)
    tasks: Annotated[list[str], Col("the Hub's task categories for the card, such as `text-to-video`")] = field(
        default_factory=list
    )
    tags: Annotated[list[str], Col("more tags for the card")] = field(default_factory=list)
    homepage: Annotated[str, Col("address of the dataset's page")] = ""
    authors: Annotated[list[str], Col("who is to be cited")] = field(default_factory=list)
    papers: Annotated[
        list[str], Col("what the recipe follows, to be cited: BibTeX, DOIs, or such as `arXiv:2402.19479`")
    ] = field(default_factory=list)
    contact: Annotated[str, Col("whom to ask to take a video down: an address")] = ""
    rights: Annotated[
        dict[str, str],
        Col("what a source's licence lets it carry, `bytes`, `links` or `nothing`, such as `{cc-by-nc-*: bytes}`"),
    ] = field(default_factory=dict)
    takedown: Annotated[
        str, Col("YAML file with lists of `video_id`, `uploader`, `url` and `sha256` not to publish", local=True)
    ] = ""
    acceptance: Annotated[
        dict[str, float],
        Col(
            "what people's answers must say before a release, such as `{bad: 0.05, confidence: 0.95}`: at most this"
            " share of the clips is bad, with this confidence; `allowed`, 0 without it: bad ones among those looked at"
        ),
    ] = field(default_factory=dict)
    sameness: Annotated[
        dict[str, float],
        Col(
            "the share of captions that may be alike in a way, such as `{opening: 0.3, same: 0.02}`; with more the"
            " build stops. Ways: `same`, `phrase`, `opening`, `teacher`, `language`, `length`; docs/card.md tells them"
        ),
    ] = field(default_factory=dict)
    template: Annotated[str, Col("Jinja2 file for the card that extends `card.md.j2`", local=True)] = ""
    out: Annotated[str, Col("the folder, inside the build folder")] = "dataset"

    version: ClassVar[int] = 3  # figures, examples, Croissant and a lock lie beside the card
    cost: ClassVar[Cost] = "io"
    reads_media: ClassVar[bool] = True

    def drops(self) -> bool:
        """It drops clips without a caption, and those that may not be published."""
        return True

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for splits, a folder or clips that cannot be."""
        check_shares(self.splits)
        check_subsets(self.subsets, self.splits)
        RightsPolicy(self.rights)
        make_terms(self.acceptance)
        check_limits(self.sameness)
        for text in self.papers:
            paper(text)
        self._takedown()
        self._own_template()
        if not re.fullmatch(r"\w[\w.-]*", self.out) or self.out in _TAKEN or self.out.endswith((".part", ".old")):
            raise UserError(
                f"cards.dataset.out is {self.out!r}: it must be a plain folder name, and not {' or '.join(_TAKEN)}"
            )
        cuts = [cut for step in earlier if isinstance(cut := getattr(step, "cut", None), str)]
        if self.media == "files" and cuts and set(cuts) == {"none"}:
            raise UserError(
                "cards.dataset publishes clip files (`media: files`), and builders.clips cuts none",
                "give builders.clips `cut: smart`, or publish times with `media: virtual`",
            )

    def external_digest(self, context: StepContext) -> str:
        """The card tells how the build went; a folder that someone removed is written again."""
        from ..engine.build import Build  # the runner and its packages: for no one who only reads options

        try:
            build = Build.read(context.root)
        except UserError:
            return ""
        name = _own_name(context)
        before = before_step(build.lock, name)
        tables = {table["name"] for entry in before for table in entry["tables"]}
        stages = [stage._replace(seconds=0.0) for stage in build.funnel() if stage.name in tables]
        prints = [[entry["name"], *(table["fingerprint"] for table in entry["tables"])] for entry in before]
        told = [public_recipe(build.lock), build.lock.get("cliploom"), prints, stages, self._edition(context)]
        told += [self._takedown(context.root).as_lists(), self._own_template()]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

    def rows(self, db: duckdb.DuckDBPyConnection, context: StepContext) -> Iterator[DatasetEntry | Drop]:
        """Write the folder, then say where each clip went, by ``clip_id``.

        Raises:
            UserError: a clip's file is missing, or no clip is left to publish.
        """
        edition = self._edition(context)
        mend_folder(context.root / self.out)
        with_files = self.media == "files"
        wishes = CardOptions(
            self.license, self.title, self.language, self.tasks, self.tags, self.homepage, with_files, self.authors,
            self.papers, self.contact, self.template,
        )  # fmt: skip
        plan = ReleasePlan(
            context.root, context.root / self.out, context.folder(), _own_name(context), self.splits, self.seed,
            RightsPolicy(self.rights), self._takedown(context.root), self.subsets, self.sameness,
        )  # fmt: skip
        _edition_file(context).write_text(str(edition + 1), encoding="utf-8")  # what stays if this is cut off
        yield from write_release(db, plan, wishes)
        _edition_file(context).write_text(str(edition), encoding="utf-8")

    def _takedown(self, root: Path | None = None) -> Takedown:
        """What must not be published: by the recipe's list, and by the one that commands keep in the build folder."""
        given = Path(self.takedown).expanduser()
        if self.takedown and not given.is_file():
            raise UserError(f"cards.dataset.takedown: there is no file {self.takedown}")
        listed = read_takedown(given) if self.takedown else Takedown()
        return listed.add(read_takedown(root / LIST)) if root is not None else listed

    def _own_template(self) -> str:
        """The text of the recipe's template for the card."""
        if not self.template:
            return ""
        try:
            return Path(self.template).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cards.dataset.template: cannot read {self.template}: {error}") from None

    def _edition(self, context: StepContext) -> int:
        """How often the folder had to be written again because it was gone or half done. Writes nothing."""
        try:
            edition = int(_edition_file(context).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0
        return edition if (context.root / self.out / "README.md").is_file() else edition + 1


def _own_name(context: StepContext) -> str:
    return context.folders[""].parent.name


def _edition_file(context: StepContext) -> Path:
    return context.root / context.folders[""] / "edition"
