"""Differential captions: what is asked in which order, what is kept, and what an interrupted build asks again."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cliploom.builders.scan import Scan
from cliploom.captioners.frames import collage as pictures
from cliploom.captioners.retell import Retell, RetellInput
from cliploom.captioners.sliding import Sliding, SlidingInput
from cliploom.captioners.text.timed import pieces
from cliploom.engine.contract.errors import RowError, UserError, Waiting
from cliploom.engine.contract.step import StepContext
from cliploom.models.chat.cache import CachingModel
from cliploom.models.chat.cache_file import AnswerFile
from cliploom.models.chat.model import ChatAnswer, ChatModelOptions, ChatRequest, ImagePart
from cliploom.models.chat.prompt import load_prompt
from cliploom.schemas import Caption, Clip, Frame, Span
from cliploom.schemas.check import problem

CLIP = Clip("v_000010000_000040000", "v", 10.0, 40.0, [Span(10.0, 40.0)])
FAKE = ChatModelOptions("fake", max_tokens=500)


def jpeg(shade: int, width: int = 64, height: int = 36) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), shade, np.uint8))[1].tobytes()


def frame(time_s: float, width: int = 64, height: int = 36) -> Frame:
    shade = int(time_s * 5) % 200
    return Frame(
        f"v_{round(time_s * 1000):09d}", "v", time_s, jpeg(shade, width, height), width, height, "0" * 16, 9.0, 100.0
    )


class Counting:
    """A model that notes what it is asked, and is gone after so many answers."""

    name, revision = "toy", "1"

    def __init__(self, last: int = 1000, says: str = "Thing {} happens.") -> None:
        self.asked: list[ChatRequest] = []
        self._last, self._says = last, says

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        if len(self.asked) >= self._last:
            raise Waiting("the server is gone")
        self.asked.append(request)
        return ChatAnswer(self._says.format(len(self.asked)), "stop", 10, 5)


def shown(request: ChatRequest) -> list[bytes]:
    """The pictures of a request."""
    return [
        part.jpeg
        for message in request.messages
        if not isinstance(message["content"], str)
        for part in message["content"]
        if isinstance(part, ImagePart)
    ]


def text(request: ChatRequest) -> str:
    """The last turn's text."""
    content = request.messages[-1]["content"]
    return content if isinstance(content, str) else str(content[-1])


def told(step: Sliding, frames: Sequence[Frame], model: Counting | CachingModel) -> list[Caption]:
    rows = asyncio.run(step.answer(SlidingInput(CLIP, list(frames)), model))
    assert all(problem(row) is None for row in rows)
    assert len({row.caption_id for row in rows}) == len(rows)
    return rows


def test_each_frame_is_told_of_beside_the_one_before_it() -> None:
    frames = [frame(10.0), frame(12.04), frame(16.5)]
    model, step = Counting(), Sliding(model=ChatModelOptions("toy", ["http://127.0.0.1:1/v1"]))
    rows = told(step, [*frames[::-1], frame(40.0), frame(9.9)], model)
    assert [(r.kind, r.start_s, r.end_s, r.text) for r in rows] == [
        ("differential", 10.0, 10.0, "Thing 1 happens."),
        ("differential", 10.0, 12.04, "Thing 2 happens."),
        ("differential", 12.04, 16.5, "Thing 3 happens."),
        ("teacher", None, None, "Thing 4 happens."),
    ]
    ids = [row.caption_id for row in rows]
    assert [row.parents for row in rows] == [[], ids[:1], ids[1:2], ids[:3]]
    assert {row.teacher for row in rows} == {"sliding"} and {row.model for row in rows} == {"toy"}
    assert [shown(r) for r in model.asked] == [
        [frames[0].jpeg], [frames[0].jpeg, frames[1].jpeg], [frames[1].jpeg, frames[2].jpeg], [],
    ]  # fmt: skip
    pair, summary = text(model.asked[2]), text(model.asked[3])
    assert "frame 2, 2.04 seconds" in pair and "frame 3, 6.50 seconds" in pair and '"Thing 2 happens. "' in pair
    lines = [line for line in summary.splitlines() if line.startswith("Frame")]
    assert [line.split(":")[0] for line in lines] == [
        "Frame 1, at 0.00 seconds", "Frame 2, at 2.04 seconds", "Frame 3, at 6.50 seconds",
    ]  # fmt: skip
    assert [row.prompt_hash for row in rows] == [
        load_prompt(name).hash for name in ("first_frame", "between_frames", "between_frames", "summary")
    ]


