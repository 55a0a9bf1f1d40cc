"""Read one image file: by its content, upright, and with the damage that its decoder reports."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.frame import as_bgr
from livefan.core.quiet import captured_stderr
from livefan.io.content import content_of
from livefan.io.heif import read_heif

_JPEG_FAULT = re.compile(r"Corrupt JPEG data|Premature end of JPEG|Inconsistent progression")


@dataclass(frozen=True)
class ImageFile:
    """An image and the file that it was read from.

    Attributes:
        path: the file.
        image: ``(height, width, 3)`` uint8 BGR, upright.
        fault: damage of the pixels, a few words; empty for an undamaged file.
    """

    path: Path
    image: np.ndarray
    fault: str = ""


def read_image(path: Path) -> np.ndarray:
    """Read an image file as ``(height, width, 3)`` uint8 BGR, upright; of several images, the first.

    Raises:
        LivefanError: if it cannot be read, or is not an image.
    """
    return as_bgr(_pixels(path), str(path))


def read_image_file(path: Path) -> ImageFile:
    """Read an image file as :func:`read_image` does, and report damage of its pixels.

    OpenCV reports no damage. Its JPEG library prints it on standard error, which is captured meanwhile.

    Raises:
        LivefanError: if it cannot be read, or is not an image.
    """
    with captured_stderr() as lines:
        image = read_image(path)
    faults = [line for line in lines if _JPEG_FAULT.match(line)]
    for line in lines:
        if line not in faults:
            print(line, file=sys.stderr)
    return ImageFile(path, image, faults[0] if faults else "")


def _pixels(path: Path) -> np.ndarray:
    if content_of(path) == "heif":
        return read_heif(path)
    try:
        # Through numpy, since cv2.imread fails on names outside the code page of Windows.
        data = np.fromfile(path, np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except FileNotFoundError as error:
        raise LivefanError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise LivefanError(f"{path}: {error.strerror}; check its permissions") from error
    except cv2.error as error:
        raise LivefanError(f"{path}: image cannot be read ({error.err}); save it again") from error
    if image is None:
        raise LivefanError(f"{path}: not an image, or damaged; save it again as PNG or JPEG")
    return image
