"""A chat teacher sees the frames and texts that it is to see, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answering import Scripted, told, worked

from cliploom.builders.folder import Folder
from cliploom.builders.scan import Scan
from cliploom.captioners.chat import Chat, ChatInput
from cliploom.captioners.frames.selection import pick_frames
from cliploom.captioners.text.ids import teacher_name
from cliploom.engine.contract.errors import RowError, UserError
from cliploom.engine.contract.options import make_step
from cliploom.engine.contract.resources import Resources
from cliploom.models.chat.model import ChatModelOptions, ImagePart, VideoPart
from cliploom.schemas import Caption, Clip, Frame, Segment, Video, problem

CLIP = Clip("v_000010000_000020000", "v", 10.0, 20.0, [])
SERVED = ChatModelOptions("Qwen/Qwen2.5-VL-7B-Instruct", url=["http://127.0.0.1:8000/v1"])
SEEN = Caption("c_evidence_1", "v", "c", "evidence", "teacher", "A dog is visible.", [], "m", "1")
FAKE = replace(SEEN, caption_id="c_fake_1", teacher="fake", text="[fake] A bird waits.", model="fake")
VIDEO = Video("v", "v.mp4", "/v.mp4", "00", 1, title="My summer", description="At the lake.")
SAID = Segment("s", "v", 11.0, 12.0, "Go on!", [], "en", "subtitle")


def frame(time_s: float) -> Frame:
    ms = round(time_s * 1000)
    return Frame(f"v_{ms:09d}", "v", time_s, b"jpeg %d" % ms, 32, 18, "0" * 16, 1.0, 100.0)


FRAMES = [frame(9.5 + i / 2) for i in range(23)]  # 9.5 to 20.5
ROW = ChatInput(CLIP, FRAMES, [SAID], [VIDEO], [SEEN, FAKE])


def times(count: int, place: list[float] | None = None, clip: Clip = CLIP) -> list[float]:
    return [f.time_s for f in pick_frames(clip, FRAMES, count, place or [])]


def test_frames_are_spread_evenly_inside_the_clip() -> None:
    assert times(1) == [15.0]
    assert times(2) == [12.5, 17.5]
    assert times(4) == [11.0, 13.5, 16.0, 18.5]
    assert times(99) == [10 + i / 2 for i in range(20)]
    assert times(0) == []
    assert pick_frames(CLIP, [], 3) == []


def test_a_frame_at_random_is_the_same_in_every_build() -> None:
    drawn = {times(1, [0.3, 0.7], replace(CLIP, clip_id=f"c{i}"))[0] for i in range(40)}
    assert drawn <= {13 + i / 2 for i in range(9)}
    assert len(drawn) > 5
    assert times(1, [0.3, 0.7]) == times(1, [0.3, 0.7])
    assert times(3, [0.3, 0.7]) == sorted(times(3, [0.3, 0.7]))
    assert len(set(times(3, [0.3, 0.7]))) == 3
    assert times(2, [0.41, 0.43]) == [14.0]  # none lies in it: the nearest


def test_it_says_what_it_is_shown() -> None:
    model = Scripted("  A dog\nruns. ", name="qwen")
    [made] = told(Chat(model=SERVED, frames=2), ROW, model)
    assert problem(made) is None
    assert (made.text, made.raw, made.kind, made.parents) == ("A dog runs.", "  A dog\nruns. ", "teacher", [])
    assert (made.teacher, made.model, len(made.prompt_hash)) == ("Qwen2.5-VL-7B-Instruct", "qwen", 16)
    assert made.caption_id.startswith(f"{CLIP.clip_id}_Qwen2.5-VL-7B-Instruct_")
    assert model.shown() == [ImagePart(b"jpeg 12500"), ImagePart(b"jpeg 17500")]
    assert "2 frames" in model.last()
    for hidden in ("Go on!", "My summer", "At the lake", "A dog is visible"):
        assert hidden not in model.last()


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("en", "一只棕色的狗在海滩上奔跑。", "Chinese"), ("en", "Un perro corre por la playa.", "Spanish"),
        ("en", "Ein Hund läuft über den Strand.", "German"), ("en", "Собака бежит по пляжу.", "Cyrillic letters"),
        ("de", "A dog runs over the beach.", "English"), ("zh", "A dog runs over the beach.", "English"),
        ("ja", "犬が浜辺を走っている。", ""), ("de", "Ein Hund läuft über den Strand.", ""),
        ("pt-BR", "O cão corre.", ""),
        ("en", "A mariachi band plays La Bamba in the Zócalo.", ""), ("en", 'A sign reads "出口" over a door.', ""),
        ("en", "El Niño hits La Paz.", ""), ("en", "Crème brûlée à la carte is served to a man.", ""),
    ],
)  # fmt: skip
def test_an_answer_in_another_language_is_a_failed_row(language: str, text: str, found: str) -> None:
    step = Chat(model=SERVED, language=language)
    if not found:
        [made] = told(step, ROW, Scripted(text))
        assert (made.text, made.language) == (text, language)
        return
    with pytest.raises(RowError, match=f"in {found}, not in") as caught:
        told(step, ROW, Scripted(text))
    assert caught.value.kind == "wrong_language"
    assert text in caught.value.message


def test_several_frames_may_be_one_film() -> None:
    model = Scripted("A dog runs.", "A dog runs.")
    film = replace(SERVED, film="video")
    told(Chat(model=film, frames=2), ROW, model)
    assert model.shown() == [VideoPart((ImagePart(b"jpeg 12500"), ImagePart(b"jpeg 17500")), (12.5, 17.5))]
    told(Chat(model=film, frames=1), ROW, model)
    assert model.shown() == [ImagePart(b"jpeg 15000")]


def test_texts_are_told_where_they_are_inputs() -> None:
    model = Scripted("A dog runs.")
    step = Chat(inputs=["transcript", "title", "captions"], teacher="reader", kind="rewrite")
    [made] = told(step, ROW, model)
    assert (made.teacher, made.kind, made.parents) == ("reader", "rewrite", ["c_evidence_1"])
    assert model.shown() == []
    for told_ in ('"Go on!"', '"My summer"', '"At the lake."', '(evidence): "A dog is visible."'):
        assert told_ in model.last()
    assert "[fake]" not in model.last()


def test_without_frames_it_fails_and_without_texts_it_is_silent() -> None:
    with pytest.raises(RowError) as caught:
        told(Chat(model=SERVED), ChatInput(CLIP, [frame(3.0), frame(20.0)]), Scripted())
    assert caught.value.kind == "no_frames"
    assert told(Chat(inputs=["transcript", "captions"]), ChatInput(CLIP), Scripted()) == []


def test_a_dry_run_says_so() -> None:
    [[made]] = worked(Chat(model=ChatModelOptions("fake")), ROW)
    assert (made.teacher, made.model, made.text[:7]) == ("fake", "fake", "[fake] ")
    [again] = told(Chat(inputs=["captions"]), ChatInput(CLIP, captions=[FAKE]), Scripted("A bird."))
    assert (again.teacher, again.text) == ("fake", "[fake] A bird.")


def test_names_of_teachers() -> None:
    assert teacher_name("Qwen/Qwen2.5-VL-7B-Instruct") == "Qwen2.5-VL-7B-Instruct"
    assert teacher_name("/models/my model/") == "my-model"
    assert teacher_name("...") == "chat"


def test_the_prompt_counts(tmp_path: Path) -> None:
    mine = tmp_path / "mine.j2"
    mine.write_text("{{ frames }} frames of {{ seconds }} s", encoding="utf-8")
    step = Chat(model=SERVED, prompt=str(mine))
    step.check([Scan()])
    before = step.revision()
    mine.write_text("{{ frame }}", encoding="utf-8")
    assert step.revision() != before
    with pytest.raises(UserError, match="frame"):
        step.check([Scan()])


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Chat(), "cannot see"),
        (Chat(model=SERVED, inputs=["frame"]), "did you mean frames"),
        (Chat(model=SERVED, inputs=[]), "nothing to describe"),
        (Chat(model=SERVED, frames=0), "nothing to describe"),
        (Chat(model=SERVED, place=[0.7, 0.3]), "place"),
        (Chat(model=SERVED, teacher="fake"), "named 'fake'"),
        (Chat(model=SERVED, teacher="a/b"), "named 'a/b'"),
        (Chat(model=SERVED, inputs=["frames", "transcript"]), "reads segments"),
        (Chat(model=ChatModelOptions("qwen")), "no model qwen"),
    ],
)
def test_options_that_make_no_sense(step: Chat, said: str) -> None:
    with pytest.raises(UserError, match=said):
        step.check([Folder("videos"), Scan()])


def test_from_a_recipe() -> None:
    step = make_step("captioners.chat", Chat, {"model": {"name": "qwen", "url": ["http://h/v1"]}, "place": [0.3, 0.7]})
    step.check([Folder("videos"), Scan()])
    assert step.name == "qwen"
    assert step.max_concurrency() == 16


@pytest.mark.parametrize(
    ("settings", "gpus"),
    [
        ({}, 1.0),
        ({"gpu_memory_utilization": 0.4}, 0.4),
        ({"tensor_parallel_size": 4, "gpu_memory_utilization": 0.4}, 4.0),
    ],
)
def test_a_model_in_vllm_takes_the_gpus_that_its_settings_say(settings: dict[str, Any], gpus: float) -> None:
    step = Chat(model=ChatModelOptions("org/model", run="vllm", settings=settings))
    assert step.resources() == Resources(gpus=gpus, memory_mb=2000)
    assert Chat(model=ChatModelOptions("org/model", url=["http://h/v1"])).resources() == Resources(memory_mb=2000)
