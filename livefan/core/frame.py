"""The data that flow through livefan: a frame of a source, and the faces found on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.face_measures import Gaze

Damage = Literal["", "gap", "errors"]
"""Damage of a frame of a recording: none, frames lost right before it, or decoding errors on it."""

_EXPECTED = "pass a (height, width, 3) uint8 array in BGR order, a grey or BGRA one, or a PIL image"


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: ``(height, width, 3)`` uint8 BGR; :func:`as_bgr` lists the other kinds that are accepted.
        index: number of the frame in its source, from 0. Dropped frames of a live source count.
        captured_at: time of capture in seconds of :func:`time.perf_counter`; by default the present.
        source_time: time on the clock of the source in seconds: the presentation timestamp of a recording,
            or the time since the first frame of a live source. By default ``captured_at``.
        timestamp: exact presentation timestamp of a frame of a recording in seconds of the file's own clock,
            a multiple of the ``time_base`` of its source.
        damage: damage of a frame of a recording.
        image_name: file name of the image that holds the frame; empty for a frame of a video.

    Examples:
        >>> import livefan
        >>> import numpy as np
        >>> frame = livefan.Frame(np.zeros((480, 640, 3), np.uint8), index=30, source_time=1.0)
        >>> frame.image.shape
        (480, 640, 3)
    """

    image: np.ndarray
    index: int = 0
    captured_at: float = field(default_factory=time.perf_counter)
    source_time: float = math.nan
    timestamp: Fraction | None = None
    damage: Damage = ""
    image_name: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.source_time):
            object.__setattr__(self, "source_time", self.captured_at)


class _DeferredGaze:
    """The field :attr:`Face.gaze`; where a function is given for it, its first use calls the function.

    The direction of the eyes takes a tenth of the time of a frame, and most programs do not use it.
    """

    def __get__(self, face: Face | None, owner: type[Face] | None = None) -> Gaze | None:
        if face is None:
            return None  # the default of the field
        given = face.__dict__["gaze"]
        if callable(given):
            given = face.__dict__["gaze"] = given()
        return given

    def __set__(self, face: Face, given: Gaze | Callable[[], Gaze | None] | None) -> None:
        face.__dict__["gaze"] = given


@dataclass(frozen=True)
class Face:
    """A face on a frame.

    Attributes:
        track_id: id of the face, the same on later frames, from 1.
        box_px: ``(4,)`` float64 bounding box of the landmarks: left, top, right, bottom in image pixels.
        points_px: ``(n, 2)`` float64 landmarks ``(x, y)`` in image pixels, pixel centres at integers.
        confidence: ``(n,)`` float64, the probability in [0, 1] that there is a face and the landmark is in
            its place, within 5 % of the face's size; the confidence of the heatmap, if the weights are not
            calibrated. NaN if the model gives none.
        sigma_px: ``(n,)`` float64 radius around each landmark that holds 68 % of the errors, in image pixels;
            the width of the heatmap, if the weights are not calibrated. None if unknown.
        raw_points_px: ``(n, 2)`` float64 landmarks as measured, before the filter; None if unknown.
        expressions: ``(k,)`` float32 expression coefficients in [0, 1], in the order of
            :data:`livefan.measures.expressions.NAMES`; None if no expression head ran.
        gaze: direction of the eyes; None if unknown. A function without arguments that returns it is called
            at the first use.
        pupils_px: ``(2, 2)`` float64 centres of the irises ``(x, y)`` in image pixels, the person's right eye
            first; None if unknown.
        width_px: ``(n,)`` float64 width of the heatmap of each landmark in image pixels; None if unknown.
        occluded: ``(n,)`` float32 probability that each landmark is covered, as by a hand or hair; None if
            no reliability head ran. Not smoothed.
        presence: probability that there is a face at all, in [0, 1]; None likewise.
        face_score: mean confidence of the heatmaps, not calibrated, by which the tracker decides whether a
            face is lost or uncertain; NaN if the model gives none.

    Examples:
        >>> import cv2, livefan
        >>> with livefan.Pipeline() as pipeline:
        ...     (face,) = pipeline.process_image(cv2.imread("photo.jpg"))
        >>> face.track_id, face.points_px.shape, face.confidence.shape
        (1, (68, 2), (68,))
    """

    track_id: int
    box_px: np.ndarray
    points_px: np.ndarray
    confidence: np.ndarray
    sigma_px: np.ndarray | None = None
    raw_points_px: np.ndarray | None = None
    expressions: np.ndarray | None = None
    gaze: _DeferredGaze = _DeferredGaze()
    pupils_px: np.ndarray | None = None
    width_px: np.ndarray | None = None
    occluded: np.ndarray | None = None
    presence: float | None = None
    face_score: float = math.nan


def as_bgr(image: Any, name: str = "image") -> np.ndarray:
    """Return an image as a contiguous ``(height, width, 3)`` uint8 BGR array.

    Args:
        image: an array of shape ``(height, width)`` or ``(height, width, channels)`` with 1 (grey), 3 (BGR)
            or 4 (BGRA) channels, of unsigned integers with 8 or 16 bits in any byte order and memory layout;
            or a PIL image of any mode except I and F, whose range is unknown.
        name: name of the image in an error.

    Raises:
        LivefanError: if the image has no pixels, or another shape or type.
    """
    if hasattr(image, "getbands") and hasattr(image, "convert"):  # a PIL image, without importing PIL
        image = _from_pil(image, name)
    if not isinstance(image, np.ndarray):
        raise LivefanError(f"{name}: a {type(image).__name__} is not an image; {_EXPECTED}")
    if image.ndim not in (2, 3) or image.size == 0:
        raise LivefanError(f"{name}: an array of shape {image.shape} is not an image; {_EXPECTED}")
    image = _as_uint8(image, name)
    if image.ndim == 2:
        image = image[..., None]
    channels = image.shape[2]
    if channels == 1:
        image = np.repeat(image, 3, axis=2)
    elif channels == 4:
        image = image[..., :3]
    elif channels != 3:
        raise LivefanError(f"{name}: {channels} channels in shape {image.shape}; {_EXPECTED}")
    return np.ascontiguousarray(image)


def _from_pil(image: Any, name: str) -> np.ndarray:
    """Return the pixels of a PIL image: BGR, or of one channel where PIL would clip them at 255."""
    try:
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return np.asarray(image)
        return np.asarray(image.convert("RGB"))[..., ::-1]
    except (OSError, ValueError) as error:  # PIL reads a file now
        raise LivefanError(f"{name}: PIL cannot read it ({error}); get the file anew") from error


def _as_uint8(image: np.ndarray, name: str) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind == "u" and image.dtype.itemsize == 2:  # also of the other byte order
        return (image >> 8).astype(np.uint8)
    if image.dtype.kind == "f":
        # A range of 0 to 1 or 0 to 255 cannot be told from the type, and a guess fails on dark images.
        raise LivefanError(
            f"{name}: pixels are {image.dtype}, of unknown range; scale them to 0 to 255 and convert them "
            "with .astype(numpy.uint8)"
        )
    raise LivefanError(f"{name}: pixels are {image.dtype}; convert them to uint8 or uint16")
