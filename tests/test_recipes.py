"""Every recipe that ships, run on the sample media."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from json import dumps
from pathlib import Path

import pytest
from web import Reply, Web, serving

from cliploom.cli.recipes import PACKAGE, recipe_names, recipe_text
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.execution.runner import RunOptions

FAKE = [  # what asks a server; the sample videos are shorter than the paper's
    "captioners.sliding.model=fake",
    "builders.clips.min_s=5",
    "builders.keyframes.min_s=5",
]
MEDIA = dumps(str(files(PACKAGE) / "media"))
PAIRS = ("coyo", "metaclip", "pairs", "tagalign")
CHEAPER = {
    "webvid": ["cards.dataset.rights={unknown: bytes}"],
    "demo": ["captioners.rewrite.model=fake"],  # the real one takes minutes: `make demo` runs it
    "coyo": ["picture.where=size_bytes >= 5000"],  # one of the sample pictures is long
    "hdvg": ["filters.keep.where=n_shots >= 1 and border_share < 0.9", "builders.clips.min_s=1"],  # they are small
    "videoufo": [
        *(f"{step}.model=fake" for step in ("captioners.rewrite", "captioners.topics", "captioners.on_topic")),
        "filters.keep.where=on_topic >= 0",  # the fake model finds some off topic
    ],
    "howtocaption": ["captioners.actions.model=fake", "filters.top_scores.quantile=1.0"],
    "sharegpt4video": [*FAKE, "brief.teachers=[{chat: fake, frames: 8}]"],
    # Nobody answers here: tests/annotation/test_asking_recipes.py does.
    "favdbench": ["annotation.review.quorum=0", "annotation.review.page=false"],
    "qvhighlights": [
        *(f"{name}.{option}" for name in ("moments", "saliency") for option in ("quorum=0", "page=false")),
        "builders.clips.min_s=5",
    ],
    "tvts": ["builders.clip_sequences.lengths_s=[1, 1.5]", "builders.clip_sequences.gap_s=0.2"],
    "videophy": ["annotation.review.quorum=0", "annotation.review.page=false"],
    "videoxum": [*FAKE, "annotation.review.quorum=0", "annotation.review.page=false"],
}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """A server with the sample videos."""
    with serving() as made:
        for file in Path(str(files(PACKAGE) / "media")).glob("*.mp4"):
            made.says(f"/{file.name}", Reply(file.read_bytes()))
        yield made


def with_chapters(folder: Path) -> Path:
    """Videos with descriptions that list chapters."""
    folder.mkdir()
    for name in ("nasa_13013.mp4", "obama_statement.mp4"):
        (folder / name).symlink_to(Path(str(files(PACKAGE) / "media" / name)))
        text = "A film.\n\n0:00 - 0:04 The beginning (short)\n0:04 What follows?\n3:30 Past the end\n"
        (folder / name).with_suffix(".description").write_text(text, encoding="utf-8")
    return folder


def source_settings(name: str, web: Web, folder: Path) -> list[str]:
    """Where a recipe's videos are."""
    if name == "vidchapters":  # two films in which somebody speaks, with what their authors might write under them
        return [f"builders.folder.path={dumps(str(with_chapters(folder / 'films')))}"]
    if name != "webvid":
        return [f"builders.{'pairs' if name in PAIRS else 'folder'}.path={MEDIA}"]
    rows = (f"{n},Film number {n},1,00,PT00H00M20S,{web.url}{path}" for n, path in enumerate(sorted(web.replies)))
    list_file = folder / "videos.csv"
    list_file.write_text("\n".join(["videoid,name,page_idx,page_dir,duration,contentUrl", *rows]), encoding="utf-8")
    return [f"builders.urls.list={dumps(str(list_file))}", "builders.urls.allow_private=true"]


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_makes_its_dataset(name: str, tmp_path: Path, web: Web) -> None:
    settings = [*source_settings(name, web, tmp_path), *CHEAPER.get(name, ())]
    recipe = read_recipe(recipe_text(name), f"{name}.yaml", settings)
    outcome = run_build(recipe, tmp_path, RunOptions(workers=2, limit=2))
    assert not outcome.waiting
    build = Build.read(tmp_path)
    stages = build.funnel()
    assert not [stage for stage in stages if stage.failed]
    assert stages[0].rows == 2
    with build.connect() as db:
        [(entries,)] = db.execute("SELECT count(*) FROM dataset").fetchall()
    assert entries >= 2
    assert (tmp_path / "dataset" / "README.md").is_file()
