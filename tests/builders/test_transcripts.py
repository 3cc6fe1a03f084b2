"""Subtitles of whole videos to transcripts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliploom.builders.folder import Folder
from cliploom.builders.transcripts import Transcripts
from cliploom.engine.contract.errors import RowError
from cliploom.engine.contract.step import Drop, StepContext
from cliploom.schemas import Segment, Subtitle, Video, problem

SPOKEN = "1\n00:00:01,000 --> 00:00:02,000\nWe fold\n\n2\n00:00:02,000 --> 00:00:03,500\nthe paper.\n"


def video_of(path: Path, *subtitles: Subtitle) -> Video:
    return Video("v", "v.mp4", str(path), "0" * 64, 1, subtitles=list(subtitles))


def transcribe(step: Transcripts, *videos: Video, site: Path = Path("x")) -> list[Any]:
    with step.open(StepContext(site, {"": Path("media/transcripts")})) as work:
        return list(work(list(videos)))


def segments(step: Transcripts, video: Video) -> list[Segment]:
    [answer] = transcribe(step, video)
    assert not isinstance(answer, RowError), answer
    assert all(problem(s) is None for s in answer)
    assert len({s.id for s in answer}) == len(answer) and [s.id for s in answer] == sorted(s.id for s in answer)
    return list(answer)


def found(media: Path, name: str, site: Path) -> Video:
    step = Folder(str(media), pattern=name)
    with step.open(StepContext(site, {"": Path("media/folder")})) as work:
        [[video]] = work(list(step.find()))  # type: ignore[misc]
    assert isinstance(video, Video)
    return video


@pytest.fixture
def film(media: Path) -> Path:
    return media / "sintel_trailer_270p.mp4"


def write(folder: Path, name: str, text: str = SPOKEN) -> Subtitle:
    path = folder / name
    path.write_text(text)
    stem, _, language = path.stem.partition(".")
    return Subtitle(str(path), path.suffix[1:], language)


def test_cues_become_sentences(film: Path, tmp_path: Path) -> None:
    subtitle = write(tmp_path, "a.en.srt")
    [joined] = segments(Transcripts(), video_of(film, subtitle))
    assert (joined.start_s, joined.end_s, joined.text) == (1.0, 3.5, "We fold the paper.")
    assert (joined.language, joined.source, joined.words) == ("en", "subtitle", [])
    assert joined.segment_id == "v_subtitle-en_000001000_000003500"
    apart = segments(Transcripts(sentences=False), video_of(film, subtitle))
    assert [s.text for s in apart] == ["We fold", "the paper."]


def test_streams_inside_containers_are_read(media: Path, tmp_path: Path) -> None:
    nasa, sintel = (found(media, name, tmp_path) for name in ("nasa_13013.mp4", "sintel_trailer_chapters_subs.mkv"))
    said, rest = segments(Transcripts(), nasa)
    assert rest.text == "This half of the observatory element successfully"
    assert said.text.startswith("This is the optical and science segment of the Webb space telescope")
    assert said.text.endswith("at NASA’s Goddard Space Flight Center in Greenbelt, Maryland.")
    assert [said.start_s, said.end_s] == pytest.approx([0.21, 12.47]) and said.language == "en"
    lines = segments(Transcripts(), sintel)
    assert [(s.start_s, s.text) for s in lines][::3] == [
        (12.0, "What brings you to the land of the gatekeepers?"),
        (41.2, "I've been alone for as long as I can remember."),
    ]


def test_the_best_track_is_taken_or_all(film: Path, tmp_path: Path) -> None:
    tracks = [
        write(tmp_path, name, SPOKEN.replace("paper", name))
        for name in ("a.de.srt", "a.en-GB.srt", "a.en.vtt", "a.fr.srt", "a.srt")
    ]
    video = video_of(film, *tracks)

    def taken(**options: Any) -> list[str]:
        return [s.text.removeprefix("We fold the ")[:-1] for s in segments(Transcripts(**options), video)]

    assert taken() == ["a.en.vtt"]  # a format that may hold word times
    assert taken(languages=("en",)) == ["a.en.vtt"]
    assert taken(languages=("fr", "en")) == ["a.fr.srt"]
    assert taken(languages=("es", "EN-gb")) == ["a.en-GB.srt"]
    assert taken(languages=("es",)) == ["a.srt"]
    assert sorted(taken(take="all", languages=("de", "fr"))) == ["a.de.srt", "a.fr.srt", "a.srt"]
    assert taken(languages=("en",), take="best", sentences=True) == ["a.en.vtt"]


def test_two_who_speak_at_once_have_two_ids(film: Path, tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n- Yes.\n\n2\n00:00:01,000 --> 00:00:02,000\n- No.\n"
    first, second = segments(Transcripts(), video_of(film, write(tmp_path, "a.srt", text)))
    assert second.segment_id == f"{first.segment_id}-2" and {first.text, second.text} == {"Yes.", "No."}


def test_times_of_files_count_from_where_the_container_starts(media: Path, tmp_path: Path) -> None:
    stream = video_of(media / "made_mpegts.ts", write(tmp_path, "a.en.srt"))  # its clock starts at 83 ms
    [said] = segments(Transcripts(), stream)
    assert said.start_s == pytest.approx(1.0 + 7500 / 90000)


def test_no_subtitles_is_no_error_and_broken_ones_fail_their_video_only(film: Path, tmp_path: Path) -> None:
    broken = write(tmp_path, "a.en.srt", "1\n00:00:04,000 --> 00:00:0x\nThen\n")
    lost = Subtitle(str(tmp_path / "gone.srt"), "srt", "en")
    no_stream = Subtitle(str(film), "stream", "", 7)
    empty = write(tmp_path, "b.en.vtt", "WEBVTT\n")
    videos = [video_of(film, *s) for s in ((), (broken,), (lost,), (no_stream,), (empty,))]
    none, bad, gone, wrong, nothing = transcribe(Transcripts(), *videos)
    assert none == nothing == []
    assert {e.kind for e in (bad, gone, wrong)} == {"bad_subtitle"}
    assert str(bad).startswith("a.en.srt:2: ") and "no text stream 7" in str(wrong)


def test_an_odd_cue_a_broken_track_and_an_unread_file_leave_alone(film: Path, tmp_path: Path) -> None:
    odd = write(tmp_path, "a.en.srt", SPOKEN + "\n3\n00:00:04,000 --> 00:00:0x\nThen\n")
    broken = write(tmp_path, "a.en.json3", "{")
    video = replace(video_of(film, broken, odd), metadata='{"unread_subtitles": ["a.sup"]}')
    [[said, *drops]] = transcribe(Transcripts(), video)
    assert said.text == "We fold the paper."
    assert [(d.reason, d.detail.split(" ")[0]) for d in drops] == [
        ("bad_cue", "a.en.srt:10:"), ("bad_subtitle", "a.en.json3:1:"), ("unread_subtitle", "a.sup:"),
    ]  # fmt: skip
    assert len({d.id for d in drops}) == 3 and {type(d) for d in drops} == {Drop}


def test_an_empty_best_track_gives_way_to_the_next(film: Path, tmp_path: Path) -> None:
    tracks = write(tmp_path, "a.en.vtt", "WEBVTT\n"), write(tmp_path, "a.en.srt")
    assert [s.text for s in segments(Transcripts(), video_of(film, *tracks))] == ["We fold the paper."]


def test_marks_are_taken_off_unless_they_are_wanted(film: Path, tmp_path: Path) -> None:
    subtitle = write(tmp_path, "a.srt", SPOKEN.replace("We fold", ">> ANN: [laughs] We fold"))
    assert [s.text for s in segments(Transcripts(), video_of(film, subtitle))] == ["We fold the paper."]
    kept = segments(Transcripts(marks=True), video_of(film, subtitle))
    assert [s.text for s in kept] == [">> ANN: [laughs] We fold the paper."]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.en.ass", "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,We fold."),
        ("a.en.ttml", '<tt><body><p begin="1s" end="2s">We fold.</p></body></tt>'),
        ("a.en.srv3", '<timedtext format="3"><body><p t="1000" d="1000">We fold.</p></body></timedtext>'),
        ("a.lrc", "[00:01.00]We fold.\n[00:02.00]\n"),
        ("a.smi", "<SAMI><SYNC Start=1000><P>We fold.<SYNC Start=2000><P>&nbsp;"),
    ],
)
def test_every_format_of_a_folder_is_read(media: Path, tmp_path: Path, name: str, text: str) -> None:
    shutil.copy(media / "made_tiny_16x16.mp4", tmp_path / "a.mp4")
    (tmp_path / name).write_text(text)
    [said] = segments(Transcripts(), found(tmp_path, "a.mp4", tmp_path / "build"))
    assert (said.start_s, said.end_s, said.text) == (1.0, 2.0, "We fold.")
