"""Which encoder a step asks: its options, what they must be, and the encoder itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.catalog import step_name
from ...engine.contract.errors import UserError
from ...engine.contract.requirements import Requirement
from ...engine.contract.resources import Resources
from ...engine.contract.step import Step
from ...schemas import Col
from . import contrastive, imagebind_huge
from .checkpoints import is_file, sha256_of
from .conse import Conse
from .contrastive import OpenClipOptions, open_clip_encoder
from .imagebind_huge import imagebind_encoder
from .unimodal import ImageFeatures, SentenceEncoder

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

IMAGES = ("conse", "efficientnet", "open_clip", "imagebind")
TEXTS = ("conse", "minilm", "open_clip")
_EMBEDDED: dict[str, type[Conse | ImageFeatures | SentenceEncoder]] = {
    "conse": Conse,
    "efficientnet": ImageFeatures,
    "minilm": SentenceEncoder,
}

_GPU_MB = {"ViT-B": 2500, "ViT-L": 5000}  # about what a batch and fp32 weights take, by how open_clip's names begin


class Encoder(Protocol):
    """Pictures and texts to vectors of length 1 in one space."""

    @property
    def name(self) -> str:
        """A short name that goes into ids: two encoders of one name are the same."""

    @property
    def revision(self) -> str:
        """Versions of its packages and of its weights."""

    @property
    def dim(self) -> int:
        """Numbers in a vector."""

    def images(self, images: Sequence[Picture]) -> Floats:
        """``(H, W, 3)`` uint8 RGB pictures of any sizes to ``(N, dim)``; ``UserError`` if it knows only texts."""

    def texts(self, texts: Sequence[str]) -> Floats:
        """Texts to ``(N, dim)``; ``UserError`` if it knows only pictures."""


def model_of(encoder: Encoder) -> str:
    """What ``Embedding.model`` says of an encoder."""
    return f"{encoder.name} ({encoder.revision})"


@dataclass(frozen=True)
class EncoderOptions:
    """The options of a step that asks an encoder, which step classes take over by inheriting them.

    ``open_clip`` gets one worker, which has the GPU or all cores; the other encoders one worker for each core.
    """

    encoder: Annotated[str, Col("the encoder", choices=(*_EMBEDDED, "open_clip", "imagebind"))] = "conse"
    model: Annotated[str, Col("for `open_clip`: its name of the architecture, such as `ViT-B-32`")] = ""
    pretrained: Annotated[
        str, Col("for `open_clip`: its tag of the weights, or the path of a checkpoint; for `imagebind`: the path")
    ] = ""
    precision: Annotated[
        str, Col("for `open_clip`: the numbers that it computes with", choices=("fp32", "fp16", "bf16"))
    ] = "fp32"
    device: Annotated[
        str, Col("for `open_clip`: where it runs; `auto`: on a GPU, or else on the processor",
                 choices=("auto", "cpu", "cuda"), local=True),
    ] = "auto"  # fmt: skip
    per_batch: Annotated[int, Col("for `open_clip`: images or texts that it takes at once", low=1, local=True)] = 32

    def __post_init__(self) -> None:
        if not self.is_embedded:
            object.__setattr__(self, "cost", "gpu")
            object.__setattr__(self, "memory_mb", 3000)

    def resources(self) -> Resources:
        """A GPU if there is one, of which smaller models leave room for another."""
        memory_mb: int = self.memory_mb  # type: ignore[attr-defined]
        if self.is_embedded or self.device == "cpu":
            return Resources(memory_mb=memory_mb)
        gpu_mb = next((mb for name, mb in _GPU_MB.items() if self.model.startswith(name)), 0)
        return Resources(gpus=0.5 if gpu_mb else 1.0, gpu_memory_mb=gpu_mb, memory_mb=memory_mb)

    @property
    def is_embedded(self) -> bool:
        """Does it run on one core, with weights from an installed package?"""
        return self.encoder in _EMBEDDED

    def check(self, earlier: Sequence[Step]) -> None:
        """Raise ``UserError`` for options that do not belong together, and for a checkpoint that is not there."""
        self.check_options(step_name(type(self)))  # type: ignore[arg-type]

    def check_options(self, step: str) -> None:
        """The same, where they stand in an option of a step, which is named."""
        if self.is_embedded:
            if self.model or self.pretrained:
                said = f"`model` and `pretrained` belong to `encoder: open_clip`, and the encoder is {self.encoder}"
                raise UserError(f"{step}: {said}")
        elif self.encoder == "imagebind":
            if self.model or not is_file(self.pretrained):
                hint = "pretrained: /path/to/imagebind_huge.pth, and no model"
                raise UserError(f"{step}: `encoder: imagebind` needs the path of its checkpoint", hint)
        elif not (self.model and self.pretrained):
            hint = "for example model: ViT-B-32, pretrained: laion2b_s34b_b79k; or a checkpoint's path as pretrained"
            raise UserError(f"{step}: `encoder: open_clip` needs a `model` and what it is `pretrained` on", hint)
        if is_file(self.pretrained) and not Path(self.pretrained).expanduser().is_file():
            raise UserError(f"{step}.pretrained: there is no file {self.pretrained}")

    def requirements(self) -> Sequence[Requirement]:
        """What the encoder loads."""
        if self.is_embedded:
            return _EMBEDDED[self.encoder].requirements()
        return imagebind_huge.requirements() if self.encoder == "imagebind" else contrastive.requirements()

    def revision(self) -> str:
        """As ``Encoder.revision``, without loading the encoder."""
        if self.is_embedded:
            return _EMBEDDED[self.encoder].revision
        if self.encoder == "imagebind":
            return f"sha256 {sha256_of(self.pretrained)}"
        try:
            package = f"open_clip_torch=={version('open_clip_torch')}"
        except PackageNotFoundError:
            package = "open_clip_torch"
        weights = f"sha256 {sha256_of(self.pretrained)}" if is_file(self.pretrained) else self.pretrained
        return f"{package}, {weights}"

    @contextmanager
    def open_encoder(self) -> Iterator[Encoder]:
        """The encoder.

        Raises:
            UserError: packages or weights are missing or do not fit.
        """
        if self.is_embedded:
            yield _EMBEDDED[self.encoder]()
            return
        if self.encoder == "imagebind":
            yield imagebind_encoder(self.pretrained, self.device, self.per_batch, self.revision())
            return
        wanted = OpenClipOptions(self.model, self.pretrained, self.precision, self.device, self.per_batch)
        yield open_clip_encoder(wanted, self.revision())
