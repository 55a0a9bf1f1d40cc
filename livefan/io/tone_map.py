"""Map the brightness of HDR pictures, of transfer PQ or HLG, to that of a normal display.

The light of each pixel is computed by ITU-R BT.2100, relative to white at 203 cd/m2 (ITU-R BT.2408), and its
primaries are changed from BT.2020 to BT.709. Brightness above 0.7 of white is compressed, so that
highlights keep their gradation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
from av.video.frame import VideoFrame

_PQ, _HLG = 16, 18  # ISO/IEC 23091-2, TransferCharacteristics
_BT_2020, _UNKNOWN = 9, 2  # ISO/IEC 23091-2, ColourPrimaries
_WHITE_NITS = 203.0
_HLG_PEAK_NITS = 1000.0
_HLG_GAMMA = 1.2
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
_TO_BT_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""From linear BT.2020 to BT.709 (ITU-R BT.2087)."""
_KNEE = 0.7
_BITS = 16
_DISPLAY_GAMMA = 2.4  # ITU-R BT.1886
_THREADS = 2
_STRIP_ROWS = 16
"""Rows that are mapped at a time. Their intermediate values fit into the cache of the processor."""


def is_hdr(picture: VideoFrame) -> bool:
    """Return whether a decoded picture has the transfer PQ or HLG."""
    return int(picture.color_trc) in (_PQ, _HLG)


def tone_mapped_bgr(picture: VideoFrame) -> np.ndarray:
    """Return an HDR picture as ``(height, width, 3)`` uint8 BGR for a normal display."""
    transfer, primaries = int(picture.color_trc), int(picture.color_primaries)
    to_bgr = (_TO_BT_709 if primaries in (_BT_2020, _UNKNOWN) else np.eye(3, dtype=np.float32))[::-1]
    codes = _rgb_codes(picture)
    mapped = np.empty(codes.shape, np.uint8)

    def map_strip(top: int) -> None:
        rows = slice(top, top + _STRIP_ROWS)
        light = np.take(_light_of_codes(transfer), codes[rows], mode="clip")
        if transfer == _HLG:
            scene = cv2.transform(light, _LUMINANCE[None])
            system_gain = cv2.pow(scene, _HLG_GAMMA - 1.0) * (_HLG_PEAK_NITS / _WHITE_NITS)
            light = cv2.multiply(light, cv2.merge([system_gain] * 3))
        mapped[rows] = _display_codes(cv2.transform(light, to_bgr))

    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(map_strip, range(0, len(codes), _STRIP_ROWS)))
    return mapped


def _rgb_codes(picture: VideoFrame) -> np.ndarray:
    """Return the ``(height, width, 3)`` uint16 RGB codes of a picture, without a copy."""
    rgb = picture.reformat(format="rgb48le")
    (plane,) = rgb.planes
    rows = np.frombuffer(memoryview(plane), np.dtype("<u2")).reshape(rgb.height, plane.line_size // 2)
    return rows[:, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3)


def _display_codes(light: np.ndarray) -> np.ndarray:
    """Return the uint8 codes of ``(rows, width, 3)`` float32 light relative to white, compressed."""
    first, second, third = cv2.split(light)
    brightest = cv2.max(cv2.max(first, second), third)
    if brightest.max() > _KNEE:
        light = cv2.multiply(light, cv2.merge([_gain(brightest)] * 3))
    _, positive = cv2.threshold(light, 0.0, 0.0, cv2.THRESH_TOZERO)
    return cv2.LUT(cv2.convertScaleAbs(cv2.sqrt(positive), alpha=255), _codes_of_roots())


def _gain(brightest: np.ndarray) -> np.ndarray:
    """Return the factor for the light of each pixel, given its brightest channel."""
    above = np.maximum(brightest, np.float32(_KNEE))
    factor: np.ndarray = (1 - (1 - _KNEE) * cv2.exp((_KNEE - above) / (1 - _KNEE))) / above
    return factor


@cache
def _light_of_codes(transfer: int) -> np.ndarray:
    """Return the light of each code: of PQ relative to white, of HLG that of the scene in [0, 1]."""
    codes = np.arange(1 << _BITS) / ((1 << _BITS) - 1)
    if transfer == _PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = codes ** (1 / m2)
        nits = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
        return (nits / _WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - c) / a) + b) / 12)
    return scene.astype(np.float32)


@cache
def _codes_of_roots() -> np.ndarray:
    """Return the 8-bit code of each square root of light, in steps of 1 / 255.

    The square root keeps the steps in the dark small. The largest error is 1.3 grey levels.
    """
    roots = np.arange(256) / 255
    return np.round(255 * roots ** (2 / _DISPLAY_GAMMA)).astype(np.uint8)
