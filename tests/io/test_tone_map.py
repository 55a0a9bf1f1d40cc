"""HDR pictures are shown as on a normal display."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from livefan.io.open import open_source
from livefan.io.tone_map import tone_mapped_bgr

TRANSFERS = {"pq": ("smpte2084", 0.58, 0.38), "hlg": ("arib-std-b67", 0.75, 0.38)}
"""Name in x265, and the codes of white at 203 cd/m2 and of a skin tone (ITU-R BT.2408, tables 1 and 2)."""


def write_hdr(path: Path, transfer: str, levels: list[float]) -> Path:
    """Write a 10-bit recording of grey stripes, tagged with BT.2020 and a transfer."""
    stripes = np.repeat(np.array(levels), 32) * 65535
    image = np.broadcast_to(stripes[None, :, None], (64, len(stripes), 3)).astype(np.uint16)
    tags = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:lossless=1"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx265", rate=25, options={"x265-params": tags})
        stream.width, stream.height, stream.pix_fmt = image.shape[1], 64, "yuv420p10le"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb48le")
        coded = picture.reformat(format="yuv420p10le", dst_colorspace=9)
        coded.pts = 0
        for packet in [*stream.encode(coded), *stream.encode(None)]:
            packet.pts = packet.dts = 0  # libx265 may leave the latter open
            container.mux(packet)
    return path


@pytest.mark.parametrize("kind", TRANSFERS)
def test_white_skin_and_highlights_are_where_a_normal_display_has_them(tmp_path: Path, kind: str) -> None:
    transfer, white, skin = TRANSFERS[kind]
    with open_source(write_hdr(tmp_path / "hdr.mkv", transfer, [0.0, skin, white, 1.0])) as source:
        (frame,) = source
    assert frame.image.dtype == np.uint8
    shown = frame.image[32, 16::32]
    assert np.ptp(shown.astype(int), axis=1).max() <= 2  # grey stays grey
    black, middle, bright, brightest = shown[:, 1].tolist()
    assert black == 0
    assert 90 <= middle <= 135  # without the mapping 97, and white 148 for PQ and 192 for HLG
    assert 235 <= bright < brightest
    assert brightest == 255


def test_normal_recording_is_not_mapped(tmp_path: Path) -> None:
    with open_source(write_hdr(tmp_path / "sdr.mkv", "bt709", [0.0, 0.38, 0.58, 1.0])) as source:
        (frame,) = source
    np.testing.assert_allclose(frame.image[32, 16::32, 1], [0, 97, 148, 255], atol=2)


@pytest.mark.parametrize("kind", TRANSFERS)
def test_colours_equal_the_formulas_to_two_grey_levels(kind: str) -> None:
    rng = np.random.default_rng(0)
    codes = cv2.resize(rng.integers(0, 46000, (6, 8, 3)).astype(np.uint16), (128, 70))
    picture = av.VideoFrame.from_ndarray(codes, format="rgb48le")
    picture.color_trc, picture.color_primaries = {"pq": 16, "hlg": 18}[kind], 9
    expected = FORMULAS[kind](codes / 65535.0) @ TO_BT_709.T
    brightest = np.maximum(expected.max(axis=2, keepdims=True), 0.7)
    expected *= (1 - 0.3 * np.exp((0.7 - brightest) / 0.3)) / brightest
    expected = 255 * np.clip(expected, 0, 1) ** (1 / 2.4)
    assert np.abs(tone_mapped_bgr(picture)[..., ::-1] - expected).max() < 2


TO_BT_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq_light(codes: np.ndarray) -> np.ndarray:
    """Return the light relative to white at 203 cd/m2 of PQ codes in [0, 1]: SMPTE ST 2084."""
    power = codes ** (32 / 2523)
    steps = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    light: np.ndarray = 10000 / 203 * steps ** (16384 / 2610)
    return light


def hlg_light(codes: np.ndarray) -> np.ndarray:
    """Return the light of HLG codes on a display of 1000 cd/m2: ITU-R BT.2100."""
    upper = (np.exp((codes - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene = np.where(codes <= 0.5, codes**2 / 3, upper)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    light: np.ndarray = scene * luminance[..., None] ** 0.2 * (1000 / 203)
    return light


FORMULAS = {"pq": pq_light, "hlg": hlg_light}
