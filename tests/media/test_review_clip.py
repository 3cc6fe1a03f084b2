"""Clips for people: one rate, both streams from 0 to one end, and each frame where its number says."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cliploom.engine.contract.errors import RowError
from cliploom.media.cutting.measure import measure
from cliploom.media.review_clip import write_review_clip


@pytest.mark.parametrize(
    ("name", "fps"),
    [("sintel_trailer_270p.mp4", Fraction(24))],
)
def test_both_streams_lie_as_they_should(name: str, fps: Fraction, media: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    made = write_review_clip(str(media / name), 3.0, 5.02, path)
    assert (made.fps, made.frames) == (fps, round(2.02 * fps))
    times = measure(path, copied=False)
    assert times.video_s == pytest.approx(made.seconds) and times.start_gap_s == 0
    assert abs(times.end_gap_s or 0) < 0.001
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        shown = [frame.time for frame in container.decode(video)]
    assert np.allclose(shown, [n / float(fps) for n in range(made.frames)])


def _film(path: Path, times_ms: list[int]) -> None:
    """Frames of one gray each, the brighter the later, with these times; no sound."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0", "bf": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 1000)
        stream.codec_context.time_base = Fraction(1, 1000)
        for i, at in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64), 20 + 10 * i, np.uint8), format="gray").reformat(
                format="yuv420p"
            )
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_with_a_variable_rate_each_number_shows_the_frame_of_its_time(tmp_path: Path) -> None:
    times = [0, 40, 370, 405, 1100, 1140, 1200, 1790, 1800, 1900]
    _film(tmp_path / "vfr.mkv", times)
    start_s, end_s = 0.35, 1.85
    made = write_review_clip(str(tmp_path / "vfr.mkv"), start_s, end_s, tmp_path / "a.mp4")
    assert made.fps == 30 and made.frames == 45
    with av.open(str(tmp_path / "a.mp4")) as container:
        grays = [float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
        assert container.streams.audio
    for number, gray in enumerate(grays):
        at_ms = 1000 * (start_s + number / float(made.fps))
        shown = max(i for i, time in enumerate(times) if time <= at_ms + 2)
        frames = np.array([20 + 10 * i for i in range(len(times))])
        assert int(np.argmin(abs(frames - gray))) == shown, number


def test_what_cannot_be_shown_is_said(tmp_path: Path, media: Path) -> None:
    with pytest.raises(RowError, match="no such file"):
        write_review_clip(str(tmp_path / "none.mp4"), 0, 1, tmp_path / "a.mp4")
    _film(tmp_path / "short.mkv", [0, 40])
    made = write_review_clip(str(tmp_path / "short.mkv"), 5.0, 6.0, tmp_path / "a.mp4")
    assert made.frames == made.fps  # the last frame stays
    assert [path.name for path in tmp_path.glob("*.part")] == []
