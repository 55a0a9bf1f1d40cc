"""Linear maps between landmark schemes: each landmark as a mean of landmarks of another scheme."""

from __future__ import annotations

import numpy as np

from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, WFLW_TO_IBUG, LandmarkScheme

_TO_WFLW: dict[int, tuple[int, ...]] = {
    **{landmark: (index,) for index, landmark in enumerate(WFLW_TO_IBUG)},
    **{2 * index + 1: (index, index + 1) for index in range(16)},  # jaw, between two landmarks of 300W
    **{38: (21,), 39: (20,), 40: (19,), 41: (18,)},  # lower edge of the right brow
    **{50: (22,), 49: (23,), 48: (24,), 47: (25,)},  # lower edge of the left brow
    **{62: (37, 38), 66: (40, 41), 70: (43, 44), 74: (46, 47)},  # middles of the lids
    **{96: (37, 38, 40, 41), 97: (43, 44, 46, 47)},  # pupils
}
"""For each landmark of WFLW the nearest landmarks of 300W."""

_WFLW_TO_COFW: dict[int, tuple[int, ...]] = {
    **{0: (33,), 1: (46,), 2: (37, 38), 3: (42, 50)},  # ends of the brows
    **{4: (35,), 5: (40,), 6: (44,), 7: (48,)},  # upper and lower edges of the brows
    **{8: (60,), 9: (72,), 10: (64,), 11: (68,)},  # corners of the eyes
    **{12: (62,), 13: (66,), 14: (70,), 15: (74,), 16: (96,), 17: (97,)},  # lids and pupils
    **{18: (55,), 19: (59,), 20: (54,), 21: (57,)},  # nose
    **{22: (76,), 23: (82,), 24: (79,), 25: (90,), 26: (94,), 27: (85,), 28: (16,)},  # mouth and chin
}
"""For each landmark of COFW the landmarks of WFLW at the same place."""


def scheme_map(source: LandmarkScheme, target: LandmarkScheme) -> np.ndarray | None:
    """Return the ``(n_target, n_source)`` float64 matrix of a map; None if there is none.

    Rows sum to one. Times ``(n_source, 2)`` landmarks, the matrix gives approximate landmarks of the target.
    Times the channels of a head, it gives heatmaps near these places: the mean of the logits of two
    Gaussians is a Gaussian halfway between them.
    """
    to_wflw = _matrix(_TO_WFLW, WFLW_98, IBUG_68)
    to_cofw = _matrix(_WFLW_TO_COFW, COFW_29, WFLW_98)
    maps = {
        (IBUG_68.name, WFLW_98.name): to_wflw,
        (WFLW_98.name, COFW_29.name): to_cofw,
        (IBUG_68.name, COFW_29.name): to_cofw @ to_wflw,
    }
    return maps.get((source.name, target.name))


def _matrix(parts: dict[int, tuple[int, ...]], target: LandmarkScheme, source: LandmarkScheme) -> np.ndarray:
    matrix = np.zeros((target.n_points, source.n_points))
    for landmark, nearest in parts.items():
        matrix[landmark, list(nearest)] = 1 / len(nearest)
    return matrix
