"""Sentences of a transcript by how sure their model was."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from cliploom.filters.transcript import Transcript
from cliploom.models.asr.hallucinations import SentenceMeasures
from cliploom.schemas import Segment, to_arrow


def said(**measures: Any) -> Segment:
    return Segment("s", "v", 0.0, 1.0, "Thank you.", [], "en", "faster-whisper tiny.en (x)", **measures)


def test_the_defaults_are_the_verdict_of_the_speech_step() -> None:
    reasons = set()
    values = (0.0, 0.5, 0.9), (0.1, 0.6, 0.95), (1.2, 2.4, 3.0), (-0.2, -0.5, -0.7, -1.0, -1.4)
    for measures in map(SentenceMeasures._make, product(*values)):
        reason = Transcript().drop(said(**measures._asdict(), doubt=measures.doubt))
        assert (reason or "") == measures.doubt, measures
        reasons.add(reason)
    assert reasons == {None, "repetition", "no_speech", "compression", "log_prob"}


def test_subtitles_stay() -> None:
    assert Transcript(max_repetition=0, max_no_speech=0, max_compression=0, min_log_prob=0).drop(said()) is None


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "repetition"),
        ({"max_repetition": None}, "no_speech"),
        ({"max_repetition": 0.9, "max_no_speech": 0.95}, "compression"),
        ({"max_repetition": None, "sure_log_prob": -2.0}, "compression"),
        ({"max_repetition": None, "max_no_speech": None, "max_compression": None}, "log_prob"),
        ({"max_repetition": None, "max_no_speech": None, "max_compression": None, "min_log_prob": None}, None),
    ],
)
def test_limits_can_be_moved_and_switched_off(options: dict[str, Any], reason: str | None) -> None:
    loop = said(repetition=0.8, no_speech=0.9, compression=5.0, log_prob=-1.5)
    assert Transcript(**options).drop(loop) == reason


@pytest.mark.parametrize("switched_off", [None, "max_repetition", "max_no_speech", "max_compression", "min_log_prob"])
def test_a_table_is_judged_as_its_rows_are(switched_off: str | None) -> None:
    options: dict[str, Any] = {switched_off: None} if switched_off else {}
    step = Transcript(**options)
    values = (None, 0.5, 0.9), (None, 0.6, 0.95), (None, 2.4, 3.0), (None, -0.5, -1.0, -1.4)
    rows = [said(**dict(zip(step.depends_on, some, strict=True))) for some in product(*values)]
    table = to_arrow(Segment, rows).select(step.table_columns())
    assert step.drop_table(table).to_pylist() == [step.drop(row) for row in rows]
    assert step.drop_table(table.slice(0, 0)).to_pylist() == []
