"""open_clip: models that learnt pictures and texts together.

Radford et al. 2021 (CLIP, arXiv:2103.00020); Cherti et al. 2023 (OpenCLIP, arXiv:2212.07143);
https://github.com/mlfoundations/open_clip.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import UserError, nearest
from ...engine.contract.extras import extra
from ...engine.contract.requirements import Requirement, extra_packages
from .checkpoints import is_file

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]


class OpenClipOptions(NamedTuple):
    """Options of the same names of ``Choice``."""

    model: str
    pretrained: str
    precision: str
    device: str
    per_batch: int


class OpenClipModel(NamedTuple):
    """A model as open_clip hands it out."""

    model: Any
    prepare: Callable[[Any], Any]  # a PIL image to a (3, H, W) tensor: its own resizing, cropping, normalising
    tokenize: Callable[[list[str]], Any]
    device: str
    dtype: Any  # of the pictures


def requirements() -> list[Requirement]:
    """What ``open_clip_encoder`` loads."""
    return extra_packages("clip", "open_clip", "torch")


class OpenClip:
    """One of open_clip's models, loaded. Pictures are prepared by threads while others are in the model."""

    def __init__(self, net: OpenClipModel, name: str, revision: str, dim: int, per_batch: int) -> None:
        self.name, self.revision, self.dim = name, revision, dim
        self._net, self._per_batch = net, per_batch

    def images(self, images: Sequence[Picture]) -> Floats:
        """As ``Encoder.images``."""
        import torch
        from PIL import Image

        def prepare_image(image: Picture) -> Any:
            return self._net.prepare(Image.fromarray(image))

        vectors = [np.zeros((0, self.dim), np.float32)]
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool, torch.inference_mode():
            ready = pool.map(prepare_image, images)
            while some := list(islice(ready, self._per_batch)):
                batch = torch.stack(some).to(self._net.device, self._net.dtype)
                vectors.append(_units(self._net.model.encode_image(batch)))
        return np.concatenate(vectors)

    def texts(self, texts: Sequence[str]) -> Floats:
        """As ``Encoder.texts``; what is beyond the model's context (77 tokens for CLIP) is not read."""
        import torch

        vectors = [np.zeros((0, self.dim), np.float32)]
        with torch.inference_mode():
            for at in range(0, len(texts), self._per_batch):
                tokens = self._net.tokenize(list(texts[at : at + self._per_batch])).to(self._net.device)
                vectors.append(_units(self._net.model.encode_text(tokens)))
        return np.concatenate(vectors)


def _units(found: Any) -> Floats:
    vectors = np.asarray(found.float().cpu().numpy(), np.float32)
    made: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return made


def open_clip_encoder(wanted: OpenClipOptions, revision: str) -> OpenClip:
    """Load a model by its name and the tag of its weights, or with the weights of a file.

    Raises:
        UserError: a package is missing, there is no such model, tag or GPU, or the weights cannot be had or do not fit.
    """
    with extra("clip"):
        import open_clip
        import torch

    local = is_file(wanted.pretrained)
    _check_names(open_clip, wanted, local)
    device = wanted.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda, and PyTorch sees no GPU here", "write device: auto or device: cpu")
    with _its_errors(wanted):
        model, _, prepare = open_clip.create_model_and_transforms(
            wanted.model,
            pretrained=os.path.expanduser(wanted.pretrained) if local else wanted.pretrained,
            precision=wanted.precision,
            device=device,
            weights_only=True,
            **(_default_preprocessing(open_clip, wanted.model) if local else _training_options(open_clip, wanted)),
        )
        tokenize = open_clip.get_tokenizer(wanted.model)
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[wanted.precision]
    net = OpenClipModel(model.eval(), prepare, tokenize, device, dtype)
    weights = revision.rpartition("sha256 ")[2][:12] if local else wanted.pretrained
    name = re.sub(r"[^\w.-]+", "-", f"{wanted.model}_{weights}")
    return OpenClip(net, name, revision, int(open_clip.get_model_config(wanted.model)["embed_dim"]), wanted.per_batch)


def _check_names(open_clip: Any, wanted: OpenClipOptions, local: bool) -> None:
    models = open_clip.list_models()
    if wanted.model not in models:
        raise UserError(
            f"open_clip has no model {wanted.model}{nearest(wanted.model, models)}",
            'all of them: python -c "import open_clip; print(open_clip.list_models())"',
        )
    tags = open_clip.list_pretrained_tags_by_model(wanted.model)
    if not local and wanted.pretrained not in tags:
        said = f"open_clip has no weights {wanted.pretrained} of {wanted.model}{nearest(wanted.pretrained, tags)}"
        raise UserError(said, f"it has {', '.join(tags) or 'none'}; or give the path of a checkpoint")


def _training_options(open_clip: Any, wanted: OpenClipOptions) -> dict[str, Any]:
    """Weights that learnt with QuickGELU compute rubbish without; open_clip itself only warns."""
    return {"force_quick_gelu": bool(open_clip.get_pretrained_cfg(wanted.model, wanted.pretrained).get("quick_gelu"))}


def _default_preprocessing(open_clip: Any, model: str) -> dict[str, Any]:
    """How pictures are prepared for a checkpoint, which does not say it: as all published weights of the model want."""
    configs = [open_clip.get_pretrained_cfg(model, tag) for tag in open_clip.list_pretrained_tags_by_model(model)]
    made: dict[str, Any] = {}
    for key in ("mean", "std", "interpolation", "resize_mode"):
        found = {config[key] for config in configs if key in config}
        if len(found) == 1:
            made[f"image_{key}"] = found.pop()
    return made


@contextmanager
def _its_errors(wanted: OpenClipOptions) -> Iterator[None]:
    """What open_clip, PyTorch and the hub's client raise where weights cannot be had or do not fit."""
    from safetensors import SafetensorError

    what = f"{wanted.model}, {wanted.pretrained}"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "QuickGELU mismatch")
            yield
    except pickle.UnpicklingError as error:
        raise UserError(f"{wanted.pretrained} is no plain checkpoint: it would run code when it is loaded") from error
    except UserWarning as error:
        raise UserError(f"{what}: {error}", f"try model: {wanted.model.removesuffix('-quickgelu')}") from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"{wanted.model} needs the package {error.name}", f"install it with: pip install {error.name}"
        ) from error
    except (SafetensorError, RuntimeError, OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"cannot load {what}: {said}", "without a network, give a checkpoint's path") from error
