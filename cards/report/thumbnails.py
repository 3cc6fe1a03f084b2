"""Stored frames, made small enough to be carried by the page itself."""

from __future__ import annotations

import base64

import numpy as np

WIDTH_PX, HEIGHT_PX = 214, 120  # of a picture at most
_QUALITY = 72


def small_picture(jpeg: bytes) -> str | None:
    """A ``data:`` URI of the picture, scaled down; None for bytes that are no picture."""
    import cv2

    if not jpeg:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # a header that claims a picture too large to hold
        return None
    if image is None:
        return None
    height, width = image.shape[:2]
    scale = min(WIDTH_PX / width, HEIGHT_PX / height)
    if scale < 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, small = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(small.tobytes()).decode()}" if done else None
