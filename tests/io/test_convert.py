from collections.abc import Iterator

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from livefan.io.convert import converted

PIXEL_FORMATS = ("yuv420p", "yuvj422p", "yuv444p", "yuv420p10le", "nv12", "gray", "rgb24")


@pytest.fixture
def pictures() -> Iterator[av.VideoFrame]:
    """Pictures of changing size and pixel format."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
    picture = av.VideoFrame.from_ndarray(noise, format="bgr24")
    return (
        picture.reformat(width=width, height=height, format=pixel_format)
        for width, height in ((130, 90), (33, 17))
        for pixel_format in PIXEL_FORMATS
    )


def test_pixels_equal_those_of_a_new_converter(pictures: Iterator[av.VideoFrame]):
    exact = int(Interpolation.BICUBIC) | int(Interpolation.ACCURATE_RND)
    for picture in pictures:
        expected = picture.to_ndarray(format="bgr24")
        np.testing.assert_array_equal(converted(picture, "bgr24").to_ndarray(), expected)
        if picture.width % 2 == 0:
            expected = picture.reformat(format="yuv420p", interpolation=exact).to_ndarray()
            found = converted(picture, "yuv420p", interpolation=exact).to_ndarray()
            np.testing.assert_array_equal(found, expected)
