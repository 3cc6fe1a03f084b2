"""What a card shows beside its text: figures, examples, citations, opinions, Croissant."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import mlcroissant
import pyarrow.parquet as pq
import pytest
import told
import yaml

from cliploom.cards.card.card import _environment
from cliploom.cards.card.changelog import add_entry, with_changelog
from cliploom.cards.card.citation import own_citation, paper
from cliploom.cards.card.figures import _in_words, draw_bars, standalone
from cliploom.cards.card.opinions import read_reviews
from cliploom.cards.card.statistics import ValueCount, read_statistics
from cliploom.cards.dataset import Dataset
from cliploom.cards.release.provenance import _prompts
from cliploom.cards.release.reading import open_dataset, open_tables
from cliploom.cards.report.histogram import Spread, draw_histogram
from cliploom.engine.build import Build, run_build
from cliploom.engine.contract.errors import UserError
from cliploom.engine.contract.recipe import read_recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.models.people.agreement import krippendorff_alpha
from cliploom.schemas import Review, Row

STEP = Path("media/cards.dataset/0123456789abcdef")
MEDIA = Path(__file__).parent.parent / "media"
RECIPE = f"""
name: told
shards: 2
steps:
  - builders.folder: {{path: {MEDIA}, pattern: "t*.webm"}}
  - builders.scan
  - builders.shots
  - builders.clips: {{min_s: 0.2, cut: smart}}
  - captioners.teacher: {{teachers: [fake]}}
  - captioners.rewrite: {{model: fake}}
  - cards.dataset: {{media: files, rights: {{unknown: bytes}}, license: cc-by-3.0, authors: [Ada Lovelace],
      papers: ["arXiv:2402.19479"], contact: "mailto:ada@films.example"}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset folder of a real build."""
    root = tmp_path_factory.mktemp("told") / "build"
    run_build(read_recipe(RECIPE, "told.yaml"), root, RunOptions(workers=1))
    return root / "dataset"


def test_figures_are_pictures_that_the_card_names(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    figures = sorted((folder / "card-figures").iterdir())
    assert "card-figures/funnel.svg" in card and "card-figures/clip-length.svg" in card
    for figure in figures:
        assert f"(card-figures/{figure.name})" in card
        if figure.suffix == ".svg":
            tree = ET.fromstring(figure.read_text())
            assert (
                tree.tag == "{http://www.w3.org/2000/svg}svg"
                and tree.find("{http://www.w3.org/2000/svg}title") is not None
            )
    strips = [cv2.imread(str(figure)) for figure in figures if figure.suffix == ".jpg"]
    assert strips and all(strip is not None and strip.shape[0] == 150 for strip in strips)


def test_the_card_tells_prompts_papers_and_whom_to_ask(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    prompt = (Path(__file__).parents[2] / "captioners" / "prompts" / "merge.j2").read_text().strip()
    assert prompt in card and "<https://arxiv.org/abs/2402.19479>" in card and "author = {Ada Lovelace}" in card
    assert "write to mailto:ada&#64;films.example" in card and "| fake |" in card


def test_the_lock_beside_the_card_names_no_place(folder: Path) -> None:
    text = (folder / "recipe.lock.yaml").read_text()
    lock, real = yaml.safe_load(text), Build.read(folder.parent).lock
    assert str(MEDIA) not in text and str(folder.parent) not in text
    assert [step["tables"] for step in lock["steps"]] == [step["tables"] for step in real["steps"]]
    assert lock["packages"] == real["packages"]


def test_croissant_reads_the_tables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = mlcroissant.Dataset(jsonld="croissant.json")
    assert found.metadata.ctx.is_v1_1() if hasattr(found.metadata.ctx, "is_v1_1") else True
    assert not found.metadata.ctx.issues.errors
    rows = list(found.records("train"))
    held = pq.read_table(folder / "train" / "metadata.parquet").to_pylist()
    assert [row["train/clip_id"].decode() for row in rows] == [row["clip_id"] for row in held]
    assert [row["train/caption"].decode() for row in rows] == [row["caption"] for row in held]
    said = json.loads((folder / "croissant.json").read_text())
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert any("captioners.rewrite" in text for text in said["rai:dataAnnotationProtocol"])


def test_a_recipe_s_own_template_changes_a_block_and_keeps_the_rest(tmp_path: Path) -> None:
    own = tmp_path / "mine.md.j2"
    own.write_text('{% extends "card.md.j2" %}{% block limits %}## My limits\n\nNone that I know.\n{% endblock %}')
    clip = told.clip("v0", 0, 2)
    rows = [told.video("v0"), clip, told.caption(clip, "chat", "A dog.")]
    step = Dataset(template=str(own))
    step.check([])
    list(step.rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "## My limits" in card and "## Known limits" not in card and "## Columns" in card
    for text, error in (
        ("{% extends", "mine.md.j2:1"),
        ("{{ nothing }}", "nothing"),
        ('{% extends "x" %}', "template"),
    ):
        own.write_text(text)
        with pytest.raises(UserError, match=error):
            list(step.rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    with pytest.raises(UserError, match="cannot read"):
        Dataset(template=str(tmp_path / "none")).check([])


def test_every_block_of_the_template_is_in_the_docs() -> None:
    root = Path(__file__).parents[2]
    blocks = re.findall(r"{% block (\w+) %}", (root / "cards" / "card" / "card.md.j2").read_text())
    listed = re.findall(r"^\| (`.*?`) \|", (root / "docs" / "card.md").read_text(), re.M)
    assert blocks and blocks == [name for line in listed for name in re.findall(r"`(\w+)`", line)]


def test_statistics_are_those_of_the_table(tmp_path: Path) -> None:
    rows: list[Row] = [told.video("v0", license="CC0")]
    for k, text in enumerate(("One two three.", "One two.", "One two three four.")):
        clip = told.clip("v0", 4.0 * k, 4.0 * k + 1 + k)
        rows += [clip, told.caption(clip, "chat", text), told.score(clip, "motion", 0.5 * k)]
    list(Dataset().rows(told.database(rows), StepContext(tmp_path, {"": STEP})))
    with open_tables(open_dataset(tmp_path / "dataset")) as db:
        numbers = read_statistics(db)
    found = {m.title: (m.low, m.median, m.mean, m.high) for m in numbers.measures}
    assert (numbers.rows, numbers.videos, numbers.seconds) == (3, 1, 6.0)
    assert found["clip length"] == (1, 2, 2, 3) and found["words per caption"] == (2, 3, 3, 4)
    assert found["score_motion"] == (0, 0.5, 0.5, 1)
    assert numbers.counts["licences of the sources"] == [ValueCount("CC0", 3)]


def review(person: str, clip: str, verdict: str, caption: str | None = None) -> Review:
    return Review(f"{person}/{clip}/{caption}", clip[:2], clip, caption, person, verdict)


def test_reviews_are_counted_without_names() -> None:
    answers = [("Ada", "a", "accept"), ("Bob", "a", "accept"), ("Ada", "b", "reject"), ("bob", "b", "accept")]
    found = read_reviews(told.database([review(who, clip, verdict) for who, clip, verdict in answers]))
    assert found is not None and (found.people, found.answers, found.clips, found.shared) == (2, 4, 2, 2)
    assert found.verdicts == [("accept", 3), ("reject", 1)] and found.agreement == 0.5 and found.alpha == 0.0
    assert "Ada" not in repr(found) and "bob" not in repr(found).lower()
    assert read_reviews(told.database([])) is None


def test_what_was_edited_known_and_did_not_hold_is_told() -> None:
    rows = [replace(review(who, "v0c", "accept"), gold=who != "c") for who in "abc"]
    rows += [replace(review(who, "v0c", "edit"), holds=who == "d") for who in "de"]
    found = read_reviews(told.database(rows))
    assert found is not None and (found.edited, found.dissent) == (0.4, 1) and found.gold == pytest.approx(2 / 3)
    folder = str(Path(__file__).parents[2] / "cards" / "card")
    template = _environment((folder,)).get_template("card.md.j2")
    card = "".join(template.blocks["reviews"](template.new_context({"shown": {"reviews": found}})))
    assert "40.0 % of the answers about captions corrected one." in card
    assert "whose answer was known 66.7 % were right." in card and "1 answer does not hold" in card
    plain = read_reviews(told.database([review("a", "v0c", "cannot_tell")]))
    assert plain is not None and (plain.gold, plain.dissent) == (None, 0)


def test_people_who_choose_another_caption_do_not_agree() -> None:
    db = told.database([review("a", "v0c", "accept", "c1"), review("b", "v0c", "accept", "c2")])
    chosen = read_reviews(db)
    assert chosen is not None and chosen.agreement == 0.0


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        # Krippendorff (2011), section C: four coders, twelve units, missing answers, nominal: 0.743.
        (
            [
                "1 1 1", "2 2 3 2", "3 3 3 3", "3 3 3 3", "2 2 2 2", "1 2 3 4", "4 4 4 4", "1 1 2 1", "2 2 2 2",
                "5 5 5", "1 1", "3",
            ],
            0.743,
        ),
        (["a a", "b b"], 1.0),
        (["a b", "b a"], -0.5),
    ],
)  # fmt: skip
def test_alpha_is_krippendorff_s(questions: list[str], expected: float) -> None:
    found = krippendorff_alpha([question.split() for question in questions])
    assert found is not None and round(found, 3) == expected


def test_alpha_is_unknown_where_all_say_one_word() -> None:
    assert all(krippendorff_alpha(units) is None for units in ([["a", "a"], ["a", "a"]], [["a"]], []))


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("2402.19479", "https://arxiv.org/abs/2402.19479"), ("arXiv:2402.19479v2", "https://arxiv.org/abs/2402.19479"),
        ("https://arxiv.org/pdf/2402.19479.pdf", "https://arxiv.org/abs/2402.19479"),
        ("doi:10.1000/182", "https://doi.org/10.1000/182"), ("https://films.example/paper", "https://films.example/paper"),
        ("@article{x, title={A}}", ""),
    ],
)  # fmt: skip
def test_papers_are_bibtex_or_links(text: str, link: str) -> None:
    found = paper(text)
    assert found.link == link and (bool(found.bibtex) is not bool(link))


@pytest.mark.parametrize("text", ["Panda-70M", "", "javascript:alert(1)", "@article{x"])
def test_what_is_no_paper_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is no paper"):
        Dataset(papers=[text]).check([])


def test_a_citation_says_what_is_known_and_cannot_be_broken_out_of() -> None:
    found = own_citation("my set", "Braces } { and ```", ["A. B.", "C. D."], "", "0.1.0").bibtex
    assert found.startswith("@misc{my-set,") and "author = {A. B. and C. D.}" in found and "year" not in found
    assert found.count("{") == found.count("}") and "`" not in found and "howpublished" not in found


def test_bars_and_histograms_show_every_value() -> None:
    svg = standalone(draw_bars("tags & <b>", [ValueCount("<script>", 5), ValueCount("x" * 90, 1)]), "said")
    assert "<script>" not in svg and ET.fromstring(svg) is not None and svg.count('class="kept"') == 2
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    bars = draw_histogram(Spread("t", "", values, values, False)).split('class="kept" d="')[1].split('"')[0]
    assert bars.count("M") == 5


def test_a_label_of_megabytes_makes_no_figure_of_megabytes() -> None:
    counts = [ValueCount("wordy " * 800_000, 5)]
    assert len(draw_bars("publishers", counts)) + len(_in_words("publishers", counts)) < 2000


def test_a_changelog_is_carried_on_and_shown() -> None:
    card = "---\na: 1\n---\n# t\n\n## Citation\n\nx\n\n## Building it again\n\ny\n"
    once = with_changelog(card, "### 1.0.1\n\n- one")
    assert once.index("## Citation") < once.index("## Changelog") < once.index("## Building it again")
    assert with_changelog(once, "### 1.0.2\n\n- two").count("## Changelog") == 1


def test_entries_stand_newest_first_and_once(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# t\n")
    for heading, line in (("1.0.1", "one"), ("1.0.2", "two"), ("1.0.2", "two again")):
        add_entry(tmp_path, heading, [line])
    text = (tmp_path / "CHANGELOG.md").read_text()
    assert text == "### 1.0.2\n\n- two again\n\n### 1.0.1\n\n- one\n"
    assert text.strip() in (tmp_path / "README.md").read_text()


def test_a_rebuild_keeps_the_changelog(tmp_path: Path) -> None:
    clip = told.clip("v0", 0, 2)
    rows: list[Row] = [told.video("v0"), clip, told.caption(clip, "chat", "A dog.")]
    context = StepContext(tmp_path, {"": STEP})
    list(Dataset().rows(told.database(rows), context))
    add_entry(tmp_path / "dataset", "1.0.1", ["a row was added"])
    list(Dataset().rows(told.database(rows), context))
    assert "- a row was added" in (tmp_path / "dataset" / "CHANGELOG.md").read_text()
    assert "- a row was added" in (tmp_path / "dataset" / "README.md").read_text()


def test_prompts_are_what_stands_before_the_model_in_a_revision() -> None:
    entries: list[dict[str, Any]] = [
        {"name": "a", "revision": "Say it.\0And again.\0model 1"}, {"name": "b", "revision": "model 2"}, {"name": "c"},
    ]  # fmt: skip
    assert [(p.step, p.text) for p in _prompts(entries)] == [("a", "Say it."), ("a", "And again.")]
