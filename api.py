"""What Python code does with a recipe and with a build: the functions behind ``import cliploom``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .engine.build import Build, FunnelStage, run_build
from .engine.contract.catalog import step_class
from .engine.contract.errors import UserError, nearest
from .engine.contract.extras import extra
from .engine.contract.options import make_step
from .engine.contract.recipe import Recipe, load_recipe
from .engine.execution.runner import RunOptions
from .engine.query import open_query, table_names
from .engine.storage.addresses import build_root

if TYPE_CHECKING:
    from .cards.publishing.check import CheckReport
    from .cards.publishing.push import Publication
    from .cards.publishing.source import DatasetSource
    from .engine.contract.events import Event
    from .engine.contract.step import Step
    from .engine.preview import Forecast


class BuildFolder:
    """A build folder, opened for reading. It may be read while the build goes on: finished rows are there."""

    def __init__(self, root: str | Path) -> None:
        self._build = Build.read(Path(root))

    def __repr__(self) -> str:
        return f"<build {self.name!r} in {self.root}>"

    @property
    def root(self) -> Path:
        """The folder."""
        return self._build.root

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self._build.name

    @property
    def waiting(self) -> Mapping[str, str]:
        """What the build waits for, by step: people, or a server. Empty for one that is finished."""
        return self._build.waiting()

    def table(self, name: str) -> pa.Table:
        """All rows of a table, with a column ``_step`` that says which step wrote each.

        ``name`` is a table of the docs (``clips``, ``captions``, …), or ``verdicts``, ``errors`` or ``dataset``.
        Rows that a filter dropped are in it: ``dataset`` holds those that are left.

        Raises:
            UserError: there is no such table.
        """
        known = table_names()
        if name not in known:
            raise UserError(f"there is no table {name}{nearest(name, known)}", f"there are {', '.join(known)}")
        return self.sql(f"SELECT * FROM {name}")

    def sql(self, query: str) -> pa.Table:
        """The answer to one SELECT in DuckDB's SQL. It reads this build and nothing else.

        Raises:
            UserError: it is not one SELECT, or DuckDB does not take it.
        """
        with open_query(self._build, query) as (db, statement):
            return pa.RecordBatchReader.from_stream(db.sql(statement)).read_all()

    def errors(self) -> pa.Table:
        """What failed: step, id, video_id, kind, message and number of attempts of each row."""
        return self.table("errors")

    def status(self) -> Sequence[FunnelStage]:
        """What has become of every row, step by step."""
        return self._build.funnel()

    def dataset(self) -> Any:
        """The published dataset as a ``datasets.DatasetDict``. It takes ``pip install "cliploom[hub]"``.

        Raises:
            UserError: the build has published none, or ``datasets`` is not installed.
        """
        folder = self._build.dataset
        if folder is None or not folder.is_dir():
            raise UserError(f"{self.root} has no dataset", "the step cards.dataset writes one")
        with extra("hub"):
            import datasets
        return datasets.load_dataset(str(folder))


def open_build(folder: str | Path) -> BuildFolder:
    """Open a build folder; ``UserError`` for a folder that holds no build."""
    return BuildFolder(folder)


def build(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> BuildFolder:
    """Do what a recipe says: only what is not done yet.

    Args:
        recipe: a ``Recipe``, or the path of a recipe file.
        out: the build folder; otherwise ``builds/<the recipe's name>``.
        workers: processes; otherwise one per CPU.
        limit: only so many source videos.
        retry_failed: try rows again that failed before.
        on_event: is told what happens, as ``events.jsonl`` is; otherwise progress goes to standard error.

    Raises:
        UserError: the recipe is wrong, the folder is held by another build or belongs to another recipe, a package
            is missing, or too many rows fail. What was done by then is kept.
    """
    from .cli.report import write_report
    from .cli.screen.progress import progress

    loaded = _as_recipe(recipe)
    root = _folder(loaded, out)
    options = _options(limit, retry_failed, workers)
    with progress(on_event is not None) as listeners:
        run_build(loaded, root, options, [on_event] if on_event else listeners)
    write_report(Build.read(root))
    return BuildFolder(root)


def plan(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
) -> Sequence[Forecast]:
    """What ``build`` would do, and why: a forecast for each table. It runs and writes nothing.

    Raises:
        UserError: as ``build``, for a wrong recipe or a folder of another one.
    """
    from .engine.preview import preview_build

    loaded = _as_recipe(recipe)
    return preview_build(loaded, _folder(loaded, out), _options(limit, retry_failed))


def step(name: str, **options: Any) -> Step:
    """Make a step by its name in a recipe, such as ``step("filters.duration", min_s=2)``; its options are checked.

    Raises:
        UserError: there is no such step, or an option is unknown, missing, of the wrong type or out of its range.
    """
    return make_step(name, step_class(name), options)


def publish(
    build: BuildFolder | str | Path,
    to: str = "",
    folder: str | Path | None = None,
    *,
    dry_run: bool = False,
    on_progress: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Publication:
    """Publish a build's dataset to ``user/name`` on the Hugging Face Hub, or to a folder.

    Args:
        build: a build, its folder, or a dataset folder.
        to: the dataset on the Hub; the token is the client's own (``HF_TOKEN``, or what ``hf auth login`` has kept).
        folder: write the release here instead.
        dry_run: say what would be uploaded, and change nothing.
        on_progress: is told lines about what is done.
        options: ``layout``, ``embed``, ``configs``, ``private``, ``gated`` and ``branch``, as ``cliploom publish``.

    Raises:
        UserError: there is no dataset, an option makes no sense, or the Hub refuses. What it held before is whole.
    """
    from .cards.publishing.options import make_options
    from .cards.publishing.release import preview_publication, publish_to_folder, publish_to_hub

    if bool(to) == bool(folder):
        raise UserError("say where to publish", "`to` a dataset on the Hub, or a `folder`")
    chosen = make_options(options)
    source = _as_source(build)
    if folder:
        return publish_to_folder(source, Path(folder), chosen)
    return preview_publication(source, to, chosen) if dry_run else publish_to_hub(source, to, chosen, on_progress)


def check_release(build: BuildFolder | str | Path, *, every: int | None = None, **options: Any) -> CheckReport:
    """What speaks against publishing a build's dataset: it is loaded, played and looked at, without network.

    Args:
        build: a build, its folder, or a dataset folder.
        every: play every so many-th video; otherwise about a hundred.
        options: as for ``publish``.

    Raises:
        UserError: there is no dataset, an option makes no sense, or ``datasets`` is not installed.
    """
    from .cards.publishing.check import check_release as look
    from .cards.publishing.options import make_options

    return look(_as_source(build), make_options(options), every)


def _as_source(build: BuildFolder | str | Path) -> DatasetSource:
    from .cards.publishing.source import read_source
    from .cards.release.reading import open_dataset

    return read_source(open_dataset(build.root if isinstance(build, BuildFolder) else Path(build)))


def _as_recipe(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)


def _folder(recipe: Recipe, out: str | Path | None) -> Path:
    from .cli.build import build_folder

    return build_root(out) if out is not None else build_folder(recipe.name)


def _options(limit: int | None, retry_failed: bool, workers: int | None = None) -> RunOptions:
    options = RunOptions(limit=limit, retry_failed=retry_failed)
    return replace(options, workers=workers) if workers else options
