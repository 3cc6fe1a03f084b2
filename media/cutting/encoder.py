"""x264, for whole clips and for the edges of clips whose middle is copied."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from ..container import fraction
from .h264 import ParameterSets, nal_units, packet, parameter_sets, read_sps

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from ..display import Orientation
    from .source import EncoderQuality, VideoSource

_PROFILES = {66: "baseline", 77: "main", 100: "high"}
_GLOBAL_HEADER = 1 << 22
_FASTEST = Fraction(1000)
_LOOKAHEAD = "mbtree=1:rc-lookahead=5"
"""What the two fastest presets do without: it costs a few per cent of CPU and saves 40 % of the bytes."""


class FramePacket(NamedTuple):
    """One encoded frame."""

    ticks: int
    key: bool
    data: bytes


class H264Encoder:
    """Encodes the frames of one stretch of video; the times of frames are given in ticks."""

    def __init__(self, context: VideoCodecContext, tick: Fraction, edges: bool) -> None:
        self._context, self._tick, self._edges = context, tick, edges

    @property
    def sets(self) -> ParameterSets:
        """The parameter sets that it writes."""
        return parameter_sets(self._context.extradata or b"")

    def add(self, frame: VideoFrame, ticks: int) -> list[FramePacket]:
        """Encode one more frame; some come out later."""
        frame.pts, frame.time_base = ticks, self._tick
        frame.pict_type = 0  # else x264 makes key frames where the source had them
        return self._collect_packets(self._context.encode(frame))

    def close(self) -> list[FramePacket]:
        """The frames that are left."""
        return self._collect_packets(self._context.encode(None))

    def _collect_packets(self, packets: list[Any]) -> list[FramePacket]:
        if not self._edges:
            return [FramePacket(p.pts, p.is_keyframe, bytes(p)) for p in packets]
        return [FramePacket(p.pts, p.is_keyframe, packet(nal_units(bytes(p), 0))) for p in packets]


def whole_encoder(target: VideoStream, shown: VideoFrame, upright: Orientation, source: VideoSource) -> H264Encoder:
    """An encoder for all of a clip: it writes for ``target``, a stream of the clip's file.

    ``shown`` is its first frame as it will be encoded, ``upright`` how that was turned.
    """
    context, aspect = target.codec_context, fraction(source.stream.sample_aspect_ratio)
    _set_up(context, shown, source)
    if aspect:
        context.sample_aspect_ratio = 1 / aspect if upright.transpose else aspect
    context.options = _options(source.quality)
    context.open()
    target.time_base = source.index.tick
    return H264Encoder(context, source.index.tick, edges=False)


def edge_encoder(frame: VideoFrame, source: VideoSource) -> H264Encoder:
    """An encoder whose pictures may stand beside the source's in one stream.

    Its parameter sets get an id that the source does not use, so that one avcC record holds both and
    nothing has to be told in between; profile, level and the size of the picture buffer are the
    source's, so that no decoder has to begin anew. No B-frames: the edges are short.
    """
    import av

    sets = source.index.sets
    assert sets is not None
    sps = max((read_sps(s) for s in sets.sps), key=lambda s: s.profile)
    context = av.CodecContext.create("libx264", "w")
    _set_up(context, frame, source)
    context.sample_aspect_ratio = fraction(source.stream.codec_context.sample_aspect_ratio) or Fraction(0)
    context.flags |= _GLOBAL_HEADER
    own = f"sps-id={sets.free_id()}:bframes=0:dpb-size={min(max(sps.max_refs, 1), 16)}"
    if sps.level >= 10:
        own += f":level={sps.level / 10}"
    context.options = {**_options(source.quality, own), "profile": _PROFILES[sps.profile]}
    context.open()
    return H264Encoder(context, source.index.tick, edges=True)


def _options(quality: EncoderQuality, own: str = "") -> dict[str, str]:
    params = [own, _LOOKAHEAD if quality.preset in ("ultrafast", "superfast") else ""]
    return {"preset": quality.preset, "crf": str(quality.crf), "x264-params": ":".join(filter(None, params))}


def _set_up(context: VideoCodecContext, frame: VideoFrame, source: VideoSource) -> None:
    """Give an encoder the size, the colours and the clock of its frames."""
    rate = fraction(source.stream.guessed_rate)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = source.index.tick
    context.framerate = min(rate, _FASTEST) if rate else Fraction(25)
    context.color_range, context.colorspace = frame.color_range, frame.colorspace
    context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
    # Videos are what runs in parallel; one thread costs the least and always writes the same bytes.
    context.thread_count = 1
