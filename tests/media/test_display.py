"""Which way up a picture is shown, and how large."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest

from cliploom.media.container import best_video, open_media
from cliploom.media.cutting.pictures import Upright, upright_size
from cliploom.media.display import Orientation, Size, display_size, first_frame, orientation, pixel_aspect

EIGHT = [Orientation(*flags) for flags in product((False, True), repeat=3)]
SIZE = Size(64, 32)


def write(path: Path, matrix: tuple[int, int, int, int], aspect: Fraction | None = None) -> None:
    """A video of one picture, brighter to the right and to the bottom, whose track has a display matrix."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, width=SIZE.width, height=SIZE.height, pix_fmt="yuv420p")
        stream.codec_context.options = {"crf": "1"}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        y, x = np.mgrid[: SIZE.height, : SIZE.width]
        gray = (x * 2 + y * 3 + 16).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
        for _ in range(3):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (65536 * number for number in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(bytes(data))


def matrix_of(upright: Orientation) -> tuple[int, int, int, int]:
    """a, b, c, d of ISO/IEC 14496-12: a pixel goes from (x, y) to (a x + c y, b x + d y)."""
    x, y = -1 if upright.hflip else 1, -1 if upright.vflip else 1
    return (0, y, x, 0) if upright.transpose else (x, 0, 0, y)


@pytest.mark.parametrize("upright", EIGHT)
def test_all_eight_orientations_are_read_and_shown_upright(tmp_path: Path, upright: Orientation) -> None:
    path = tmp_path / "turned.mp4"
    write(path, matrix_of(upright))
    with open_media(path) as container:
        video = best_video(container)
        assert video is not None
        frame = first_frame(video)
        assert frame is not None
        assert orientation(frame) == upright
        assert len(list(container.decode(video))) == 3, "asking a stream leaves the container at its start"
    stored = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    picture = upright.apply(stored)
    # Moved pixel by pixel, as the matrix says.
    a, b, c, d = matrix_of(upright)
    high, wide = picture.shape[:2]
    for x, y in ((0, 0), (63, 0), (0, 31), (40, 20)):
        to_x, to_y = (a * x + c * y) % wide - (a + c < 0), (b * x + d * y) % high - (b + d < 0)
        assert (picture[to_y, to_x] == stored[y, x]).all()
    encoded = Upright()(frame, upright_size(frame, None)).to_ndarray(format="bgr24")
    assert encoded.shape == picture.shape
    assert np.abs(encoded.astype(int) - picture).mean() < 3


def test_a_mirrored_picture_is_no_turned_one() -> None:
    found = {upright: (upright.rotation_deg, upright.mirrored) for upright in EIGHT}
    assert len(set(found.values())) == 8
    assert found[Orientation()] == (0, False)
    assert found[Orientation(hflip=True)] == (0, True)
    assert found[Orientation(True, True)] == (90, False)
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    for upright, (turn_deg, mirrored) in found.items():
        turned = np.rot90(picture[:, ::-1] if mirrored else picture, -turn_deg // 90)
        assert (upright.apply(picture) == turned).all()


@pytest.mark.parametrize(
    ("aspect", "shown"),
    [(None, (64, 32)), (Fraction(3, 2), (96, 32)), (Fraction(1, 2), (64, 64)), (Fraction(200), (64, 32))],
)
def test_the_size_shown_counts_the_shape_of_pixels_unless_it_is_absurd(
    tmp_path: Path, aspect: Fraction | None, shown: tuple[int, int]
) -> None:
    path = tmp_path / "oblong.mp4"
    write(path, (1, 0, 0, 1), aspect)
    with open_media(path) as container:
        video = best_video(container)
        assert video is not None
        assert display_size(SIZE, pixel_aspect(video), Orientation()) == shown
        assert display_size(SIZE, pixel_aspect(video), Orientation(True)) == shown[::-1]
