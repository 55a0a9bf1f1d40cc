"""Convert FFmpeg's decoded pictures to upright images."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame

from livefan.core.frame import as_bgr
from livefan.io.convert import converted
from livefan.io.side_data import display_matrix
from livefan.io.tone_map import is_hdr, tone_mapped_bgr


def upright_bgr(picture: VideoFrame) -> np.ndarray:
    """Return a decoded picture as ``(height, width, 3)`` uint8 BGR, rotated and mirrored for display.

    The brightness of HDR pictures is mapped to that of a normal display.

    The display matrix maps a stored pixel (x, y) to (a x + c y, b x + d y), in 16.16 fixed point
    (ISO/IEC 14496-12, 8.3.2). Other angles than multiples of 90 degrees are rounded to the nearest.
    """
    image = tone_mapped_bgr(picture) if is_hdr(picture) else converted(picture, "bgr24").to_ndarray()
    matrix = display_matrix(picture)
    if matrix is not None:
        a, b, _, c, d = (int(value) for value in np.frombuffer(matrix, np.int32)[:5])
        if abs(a) < abs(b):
            image, a, d = cv2.transpose(image), c, b
        if a < 0:
            image = cv2.flip(image, 1)
        if d < 0:
            image = cv2.flip(image, 0)
    return as_bgr(image)
