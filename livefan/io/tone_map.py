"""Map the brightness of HDR pictures, of transfer PQ or HLG, to that of a normal display.

The light of each pixel is computed by ITU-R BT.2100, relative to white at 203 cd/m2 (ITU-R BT.2408), and its
primaries are changed from BT.2020 to BT.709. Brightness above 0.7 of white is compressed, so that
highlights keep their gradation.
"""

from __future__ import annotations

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
_BITS = 12
_DISPLAY_GAMMA = 2.4  # ITU-R BT.1886


def is_hdr(picture: VideoFrame) -> bool:
    """Return whether a decoded picture has the transfer PQ or HLG."""
    return int(picture.color_trc) in (_PQ, _HLG)


def tone_mapped_bgr(picture: VideoFrame) -> np.ndarray:
    """Return an HDR picture as ``(height, width, 3)`` uint8 BGR for a normal display."""
    codes: np.ndarray = picture.to_ndarray(format="rgb48le")
    light = np.take(_light_of_codes(int(picture.color_trc)), codes >> (16 - _BITS))
    if int(picture.color_trc) == _HLG:
        scene = cv2.transform(light, _LUMINANCE[None])
        light *= (scene ** (_HLG_GAMMA - 1.0))[..., None] * (_HLG_PEAK_NITS / _WHITE_NITS)
    if int(picture.color_primaries) in (_BT_2020, _UNKNOWN):
        light = cv2.transform(light, _TO_BT_709)
    brightest = light.max(axis=2)
    light *= _gain(brightest)[..., None]
    steps = _codes_of_light()
    places = np.clip(light * (len(steps) - 1) + 0.5, 0, len(steps) - 1).astype(np.uint16)
    return np.ascontiguousarray(np.take(steps, places)[..., ::-1])


def _gain(brightest: np.ndarray) -> np.ndarray:
    """Return the factor for the light of each pixel, given its brightest channel."""
    above = np.maximum(brightest, _KNEE)
    compressed = _KNEE + (1 - _KNEE) * (1 - np.exp((_KNEE - above) / (1 - _KNEE)))
    factor: np.ndarray = compressed / above
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
def _codes_of_light() -> np.ndarray:
    """Return the 8-bit code of each step of light in [0, 1]."""
    light = np.arange(1 << 16) / ((1 << 16) - 1)
    return np.round(255 * light ** (1 / _DISPLAY_GAMMA)).astype(np.uint8)