def test_long_captions_reach_the_next_question_whole() -> None:
    words = " ".join(f"word{i}" for i in range(400))
    model = Counting(says=words + " {}.")
    told(Sliding(), [frame(10.0), frame(12.0)], model)
    assert "word399 1." in text(model.asked[1]) and "word200" in text(model.asked[1])
    assert text(model.asked[2]).count("word399") == 2
    assert " ".join(pieces(words)) == words and max(map(len, pieces(words))) <= 500 and pieces("  ") == []


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    frames, options = [frame(10 + 2.0 * i) for i in range(8)], ChatModelOptions("toy", ["http://127.0.0.1:1/v1"])
    step, models = Sliding(model=options), [Counting(5), Counting(2), Counting()]
    rows: list[Caption] = []
    for model in models:
        with AnswerFile.open(tmp_path / "answers.sqlite") as file:
            try:
                rows = told(step, frames, CachingModel(model, options, file))
            except Waiting:
                assert model is not models[-1]
    assert [len(model.asked) for model in models] == [5, 2, 2]  # 8 frames and the summary, each once
    assert len(rows) == 9
    assert [len(shown(r)) for model in models for r in model.asked] == [1, 2, 2, 2, 2, 2, 2, 2, 0]
    with AnswerFile.open(tmp_path / "answers.sqlite") as file:
        more = Counting()
        told(step, [*frames, frame(26.0)], CachingModel(more, options, file))
    assert [len(shown(r)) for r in more.asked] == [2, 0]  # a frame more: its pair, and the summary


def test_a_request_shows_two_frames_however_many_there_are() -> None:
    clip = Clip("v_000000000_000600000", "v", 0.0, 600.0, [])
    frames = [frame(float(i)) for i in range(300)]

    class Forgetful(Counting):
        async def ask(self, request: ChatRequest) -> ChatAnswer:
            assert len(shown(request)) <= 2
            self.asked = [*self.asked, 0]  # type: ignore[list-item]
            return ChatAnswer(f"Thing {len(self.asked)}.", "stop", 1, 1)

    step = Sliding(max_frames=4096, pair="stacked")
    peaks = []
    for count in (10, 300):
        tracemalloc.start()
        rows = asyncio.run(step.answer(SlidingInput(clip, frames[:count]), Forgetful()))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(rows) == count + 1
    assert peaks[1] - peaks[0] < 2 << 20  # the captions themselves


def test_frames_are_thinned_out_by_time_and_by_number() -> None:
    frames = [frame(10 + i / 2) for i in range(60)]

    def times(**options: float) -> list[float | None]:
        return [row.end_s for row in told(Sliding(**options), frames, Counting())][:-1]  # type: ignore[arg-type]

    assert times(frames_s=2.0)[:3] == [10.0, 12.0, 14.0]
    assert times(frames_s=2.0, max_frames=3) == [10.0, 24.0, 38.0]
    assert times(max_frames=2) == [10.0, 39.5]
    assert len(times()) == 60


