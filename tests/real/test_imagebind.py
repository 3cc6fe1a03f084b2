"""ImageBind's place in the encoders, with a small stand-in for the network, which no registry has."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cliploom.engine.contract.errors import UserError
from cliploom.models.encoders.choice import EncoderOptions


class Small(torch.nn.Module):  # type: ignore[misc]
    """1024 numbers from the mean colour of a prepared picture."""

    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(3, 1024)

    def forward(self, given: dict[str, Any]) -> dict[str, Any]:
        pictures = given["vision"]
        assert pictures.shape[1:] == (3, 224, 224) and pictures.dtype == torch.float32
        return {"vision": self.line(pictures.mean(dim=(2, 3)))}


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    module = types.ModuleType("imagebind.models.imagebind_model")
    module.imagebind_huge = lambda pretrained: Small()  # type: ignore[attr-defined]
    for name in ("imagebind", "imagebind.models"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    path = tmp_path / "imagebind_huge.pth"
    torch.save(Small().state_dict(), path)
    return path


def test_pictures_are_squeezed_normalised_and_encoded_in_batches(checkpoint: Path) -> None:
    dice = np.random.default_rng(0)
    pictures = [dice.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((90, 160), (224, 224), (300, 50))]
    with EncoderOptions("imagebind", pretrained=str(checkpoint), device="cpu", per_batch=2).open_encoder() as encoder:
        found = encoder.images(pictures)
        assert found.shape == (3, 1024) and found.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
        net = Small()
        net.load_state_dict(torch.load(checkpoint, weights_only=True))
        mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
        level = torch.tensor(((pictures[1] / 255 - mean) / std).mean(axis=(0, 1)), dtype=torch.float32)
        alone = net.line(level).detach().numpy()
        np.testing.assert_allclose(found[1], alone / np.linalg.norm(alone), atol=1e-4)
        assert encoder.images([]).shape == (0, 1024)
        with pytest.raises(UserError, match="reads no texts"):
            encoder.texts(["a dog"])


def test_what_is_wrong_is_one_line(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the path of its checkpoint"):
        EncoderOptions("imagebind").check(())
    with pytest.raises(UserError, match="there is no file"):
        EncoderOptions("imagebind", pretrained=str(tmp_path / "not.pth")).check(())
    (tmp_path / "bad.pth").write_bytes(b"no checkpoint")
    with (
        pytest.raises(UserError, match="cannot load"),
        EncoderOptions("imagebind", pretrained=str(tmp_path / "bad.pth")).open_encoder(),
    ):
        pass
