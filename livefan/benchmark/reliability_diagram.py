"""Draw how well the stated errors of landmarks hold.

    python -m livefan.benchmark.reliability_diagram --root DIR -o FILE.png [--weights NAME ...]

The faces are the half of the validation faces to which ``calibrate-sigma`` did not fit, as they are and in
hard forms. Ten bins hold equally many landmarks, from the smallest to the largest stated error.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.datasets import load
from livefan.evaluation.reliability import (
    LandmarkErrors,
    calibration_error,
    coverage_table,
    fit_sigma,
    halves,
    reliability,
    stated_sigma,
)
from livefan.networks.sigma_calibration import COVERAGE, SigmaCalibration
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime
from livefan.training.augmentation.robustness import plain_and_hard_errors

KINDS = ("all", "plain", "covered")


def draw(measured: dict[str, tuple[LandmarkErrors, SigmaCalibration]], path: Path) -> None:
    """Write the diagram as a PNG: a row for each network, a column for each kind of faces.

    Args:
        measured: errors on held-out faces and the calibration, by name of the weights.
        path: the file.
    """
    # Imported here, since the import takes a second.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2 * len(measured)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(measured), len(KINDS), squeeze=False)
    for row, (name, (errors, calibration)) in zip(grid, measured.items(), strict=True):
        for axes, kind in zip(row, KINDS, strict=True):
            part = errors if kind == "all" else errors.of_kind(kind)
            limit = 0.0
            for label, used in (("width of the heatmap", None), ("sigma", calibration)):
                sigma = stated_sigma(part, used)
                stated, radius, _ = reliability(part, sigma)
                error = 100 * calibration_error(part, sigma)
                axes.plot(100 * stated, 100 * radius, "o-", label=f"{label}, ECE {error:.1f} %")
                limit = max(limit, 100 * float(np.max([stated, radius])))
            axes.plot([0, limit], [0, limit], "k:", linewidth=1)
            axes.set(title=f"{name}, {kind}", xlabel="stated error (% of the crop)")
            axes.set_ylabel(f"radius of {100 * COVERAGE:.0f} % of the errors (%)")
            axes.legend(fontsize="small", loc="upper left")
            axes.grid(alpha=0.3)
    figure.savefig(path, format="png")


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
        measured[name] = (other, fit_sigma(fitted))
        print(f"{name}\n{coverage_table(*measured[name])}")
    draw(measured, arguments.out)


if __name__ == "__main__":
    main()