def test_a_pair_can_be_one_picture() -> None:
    step, model = Sliding(pair="stacked"), Counting()
    told(step, [frame(10.0), frame(12.0, 96, 54)], model)
    (both,) = shown(model.asked[1])
    pixels = cv2.imdecode(np.frombuffer(both, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None and pixels.shape == (36 + 50 + 54, 96, 3)
    assert abs(int(pixels[5, 5, 0]) - 50) < 4 and abs(int(pixels[100, 90, 0]) - 60) < 4
    assert (pixels[40:82] > 245).all() and (pixels[:30, 70:] > 245).all()
    assert "upper one is frame 1" in text(model.asked[1])
    with pytest.raises(RowError, match="no JPEG"):
        pictures.stack_frames(frame(10.0), Frame("v_1", "v", 1.0, b"no", 1, 1, "0" * 16, 1.0, 1.0))


@pytest.mark.parametrize("layout", ["strip", "grid"])
def test_fast_asks_once_of_one_picture_with_all_frames(layout: str) -> None:
    frames = [frame(10 + 2.0 * i, 160, 90) for i in range(7)]
    model = Counting()
    rows = told(Sliding(mode="fast", layout=layout), frames, model)
    assert [(r.kind, r.text, r.parents, r.start_s) for r in rows] == [("teacher", "Thing 1 happens.", [], None)]
    ((picture,),) = [shown(r) for r in model.asked]
    pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    found = [f for f in frames if any(_holds(pixels, int(f.time_s * 5) % 200, at) for at in _places(layout, 7))]
    assert len(found) == 7
    assert "7 frames of a clip" in text(model.asked[0]) and "0.00, 2.00, 4.00" in text(model.asked[0])
    assert (pixels < 60).any()  # the labels


def _places(layout: str, count: int) -> Iterator[tuple[int, int]]:
    """Where the middles of frames are."""
    for at in range(count):
        yield (10 + at * 110 + 45, 180) if layout == "strip" else (at // 5 * 110 + 20 + 45, at % 5 * 160 + 80)


def _holds(pixels: Any, shade: int, at: tuple[int, int]) -> bool:
    return bool(abs(int(pixels[at][0]) - shade) < 3)


def test_a_thousand_frames_still_make_a_jpeg() -> None:
    picture = pictures.strip([frame(10.0)] * 1000)
    assert cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR) is not None


def test_a_clip_without_frames_says_so_and_a_dry_run_marks_its_captions(tmp_path: Path) -> None:
    step = Sliding(model=FAKE)
    with step.open(StepContext(tmp_path, {"": Path("media")})) as work:
        rows, error = work([SlidingInput(CLIP, [frame(10.0), frame(12.0)]), SlidingInput(CLIP, [frame(5.0)])])
    assert isinstance(error, RowError) and error.kind == "no_frames"
    assert not isinstance(rows, RowError)
    captions = [row for row in rows if isinstance(row, Caption)]
    assert [c.kind for c in captions] == ["differential", "differential", "teacher"]
    assert all(c.teacher == "fake" and c.text.startswith("[fake] ") for c in captions)


def test_options_that_make_no_sense_are_refused() -> None:
    Sliding(model=FAKE).check([Scan()])
    with pytest.raises(UserError, match="cannot see"):
        Sliding().check([Scan()])
    with pytest.raises(UserError, match="frames"):
        Sliding(model=FAKE).check([])
    with pytest.raises(UserError, match="named"):
        Sliding(model=FAKE, teacher="a b").check([Scan()])
    with pytest.raises(UserError, match="times_s"):
        Sliding(model=FAKE, pair_prompt="{{ times_s }}").check([Scan()])
    Sliding(model=FAKE, mode="fast", fast_prompt="{{ times_s }}").check([Scan()])
    assert Sliding(model=FAKE).revision() != Sliding(model=FAKE, pair_prompt="{{ before }}").revision()


@contextmanager
def _captions() -> Iterator[list[Caption]]:
    rows = told(Sliding(), [frame(10.0), frame(12.0), frame(14.0)], Counting())
    yield rows[::-1]


def retold(step: Retell, captions: Sequence[Caption], model: Counting) -> list[Caption]:
    rows = asyncio.run(step.answer(RetellInput(CLIP, list(captions)), model))
    assert all(problem(row) is None for row in rows)
    return rows


def test_retell_sums_up_what_was_told_of_frames_alone() -> None:
    with _captions() as captions:
        model = Counting(says="All of it. {}")
        (row,) = retold(Retell(), captions, model)
    assert (row.kind, row.teacher, row.text) == ("merge", "summary", "All of it. 1")
    assert row.parents == [c.caption_id for c in captions[::-1] if c.kind == "differential"]
    asked = text(model.asked[0])
    assert asked.index("Thing 1") < asked.index("Thing 2") < asked.index("Thing 3") and "Thing 4" not in asked
    assert retold(Retell(), [captions[0]], Counting()) == []


def test_retell_makes_each_brief_caption_detailed() -> None:
    with _captions() as captions:
        model = Counting(says="In detail. {}")
        (row,) = retold(Retell(mode="recaption"), captions, model)
    assert (row.kind, row.teacher, row.parents) == ("rewrite", "recaption", [captions[0].caption_id])
    assert "Thing 4 happens." in text(model.asked[0]) and not shown(model.asked[0])
    assert retold(Retell(mode="recaption", of="nobody"), captions, Counting()) == []


def test_retell_needs_to_know_whose_captions() -> None:
    with _captions() as captions:
        others = told(Sliding(teacher="other"), [frame(10.0), frame(12.0)], Counting())
        with pytest.raises(RowError) as caught:
            retold(Retell(), [*captions, *others], Counting())
        assert caught.value.kind == "which_teacher"
        (row,) = retold(Retell(of="other"), [*captions, *others], Counting())
    assert len(row.parents) == 2
    Retell(model=FAKE).check([])
    with pytest.raises(UserError):
        Retell(model=FAKE, prompt="{{ text }}").check([])
