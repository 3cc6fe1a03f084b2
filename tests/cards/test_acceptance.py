"""A release that people have not accepted yet stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import releases
import told

from cliploom.cards.dataset import Dataset
from cliploom.cards.publishing.acceptance import check_acceptance
from cliploom.cards.publishing.check import check_release
from cliploom.cards.publishing.options import PublishOptions
from cliploom.cards.publishing.release import preview_publication, publish_to_folder, publish_to_hub
from cliploom.cards.publishing.source import DatasetSource
from cliploom.engine.contract.errors import UserError
from cliploom.schemas import Clip, Review

TERMS = {"bad": 0.25, "confidence": 0.9}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> DatasetSource:
    """Eight clips that people like, and a recipe that wants to know."""
    return releases.source(tmp_path_factory.mktemp("source"), acceptance=TERMS)


def judged(source: DatasetSource, *verdicts: str) -> DatasetSource:
    """The same with other answers, a clip each."""
    assert isinstance(source.build, told.FakeBuild)
    rows = [row for row in source.build.rows if not isinstance(row, Review)]
    clips = [row for row in rows if isinstance(row, Clip)]
    rows += [
        Review(f"{clip.clip_id}_r", clip.video_id, clip.clip_id, f"{clip.clip_id}/chat", "ann", verdict, task_id=str(n))
        for n, (clip, verdict) in enumerate(zip(clips, verdicts, strict=False))
    ]
    return source._replace(build=replace(source.build, rows=rows))


def said(source: DatasetSource) -> list[str]:
    return [finding.what for finding in check_acceptance(source)]


def test_what_is_missing_is_counted(source: DatasetSource) -> None:
    asked = "its recipe asks for at most 25 % bad clips with 90 % confidence"
    assert said(source) == []  # all eight were accepted
    # 3 bad ones of 8 stay unseen in 4 draws with C(5, 4) / C(8, 4) = 7.1 %, in 3 with 17.9 %
    looked = "so far, of 0 clips that people looked at, 0 bad"
    assert said(judged(source)) == [f"{asked}: 4 more good reviews needed; {looked}"]
    assert said(judged(source, *["accept"] * 3)) == [
        f"{asked}: 1 more good review needed; so far, of 3 clips that people looked at, 0 bad"
    ]
    assert said(judged(source, "accept", "reject")) == [
        f"{asked}, and allows 0: of 2 clips that people looked at, 1 bad"
    ]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"order": "disagreement"}, "order: disagreement"),
        ({"order": "random", "strata": "license"}, "strata: license"),
        ({"order": "random", "since": "releases/v1"}, "since: releases/v1"),
    ],
)
def test_answers_to_tasks_that_were_chosen_do_not_count(
    source: DatasetSource, options: dict[str, Any], why: str
) -> None:
    answered = judged(source, *["accept"] * 8)
    build = answered.build
    assert isinstance(build, told.FakeBuild) and said(answered) == []
    review: dict[str, Any] = {"name": "annotation.review", "tables": [{"name": "test", "table": "reviews"}]}

    def ask(**how: Any) -> list[str]:
        lock = {**build.lock, "steps": [{**review, "options": how}, *build.lock["steps"]]}
        return said(answered._replace(build=replace(build, lock=lock)))

    [line] = ask(**options)
    assert "4 more good reviews needed; so far, of 0 clips" in line
    assert line.endswith(f"; answers to test say nothing of all clips, because of `{why}`")
    assert ask(order="random", strata="", since=None) == []


def test_it_is_not_published_anywhere(source: DatasetSource, tmp_path: Path) -> None:
    early = judged(source, "accept")
    publish: list[Callable[[], object]] = [
        lambda: publish_to_folder(early, tmp_path / "out", PublishOptions()),
        lambda: publish_to_hub(early, "anna/films", PublishOptions()),
        lambda: preview_publication(early, "anna/films", PublishOptions()),
    ]
    for way in publish:
        with pytest.raises(UserError, match="^this release is not accepted: .*: 3 more good reviews needed"):
            way()
    assert not (tmp_path / "out").exists()
    assert [f.what for f in check_release(early, PublishOptions(configs=["default"])).findings if f.breaks] == said(
        early
    )
    publish_to_folder(source, tmp_path / "out", PublishOptions(configs=["default"]))


def test_a_folder_without_its_build_knows_no_reviews(source: DatasetSource) -> None:
    assert said(source._replace(build=None)) == []  # nor does this one have a lock that says what is asked


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ({"share": 0.1}, "has no share"),
        ({"bad": 1}, "is {'bad': 1}"),
        ({"confidence": 0}, "is {'confidence': 0}"),
        ({"allowed": 0.5}, "is {'allowed': 0.5}"),
    ],
)
def test_terms_that_make_no_sense(terms: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        Dataset(acceptance=terms).check([])
