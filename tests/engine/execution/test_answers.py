"""Whatever a step answers: its sound rows land, and all else is that row's failure, in words that can be written."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import drawn
import hostile
import numpy as np
import pyarrow as pa
import pytest
import toys
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliploom.engine.contract.errors import RowError, Waiting
from cliploom.engine.contract.recipe import Recipe, StepUse
from cliploom.engine.contract.step import Drop, Filter, Step
from cliploom.engine.execution.answers import TimedAnswer, judge_batch, to_stored_table, wrong_row
from cliploom.engine.execution.failures import Attempt, attempt
from cliploom.engine.planning.plan import Node, make_plan
from cliploom.engine.storage.join import Batch, Inputs
from cliploom.engine.storage.ledger import DONE, DROPPED, FAILED, LedgerEntry, entries_of
from cliploom.schemas import ROWS, Caption, Clip, row_fields

IDS = ["v00001_0", "v00001_1", "v00001_2"]
often = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Keep(Filter[Clip]):
    """A filter."""


def node(step: Step, part: str = "") -> Node:
    steps = (toys.Numbers(), toys.Pieces(), StepUse(step, name="s"))
    return make_plan(Recipe("answers", steps))[-1]


WRITES, KEEPS, FANS = node(hostile.InWorker()), node(Keep()), node(toys.Voices())


def batch(ids: Sequence[str] = IDS, part: str = "") -> Batch:
    videos = pa.repeat("v00001", len(ids))
    return Batch(Inputs(pa.array(ids), videos, np.full(len(ids), 7)), frozenset([part]))


def outcome(of: Node, answers: Sequence[Any], part: str = "", ids: Sequence[str] = IDS) -> list[LedgerEntry]:
    [found] = judge_batch(of, batch(ids, part), [TimedAnswer(a, 0.5) for a in answers]).tables.values()
    return entries_of(found.ledger)


def verdict(of: Node, answer: Any, part: str = "") -> LedgerEntry:
    """The entry of one input for an answer, between two that are sound."""
    sound: Any = None if of is KEEPS else [hostile.caption(hostile.clip(IDS[0]))]
    last: Any = None if of is KEEPS else [hostile.caption(hostile.clip(IDS[2]))]
    if part:
        sound = last = {part: []}
    found = outcome(of, [sound, answer, last], part)
    assert [e.status for e in found if e.id in (IDS[0], IDS[2])] == [DONE, DONE], "the others land"
    return next(e for e in found if e.id == IDS[1])


CLIP = hostile.clip(IDS[1])
SOUND = hostile.caption(CLIP)


class Liar(list[Any]):
    """A list that cannot be read."""

    def __iter__(self) -> Any:
        raise ValueError("no")


WRONG_ROWS: dict[str, tuple[Any, str]] = {
    "a surrogate in a text": ([replace(SOUND, text="a \ud800 b")], "Caption.text: holds a lone surrogate, '\\ud800'"),
    "a surrogate in an id": ([replace(SOUND, caption_id="\udcff")], "Caption.caption_id: holds a lone surrogate"),
    "an id that is empty": ([replace(SOUND, caption_id="")], "Caption.caption_id: is empty"),
    "two rows of one id": ([SOUND, SOUND], "the step answered several rows with the id v00001_1_c"),
    "another video": ([replace(SOUND, video_id="v9")], "the row's video_id is v9, its input's v00001"),
    "an integer beyond all floats": ([replace(SOUND, start_s=10**400)], "is a whole number that a float cannot hold"),
    "an integer beyond 2^53": ([replace(SOUND, start_s=2**53 + 1)], "is a whole number that a float cannot hold"),
    "an integer beyond 64 bits": ([replace(SOUND, seed=2**63)], "Caption.seed: is a number of more than 64 bits"),
    "a row of another kind": ([CLIP], "the step gave a Clip, not a Caption"),
    "a row that is not finished": ([object.__new__(Caption)], "caption_id"),
    "a list that cannot be read": (Liar([SOUND]), "no (tests/engine/execution/test_answers.py:"),
    "a text": ("caption", "the step answered str, not a list of rows"),
    "bytes": (b"caption", "the step answered bytes, not a list of rows"),
    "a row by itself": (SOUND, "the step answered Caption, not a list of rows"),
    "a drop by itself": (Drop(IDS[1], "v00001", "dull"), "the step answered Drop, not a list of rows"),
    "nothing": (None, "the step answered NoneType, not a list of rows"),
    "a generator": ((row for row in [SOUND]), "the step answered generator, not a list of rows"),
    "a drop of nothing": ([Drop(None, "v00001", "dull")], "Drop.id: is NoneType, not str"),  # type: ignore[arg-type]
    "a drop without a reason": ([Drop(IDS[1], "v00001", "")], "Drop.reason: is empty"),
    "a surrogate in a reason": ([Drop(IDS[1], "v00001", "\ud800")], "Drop.reason: holds a lone surrogate"),
    "a drop of another video": ([Drop("x", "v9", "dull")], "the drop's video_id is v9, its input's v00001"),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_a_wrong_answer_fails_its_row_and_no_other(case: str) -> None:
    answer, said = WRONG_ROWS[case]
    entry = verdict(WRITES, answer)
    assert (entry.status, entry.rows) == (FAILED, 0)
    assert entry.kind in ("BadRow", "BadAnswer")
    assert said in entry.message


@pytest.mark.parametrize("answer", [(SOUND,), [SOUND], deque([SOUND])])
def test_any_sequence_of_rows_is_an_answer(answer: Any) -> None:
    assert verdict(WRITES, answer) == LedgerEntry(IDS[1], "v00001", 7, DONE, seconds=0.5, rows=1)


def test_none_of_a_row_is_an_answer_and_so_is_dropping_it_or_a_part() -> None:
    assert verdict(WRITES, ()).status == DONE
    dropped = verdict(WRITES, [Drop(IDS[1], "v00001", "dull", "nothing \ud800 in it")])
    assert (dropped.status, dropped.kind, dropped.message) == (DROPPED, "dull", "nothing \\ud800 in it")
    found = outcome(WRITES, [[SOUND, Drop("part", "v00001", "dull")]], ids=IDS[1:2])
    assert [(e.id, e.status, e.part_of) for e in found] == [(IDS[1], DONE, ""), ("part", DROPPED, IDS[1])]


@pytest.mark.parametrize("answer", [1, 0, True, False, 1.5, b"dull", ["dull"], "", "\ud800"])
def test_a_filter_answers_a_reason_or_none(answer: Any) -> None:
    entry = verdict(KEEPS, answer)
    assert (entry.status, entry.kind) == (FAILED, "BadAnswer")
    assert entry.message.startswith("the reason to drop it ")
    assert verdict(KEEPS, None).status == DONE
    assert verdict(KEEPS, "dull")[3:5] == (DROPPED, "dull")


@pytest.mark.parametrize("answer", [None, [], "segments", 3, {}, {"segments": None}, {"segments": 5}])
def test_a_step_of_several_tables_answers_rows_for_each(answer: Any) -> None:
    assert verdict(FANS, answer, "segments")[3:5] == (FAILED, "BadAnswer")
    assert verdict(FANS, RowError("gone", "gone"), "segments")[3:6] == (FAILED, "gone", "gone")


@pytest.mark.parametrize("kind", [None, 5, "", b"kind", hostile.Unspeakable()])
def test_a_failure_of_no_kind_is_a_failure(kind: Any) -> None:
    assert verdict(WRITES, RowError("why", kind))[3:6] == (FAILED, "RowError", "why")


def test_the_words_of_a_failure_can_be_written() -> None:
    said = verdict(WRITES, RowError("\udcff" * 9000, "\ud800"))
    assert (said.kind, len(said.message)) == ("\\ud800", 2000)
    assert verdict(WRITES, RowError(hostile.Unspeakable())).message  # type: ignore[arg-type]


def test_rows_that_were_not_reached_have_no_entry() -> None:
    found = judge_batch(WRITES, batch(), [TimedAnswer([]), TimedAnswer(Waiting("a server \ud800")), TimedAnswer([])])
    assert found.tables["s"].ledger.column("id").to_pylist() == [IDS[0], IDS[2]]
    assert found.waiting == "a server \\ud800"


HOSTILE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(max_size=4),
    st.just(10**400), st.just(-(2**63) - 1), st.just(2**53 + 1), st.just(np.float64(1)), st.just(np.float32("nan")),
    st.just(object()), st.just(hostile.Unspeakable()), st.just(Liar()), st.just({"a": "\ud800"}),
    st.lists(st.one_of(st.none(), st.integers(), st.text(st.characters(), max_size=3)), max_size=3),
    st.sampled_from([np.zeros(2, object), np.array(["a"]), np.array([1e39]), np.zeros((2, 2)), np.array([2 + 3j]),
                     np.array([1 << 63], np.uint64), np.array([np.inf])]),
)  # fmt: skip


@pytest.mark.parametrize("row_type", ROWS, ids=lambda row: row.__name__)
@given(data=st.data())
@often
def test_a_row_without_a_fault_can_be_stored(row_type: Any, data: st.DataObject) -> None:
    """For any value in any field: either something is said against it, or Parquet takes it."""
    row = data.draw(drawn.rows(row_type))
    name = data.draw(st.sampled_from([f.name for f in row_fields(row_type)]))
    row = replace(row, **{name: data.draw(HOSTILE)})
    wrong = attempt(wrong_row, row_type, row)
    if wrong == Attempt(None):
        assert to_stored_table(row_type, [row], [row.id], [1]).num_rows == 1


ROW_LIKE = st.one_of(HOSTILE, st.just(SOUND), st.builds(Drop, HOSTILE, HOSTILE, HOSTILE, HOSTILE))


@given(
    answers=st.lists(
        st.one_of(HOSTILE, st.lists(ROW_LIKE, max_size=3), st.builds(RowError, HOSTILE, HOSTILE)),
        min_size=3, max_size=3,
    ),
    of=st.sampled_from([(WRITES, ""), (KEEPS, ""), (FANS, "scores")]),
)  # fmt: skip
@often
def test_any_answers_at_all_become_entries_that_can_be_written(answers: list[Any], of: tuple[Node, str]) -> None:
    found = outcome(of[0], answers, of[1])
    assert [e.id for e in found if not e.part_of] == IDS
    assert json.dumps([e[:6] for e in found], ensure_ascii=False).encode()
    assert all(isinstance(e.kind, str) and (e.kind or e.status == DONE) for e in found)


def test_a_batch_without_a_fault_is_judged_as_its_rows_are() -> None:
    """Judged at once where all answers are lists of sound rows, and row by row where one is a tuple."""
    answers = [[hostile.caption(hostile.clip(id_)), replace(SOUND, caption_id=f"{id_}_d")] for id_ in IDS]
    for some in (answers, [answers[0], [], answers[2]]):
        by_row = [TimedAnswer(tuple(answer), 0.5) for answer in some]
        at_once = [TimedAnswer(answer, 0.5) for answer in some]
        assert judge_batch(WRITES, batch(), at_once) == judge_batch(WRITES, batch(), by_row)
    words = [None, "dull", None]
    [found] = judge_batch(KEEPS, batch(), [TimedAnswer(word, 0.5) for word in words]).tables.values()
    assert [e for e in entries_of(found.ledger)] == [
        verdict(KEEPS, word)._replace(id=id_) for id_, word in zip(IDS, words, strict=True)
    ]
