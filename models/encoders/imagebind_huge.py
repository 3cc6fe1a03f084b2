"""ImageBind-huge, with which Panda-70M was stitched.

Girdhar et al. 2023 (arXiv:2305.05665); https://github.com/facebookresearch/ImageBind. Neither its package nor its
weights are on a package registry, and both are for non-commercial use: who has them gives the checkpoint's path.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, package_requirement

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

_SIDE_PX = 224
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)  # CLIP's
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
_SOURCE = "git+https://github.com/facebookresearch/ImageBind"


def requirements() -> list[Requirement]:
    """What ``imagebind_encoder`` loads."""
    return [package_requirement("imagebind", _SOURCE), package_requirement("torch", _SOURCE)]


class ImageBind:
    """Its picture side. Pictures are squeezed to 224 x 224 and not cropped, as Panda-70M's code does."""

    name, dim = "imagebind_huge", 1024

    def __init__(self, net: Any, device: str, revision: str, per_batch: int) -> None:
        self.revision = revision
        self._net, self._device, self._per_batch = net, device, per_batch

    def images(self, images: Sequence[Picture]) -> Floats:
        """As ``Encoder.images``."""
        import torch

        vectors = [np.zeros((0, self.dim), np.float32)]
        with torch.inference_mode():
            for at in range(0, len(images), self._per_batch):
                batch = np.stack([_prepare(image) for image in images[at : at + self._per_batch]])
                seen = self._net({"vision": torch.from_numpy(batch).to(self._device)})["vision"]
                vectors.append(np.asarray(seen.float().cpu().numpy(), np.float32))
        found = np.concatenate(vectors)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(lengths, np.float32(1e-12)), np.float32)

    def texts(self, texts: Sequence[str]) -> Floats:
        """Raises ``UserError``: texts are not read here."""
        raise UserError("imagebind reads no texts here", "encode captions with open_clip, conse or minilm")


def _prepare(image: Picture) -> Floats:
    """(3, 224, 224)."""
    from PIL import Image

    small = Image.fromarray(image).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BILINEAR)
    return np.asarray(((np.asarray(small, np.float32) / 255 - _MEAN) / _STD).transpose(2, 0, 1), np.float32)


def imagebind_encoder(checkpoint: str, device: str, per_batch: int, revision: str) -> ImageBind:
    """Load it from a checkpoint (``imagebind_huge.pth``).

    Raises:
        UserError: a package is missing, or the checkpoint does not fit.
    """
    with extra("imagebind", f"pip install {_SOURCE}"):
        import torch
        from imagebind.models.imagebind_model import imagebind_huge
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    net = imagebind_huge(pretrained=False)
    try:
        net.load_state_dict(torch.load(os.path.expanduser(checkpoint), map_location="cpu", weights_only=True))
        net = net.eval().to(place)
    except (pickle.UnpicklingError, RuntimeError, OSError, KeyError, TypeError, AttributeError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"cannot load {checkpoint}: {said}", "it must be ImageBind's imagebind_huge.pth") from None
    return ImageBind(net, place, revision, per_batch)
