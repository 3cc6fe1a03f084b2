"""Lets a torchvision that was built for CUDA be imported beside a torch for the CPU (`.ci/environment-vllm`)."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from typing import Any


class DeclareOperators(MetaPathFinder):
    """Declares two operators that torchvision's import asks for, just before it; finds nothing itself."""

    library: Any = None  # kept: the operators go when it goes

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Called for every import."""
        if fullname == "torchvision" and self.library is None:
            import torch

            self.library = torch.library.Library("torchvision", "DEF")
            self.library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            self.library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, DeclareOperators())
