"""Aspect ratios of eyes and mouth."""

import numpy as np
import pytest

from livefan.core.landmarks import SCHEMES, LandmarkScheme
from livefan.measures.aspect_ratios import aspect_ratios


@pytest.mark.parametrize("scheme", list(SCHEMES.values()), ids=list(SCHEMES))
def test_aspect_ratios_do_not_depend_on_size_and_rotation(scheme: LandmarkScheme):
    """The eyes are 30 wide and 9 and 3 high, the mouth 40 wide and 10 high."""
    points = np.zeros((scheme.n_points, 2))
    eyes = {
        "300w-68": ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46))),
        "wflw-98": ((60, 64, (61, 62, 63), (67, 66, 65)), (68, 72, (69, 70, 71), (75, 74, 73))),
        "cofw-29": ((8, 10, (12,), (13,)), (9, 11, (14,), (15,))),
    }[scheme.name]
    mouth = {
        "300w-68": (60, 64, (61, 62, 63), (67, 66, 65)),
        "wflw-98": (88, 92, (89, 90, 91), (95, 94, 93)),
        "cofw-29": (22, 23, (25,), (26,)),
    }[scheme.name]
    for (first, last, upper, lower), width, height, x, y in (
        (eyes[0], 30, 9, 10, 20),
        (eyes[1], 30, 3, 70, 20),
        (mouth, 40, 10, 35, 80),
    ):
        points[first], points[last] = (x, y), (x + width, y)
        for number, (above, below) in enumerate(zip(upper, lower, strict=True), start=1):
            at = x + width * number / (len(upper) + 1)
            points[above], points[below] = (at, y - height / 2), (at, y + height / 2)
    turn = 2.5 * np.array([[0.8, -0.6], [0.6, 0.8]])
    opened = aspect_ratios(points @ turn.T + 100, scheme)
    assert (opened.right_eye, opened.left_eye, opened.mouth) == pytest.approx((0.3, 0.1, 0.25))
