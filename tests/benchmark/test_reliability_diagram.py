"""The diagram of stated and actual errors."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from livefan.benchmark.reliability_diagram import draw
from livefan.evaluation.reliability import LandmarkErrors, fit_confidence, fit_sigma


@pytest.mark.slow
def test_diagram_has_a_row_for_each_network(tmp_path: Path):
    rng = np.random.default_rng(0)
    width = rng.uniform(0.01, 0.05, (40, 5))
    errors = LandmarkErrors(
        [str(n) for n in range(40)],
        ["plain", "covered"] * 20,
        np.full(40, 0.8),
        width * rng.random((40, 5)),
        width,
        1 - width,
    )
    calibrations = fit_sigma(errors), fit_confidence(errors, width)
    for rows in (1, 2):
        draw({f"net {n}": (errors, *calibrations) for n in range(rows)}, tmp_path / "a.png")
        assert cv2.imread(str(tmp_path / "a.png")).shape == (288 * rows, 1170, 3)
