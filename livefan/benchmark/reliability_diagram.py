"""Draw how well the stated errors and confidences of landmarks hold.

    python -m livefan.benchmark.reliability_diagram --root DIR -o FILE.png [--weights NAME ...]

The faces are the half of the validation faces to which ``calibrate-sigma`` did not fit, as they are and in
hard forms. Ten bins hold equally many landmarks, from the smallest to the largest stated value.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.datasets import load
from livefan.evaluation.reliability import (
    LandmarkErrors,
    bins,
    calibration_error,
    confidence_error,
    confidence_table,
    coverage_table,
    fit_confidence,
    fit_sigma,
    halves,
    stated_sigma,
)
from livefan.networks.confidence_calibration import ConfidenceCalibration
from livefan.networks.sigma_calibration import COVERAGE, SigmaCalibration
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.training.calibration_crops import empty_confidences, plain_and_hard_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("all", "plain", "covered")

Measured = tuple[LandmarkErrors, SigmaCalibration, ConfidenceCalibration]
"""Errors on held-out faces, and the calibration."""


def draw(measured: dict[str, Measured], path: Path) -> None:
    """Write the diagram as a PNG: a row for each network; sigma of several kinds of faces, and confidence.

    Args:
        measured: by name of the weights.
        path: the file.
    """
    # Imported here, since the import takes a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.2 * len(measured)), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(measured), len(KINDS) + 1, squeeze=False)
    for row, (name, (errors, sigma, confidence)) in zip(grid, measured.items(), strict=True):
        for axes, kind in zip(row, KINDS, strict=False):
            axes.set_title(f"{name}, {kind}")
            _draw_sigma(axes, errors if kind == "all" else errors.of_kind(kind), sigma)
        row[-1].set_title(f"{name}, all")
        _draw_confidence(row[-1], errors, confidence)
        for axes in row:
            axes.legend(fontsize="small", loc="lower right")
            axes.grid(alpha=0.3)
    figure.savefig(path, format="png")


def _draw_sigma(axes: Axes, errors: LandmarkErrors, calibration: SigmaCalibration) -> None:
    """Draw the radius that holds 68 % of the errors against the stated one."""
    limit = 0.0
    for label, used in (("width of the heatmap", None), ("sigma", calibration)):
        sigma = stated_sigma(errors, used)
        stated, radius = np.array(
            [(np.median(each), np.quantile(error, COVERAGE)) for each, error in bins(sigma, errors.error)]
        ).T
        error = 100 * calibration_error(errors, sigma)
        axes.plot(100 * stated, 100 * radius, "o-", label=f"{label}, ECE {error:.1f} %")
        limit = max(limit, 100 * float(np.max([stated, radius])))
    axes.plot([0, limit], [0, limit], "k:", linewidth=1)
    axes.set_xlabel("stated error (% of the crop)")
    axes.set_ylabel(f"radius of {100 * COVERAGE:.0f} % of the errors (%)")


def _draw_confidence(axes: Axes, errors: LandmarkErrors, calibration: ConfidenceCalibration) -> None:
    """Draw the share of landmarks in their place against the confidence."""
    calibrated = calibration.confidence(errors.confidence)
    for label, confidence in (("heatmap", errors.confidence), ("confidence", calibrated)):
        stated, share = np.array(
            [(each.mean(), actual.mean()) for each, actual in bins(confidence, errors.in_place)]
        ).T
        error = 100 * confidence_error(confidence, errors.in_place)
        axes.plot(100 * stated, 100 * share, "o-", label=f"{label}, ECE {error:.1f} %")
    axes.plot([0, 100], [0, 100], "k:", linewidth=1)
    axes.set_xlabel("confidence (%)")
    axes.set_ylabel("landmarks in their place (%)")


def main() -> None:
    """Measure the networks, print the coverage, and draw the diagram."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="300W")
    parser.add_argument("-o", "--out", type=Path, required=True, help="PNG file to write")
    parser.add_argument(
        "--weights", nargs="+", default=[DEFAULT_WEIGHTS], help="weight files, or bundled names"
    )
    arguments = parser.parse_args()
    faces = load("300w", arguments.root, "validation")
    measured = {}
    for name in arguments.weights:
        runtime = open_runtime(name, RuntimeChoice(precision="float32"))
        fitted, other = halves(plain_and_hard_errors(runtime, faces))
        sigma, confidence = fit_sigma(fitted), fit_confidence(fitted, empty_confidences(runtime, seed=0))
        measured[name] = other, sigma, confidence
        print(f"{name}\n{coverage_table(other, sigma)}")
        print(confidence_table(other, empty_confidences(runtime, seed=1), confidence))
    draw(measured, arguments.out)


if __name__ == "__main__":
    main()
