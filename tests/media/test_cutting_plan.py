"""How clips are planned, timed and described, without any file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliploom.engine.contract.errors import RowError
from cliploom.media.cutting.h264 import (
    BitstreamError,
    ParameterSets,
    Sps,
    avcc,
    nal_units,
    packet,
    parameter_sets,
    pps_id,
    read_sps,
)
from cliploom.media.cutting.index import FrameIndex, Packets
from cliploom.media.cutting.plan import NOTHING, IndexRange, merge_ranges, plan, to_decode
from cliploom.media.cutting.timing import timing


def index_of(ticks: Sequence[int], idr: Sequence[int], end: int) -> FrameIndex:
    """An index of frames sent in this order; ``idr`` are packet numbers."""
    shown_at, marks = np.array(ticks, np.int64), np.zeros(len(ticks), np.bool_)
    marks[list(idr)] = True
    packets = Packets(shown_at, marks, marks, np.zeros(len(ticks), np.bool_))
    sets = ParameterSets((b"sps",), (b"pps",), 4)
    return FrameIndex(Fraction(1, 100), Fraction(1), np.sort(shown_at), end, packets, sets)


@st.composite
def films(draw: st.DrawFn) -> FrameIndex:
    """Closed groups of frames with B-frames, at uneven times."""
    order: list[int] = []
    keys = []
    for _ in range(draw(st.integers(1, 5))):
        keys.append(len(order))
        order.append(len(order))
        for size in draw(st.lists(st.integers(1, 4), max_size=4)):
            at = len(order)
            order += [at + size - 1, *range(at, at + size - 1)]  # P first, then the B-frames before it
    times = np.cumsum(draw(st.lists(st.integers(1, 9), min_size=len(order), max_size=len(order))))
    return index_of([int(times[i]) for i in order], keys, int(times[-1]) + 4)


@given(films(), st.floats(0, 2), st.floats(0.01, 2), st.sampled_from(("smart", "encode", "copy")))
def test_every_frame_of_a_clip_is_copied_or_encoded_once(
    index: FrameIndex, start_s: float, length_s: float, how: str
) -> None:
    packets = index.packets
    assert packets is not None
    try:
        made = plan(index, start_s, start_s + length_s, how)
    except RowError as error:
        assert error.kind == "no_frames"
        return
    copied = [t for t in packets.ticks[made.copied.first : made.copied.last].tolist() if t >= made.start]
    encoded = [t for t in index.frames.tolist() if any(r.first <= t < r.last for r in made.encoded)]
    assert sorted(copied + encoded) == [t for t in index.frames.tolist() if made.start <= t < made.end]
    if made.copied != NOTHING:
        assert packets.key[made.copied.first]
    if made.cut != "copy":
        assert made.start - 1 <= start_s * 100 + 1e-6 or made.start == min(
            t for t in index.frames if t >= start_s * 100 - 0.05
        )
        assert all(start_s * 100 - 0.05 <= t < (start_s + length_s) * 100 for t in copied + encoded)
    for ticks in made.encoded:
        if ticks.first < ticks.last:
            reach = to_decode(packets, ticks)
            assert packets.key[reach.first] and packets.ticks[reach.first] <= ticks.first
            inside = packets.ticks[reach.first : reach.last]
            assert set(t for t in index.frames.tolist() if ticks.first <= t < ticks.last) <= set(inside.tolist())


@given(films(), st.integers(0, 5))
def test_packets_are_sent_in_order_before_they_are_shown_and_add_up(index: FrameIndex, hold: int) -> None:
    assert index.packets is not None
    ticks, start = index.packets.ticks.tolist(), int(index.frames[0])
    made = timing(ticks, start, index.end + hold)
    rows = made.packets
    assert [r.shown for r in rows] == [t - start for t in ticks]
    assert all(r.sent <= r.shown for r in rows)
    assert all(a.sent < b.sent for a, b in pairwise(rows))
    assert all(r.lasts > 0 and r.shown + r.lasts <= index.end + hold - start for r in rows)
    assert rows[-1].sent - rows[0].sent + rows[-1].lasts == index.end + hold - start


def test_a_missing_first_frame_is_made_up_for() -> None:
    assert [r.shown for r in timing([108, 112], 100, 116).packets] == [0, 12]


def test_reaches_are_merged() -> None:
    assert merge_ranges([IndexRange(5, 9), IndexRange(0, 3), IndexRange(3, 4), IndexRange(7, 12), NOTHING]) == [
        IndexRange(0, 4),
        IndexRange(5, 12),
    ]


def x264_sets(**options: str) -> ParameterSets:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.framerate = 320, 176, "yuv420p", Fraction(25)
    context.options, context.flags = options, context.flags | 1 << 22
    context.open()
    return parameter_sets(context.extradata)


def test_parameter_sets_are_read() -> None:
    sets = x264_sets(profile="high", **{"x264-params": "ref=3:bframes=0:level=3.1:sps-id=5:cqm=jvt"})
    assert sets.length_size == 0
    assert read_sps(sets.sps[0]) == Sps(5, 100, 31, 1, 8, 3, True)
    assert read_sps(sets.sps[0]).plain
    assert pps_id(sets.pps[0]) == 5
    assert sets.free_id() == 1
    assert not read_sps(x264_sets(**{"x264-params": "tff=1"}).sps[0]).plain


def test_avcc_holds_the_sets_of_both() -> None:
    main, high = x264_sets(profile="main"), x264_sets(profile="high", **{"x264-params": "sps-id=1:level=4"})
    record = avcc([main, high, high])
    assert record[:2] + record[3:5] == bytes((1, 100, 40, 0xFF))
    both = parameter_sets(record)
    assert both == ParameterSets(main.sps + high.sps, main.pps + high.pps, 4)
    assert parameter_sets(avcc([both])) == both
    assert both.free_id() == 2


def test_packets_change_their_form() -> None:
    units = [b"\x09\xf0", b"\x65\x01\x00\x02", b"\x41\x80"]
    joined = packet(units)
    assert nal_units(joined, 4) == units
    assert nal_units(b"\0\0\0\1" + b"\0\0\1".join(units), 0) == units


@pytest.mark.parametrize(
    "data", [b"", b"\1", b"\1\0\0\0\0\0\0", b"\1\x64\0\x1f\xff\xe1\0\x20\x67", b"\0\0\1\x09\xf0", b"\1" * 8]
)
def test_broken_parameter_sets_are_told(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        read_sps(parameter_sets(data).sps[0])


def test_a_packet_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    assert nal_units(b"\0\0\0\x02\x09\xf0\0\0\0\x09\x65\x01", 4) == [b"\x09\xf0", b"\x65\x01"]
    assert nal_units(b"\0\0\0\x02\x09\xf0\0\0", 4) == [b"\x09\xf0"]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for unit in (data, b"\x67\x64\0\x1f" + data):
        with suppress(BitstreamError):
            assert read_sps(unit).id >= 0
