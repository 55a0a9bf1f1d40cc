"""Conversion of decoded pictures between pixel formats."""

from __future__ import annotations

import threading
from typing import Any

from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

_CONVERTERS = threading.local()


def converted(picture: VideoFrame, pixel_format: str, **options: Any) -> VideoFrame:
    """Return a picture in another pixel format, converted in this thread.

    Each thread keeps its converter. A new one for each picture, as ``picture.reformat`` makes, starts threads
    of its own and takes two to five times as much processor time; the pixels are the same.

    Args:
        pixel_format: FFmpeg's name, such as ``bgr24``.
        options: further arguments of :meth:`av.video.reformatter.VideoReformatter.reformat`.
    """
    try:
        converter: VideoReformatter = _CONVERTERS.converter
    except AttributeError:
        converter = _CONVERTERS.converter = VideoReformatter()
    return converter.reformat(picture, format=pixel_format, threads=1, **options)
