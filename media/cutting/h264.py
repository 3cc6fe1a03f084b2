"""The little of H.264 that cutting needs: NAL units, parameter sets and the avcC record.

ITU-T H.264 (08/2021) 7.3 and annex B; ISO/IEC 14496-15 5.3.3.1 for avcC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

IDR, SEI, SPS, PPS = 5, 6, 7, 8
_RECOVERY_POINT = 6
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
"""profile_idc values whose SPS tells the chroma format and the bit depth."""


class BitstreamError(ValueError):
    """The bytes are not what they claim to be."""


@dataclass(frozen=True)
class Sps:
    """What a sequence parameter set says."""

    id: int
    profile: int
    level: int
    chroma: int  # 1: 4:2:0
    depth: int
    max_refs: int
    progressive: bool  # frame_mbs_only_flag

    @property
    def plain(self) -> bool:
        """Progressive 8-bit 4:2:0 in a profile that x264 writes and every player reads."""
        return self.progressive and (self.chroma, self.depth) == (1, 8) and self.profile in (66, 77, 100)


@dataclass(frozen=True)
class ParameterSets:
    """A stream's parameter sets, without their start codes, and how its packets separate NAL units."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_size: int  # bytes of the length before each NAL unit; 0: start codes (annex B)

    def __contains__(self, unit: bytes) -> bool:
        return unit in self.sps or unit in self.pps

    def free_id(self) -> int:
        """An id, usable for both kinds, that none of these sets has; ``BitstreamError`` when all are taken."""
        used = {read_sps(s).id for s in self.sps} | {pps_id(p) for p in self.pps}
        for number in range(1, 32):
            if number not in used:
                return number
        raise BitstreamError("all parameter set ids are taken")


def parameter_sets(extradata: bytes) -> ParameterSets:
    """The sets of a stream's extradata, which is an avcC record or annex B; may raise ``BitstreamError``."""
    if extradata[:1] != b"\1":
        return _sort_units(_annex_b(extradata), 0)
    if len(extradata) < 7:
        raise BitstreamError("the avcC record is too short")
    units, at = [], 5
    for mask in (0x1F, 0xFF):
        if at >= len(extradata):
            raise BitstreamError("the avcC record is cut off")
        count, at = extradata[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2])
            units.append(extradata[at + 2 : at + 2 + size])
            at += 2 + size
    if at > len(extradata):
        raise BitstreamError("the avcC record is cut off")
    return _sort_units(units, (extradata[4] & 3) + 1)


def _sort_units(units: Iterable[bytes], length_size: int) -> ParameterSets:
    units = [u for u in units if len(u) > 1]
    sps = tuple(dict.fromkeys(u for u in units if u[0] & 31 == SPS))
    pps = tuple(dict.fromkeys(u for u in units if u[0] & 31 == PPS))
    if not sps or not pps:
        raise BitstreamError("there are no parameter sets")
    return ParameterSets(sps, pps, length_size)


def nal_units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a packet; the last of a packet that was cut off is as long as there is of it."""
    if not length_size:
        return _annex_b(data)
    units, at, end = [], 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + length_size])
        at += length_size
        if size and at < end:
            units.append(data[at : at + size])
        at += size
    return units


def begins_anew(units: Iterable[bytes]) -> bool:
    """Can a decoder that begins with this packet, which calls itself a key frame, show it?

    Not where the picture is refreshed bit by bit (intra refresh): it is whole only some frames later.
    """
    waits = 0
    for unit in units:
        kind = unit[0] & 31
        if kind == IDR:
            return True
        if kind == SEI:
            waits = max(waits, _recovery_frames(unit[1:]))
    return not waits


def _recovery_frames(payload: bytes) -> int:
    """``recovery_frame_cnt`` of a SEI's recovery point (D.2.8); 0 without one, or where it is unreadable."""
    data, at = payload.replace(b"\0\0\3", b"\0\0"), 0
    while at < len(data) - 1:
        numbers = []
        for _ in ("type", "size"):
            number = 0
            while at < len(data) and data[at] == 0xFF:
                number, at = number + 255, at + 1
            numbers.append(number + data[at] if at < len(data) else 0)
            at += 1
        kind, size = numbers
        if kind == _RECOVERY_POINT:
            try:
                return _Bits(data[at : at + size]).ue()
            except BitstreamError:
                return 0
        at += size
    return 0


def _annex_b(data: bytes) -> list[bytes]:
    return [unit for part in data.split(b"\0\0\1")[1:] if (unit := part.rstrip(b"\0"))]


def packet(units: Iterable[bytes]) -> bytes:
    """NAL units with 4-byte lengths, as mp4 keeps them."""
    return b"".join(part for unit in units for part in (len(unit).to_bytes(4), unit))


def avcc(sets: Sequence[ParameterSets]) -> bytes:
    """One avcC record for a stream in which pictures of several encoders follow each other."""
    sps = tuple(dict.fromkeys(u for s in sets for u in s.sps))
    pps = tuple(dict.fromkeys(u for s in sets for u in s.pps))
    read = [read_sps(s) for s in sps]
    main = max(read, key=lambda s: s.profile)
    level = max(s.level for s in read)
    head = bytes((1, main.profile, sps[read.index(main)][2], level, 0xFF, 0xE0 | len(sps)))
    body = _length_prefix(sps) + bytes((len(pps),)) + _length_prefix(pps)
    tail = bytes((0xFC | main.chroma, 0xF8 | main.depth - 8, 0xF8 | main.depth - 8, 0)) if main.profile >= 100 else b""
    return head + body + tail


def _length_prefix(units: Sequence[bytes]) -> bytes:
    return b"".join(len(u).to_bytes(2) + u for u in units)


def read_sps(unit: bytes) -> Sps:
    """Read a sequence parameter set (7.3.2.1.1) as far as needed; may raise ``BitstreamError``."""
    if len(unit) < 5:
        raise BitstreamError("the sequence parameter set is too short")
    bits = _Bits(unit[4:])
    profile, level, number = unit[1], unit[3], bits.ue()
    chroma, depth = 1, 8
    if profile in _WITH_CHROMA:
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        depth = 8 + max(bits.ue(), bits.ue())
        bits.u(1)
        if bits.u(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    bits.ue()  # log2_max_frame_num_minus4
    _skip_order(bits)
    refs = bits.ue()
    bits.u(1)
    bits.ue(), bits.ue()  # width and height
    return Sps(number, profile, level, chroma, depth, refs, bool(bits.u(1)))


def pps_id(unit: bytes) -> int:
    """The id of a picture parameter set (7.3.2.2)."""
    return _Bits(unit[1:]).ue()


def _skip_scaling(bits: _Bits, lists: int) -> None:
    for number in range(lists):
        if not bits.u(1):
            continue
        last = following = 8
        for _ in range(16 if number < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def _skip_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se(), bits.se()
        for _ in range(min(bits.ue(), 255)):
            bits.se()


class _Bits:
    """Reads a NAL unit's payload bit by bit, without its emulation prevention bytes."""

    def __init__(self, payload: bytes) -> None:
        clean = payload.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(clean), 8 * len(clean)

    def u(self, count: int) -> int:
        """An unsigned number of ``count`` bits."""
        self._left -= count
        if self._left < 0:
            raise BitstreamError("a parameter set ends too early")
        return self._value >> self._left & (1 << count) - 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise BitstreamError("a number in a parameter set is too long")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (9.1.1)."""
        number = self.ue()
        return (number + 1) // 2 if number % 2 else -(number // 2)
