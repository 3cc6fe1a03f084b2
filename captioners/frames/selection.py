"""Which of a clip's stored frames a model is shown, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ...models.chat.model import ChatModelOptions, ImagePart, Part, VideoPart
from ...schemas import Clip, Frame


def pick_frames(clip: Clip, frames: Sequence[Frame], count: int, place: Sequence[float] = ()) -> list[Frame]:
    """At most ``count`` of the frames inside the clip, in time order.

    Without ``place`` they are spread evenly. With ``(low, high)``, shares of the clip's length, they are drawn at
    random from that part, the same ones for the same clip; where no frame lies in it, the one nearest to its middle.
    """
    inside = sorted((f for f in frames if clip.holds(f.time_s)), key=lambda f: (f.time_s, f.frame_id))
    if not inside or count < 1:
        return []
    if not place:
        size = min(count, len(inside))
        return [inside[(2 * i + 1) * len(inside) // (2 * size)] for i in range(size)]
    low, high = (clip.start_s + share * clip.seconds for share in place)
    able = [f for f in inside if low <= f.time_s <= high]
    if not able:
        return [min(inside, key=lambda f: (abs(f.time_s - (low + high) / 2), f.time_s))]
    drawn = sorted(able, key=lambda f: shuffle_key(clip.clip_id, f.frame_id))[:count]
    return sorted(drawn, key=lambda f: f.time_s)


def shuffle_key(*parts: str) -> str:
    """What to sort by for an order that looks random and is the same in every build."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def as_parts(frames: Sequence[Frame], model: ChatModelOptions) -> list[Part]:
    """Frames as a message's parts: pictures, or one film where the model wants that."""
    pictures = tuple(ImagePart(f.jpeg) for f in frames)
    if model.film == "video" and len(pictures) > 1:
        return [VideoPart(pictures, tuple(f.time_s for f in frames))]
    return list(pictures)
