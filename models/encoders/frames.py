"""Stored frames, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from ...engine.contract.errors import RowError
from ...schemas import Frame


def picture(frame: Frame) -> NDArray[np.uint8] | RowError:
    """``(H, W, 3)`` uint8 RGB; an error of the kind ``bad_frame`` for what is no JPEG."""
    import cv2

    data = np.frombuffer(frame.jpeg, np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if found is None:
        return RowError(f"the stored frame {frame.frame_id} is no JPEG: scan the video again", "bad_frame")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV on one thread a call: there is a worker, or a thread of our own, for every core already."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
