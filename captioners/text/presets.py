"""What the teachers of published datasets were given, as options of a chat teacher.

Panda-70M (Chen et al. 2024, arXiv:2402.19479) has eight teachers of five kinds. Models that look at one picture got
a random frame from the middle of the clip. Which texts each of its question-answering teachers read beside the pixels
is only drawn in a figure: there the recipe has to say it. How many frames the video models saw is not published
either; eight is what its student saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...engine.contract.errors import UserError, nearest

_MIDDLE = (0.3, 0.7)  # shares of the clip's length


class Preset(NamedTuple):
    """Options that are known, and which of the eight teachers they are those of."""

    teachers: tuple[str, ...]
    options: Mapping[str, Any]
    unknown_inputs: tuple[str, ...] = ()  # what it may have been given: the recipe must say


_VISION, _FRAMES_AND_TEXTS = ("frames",), ("frames", "transcript", "title")

PRESETS: dict[str, Preset] = {
    "blip2": Preset(
        ("BLIP-2 opt2.7b", "BLIP-2 opt6.7b", "BLIP-2 flant5xl"),
        {"inputs": list(_VISION), "frames": 1, "place": list(_MIDDLE)},
    ),
    "minigpt4": Preset(("MiniGPT-4",), {"frames": 1, "place": list(_MIDDLE)}, _FRAMES_AND_TEXTS),
    "videollama": Preset(
        ("Video-LLaMA pretrain", "Video-LLaMA finetune"), {"frames": 8, "film": "video"}, _FRAMES_AND_TEXTS
    ),
    "videochat": Preset(("VideoChat",), {"frames": 8, "film": "video"}, _FRAMES_AND_TEXTS),
    # It reads tags and captions that other models made of the clip, and no pixels.
    "videochat-text": Preset(("VideoChat Text",), {}, ("captions", "transcript", "title")),
}


def with_preset(written: Mapping[str, Any]) -> dict[str, Any]:
    """A chat teacher's options with those of its ``preset``; what is written there itself wins.

    Raises:
        UserError: there is no such preset, or it leaves the inputs open and they are not written.
    """
    given = dict(written)
    name = given.pop("preset", None)
    if name is None:
        return given
    preset = PRESETS.get(name) if isinstance(name, str) else None
    if preset is None:
        raise UserError(f"there is no preset {name}{nearest(str(name), PRESETS)}", f"presets: {', '.join(PRESETS)}")
    if preset.unknown_inputs and "inputs" not in given:
        first, *rest = preset.unknown_inputs
        raise UserError(
            f"the preset {name} needs inputs: which texts {preset.teachers[0]} was given is not published",
            f"inputs: [{first}], and any of {', '.join(rest)}",
        )
    return {**preset.options, **given}
