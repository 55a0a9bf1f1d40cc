"""Accuracy of networks by skin tone and by age.

    python -m livefan.benchmark.groups --root DIR [--weights NAME ...]

The validation faces of 300W are grouped by apparent age (``ages.toml``, judged by one reader) and by the
individual typology angle of their cheeks, arctan((L* - 50) / b*) in degrees (Chardon et al., Int. J. Cosmetic
Science 13, 1991), with the limits of Del Bino and Bernerd, Br. J. Dermatology 169, 2013. The angle is defined
for skin under a known light. In a photograph it depends on skin and on illumination.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from livefan.core.metrics import failure_rate
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.datasets import load_300w
from livefan.datasets.faces import LabelledFace
from livefan.evaluation.evaluate import evaluate
from livefan.runtimes.base import RuntimeChoice
from livefan.runtimes.selection import open_runtime

TYPOLOGY = {"light": 41.0, "intermediate": 28.0, "tan": 10.0, "brown": -30.0, "dark": -90.0}
"""Lower limit of each group in degrees; "light" includes "very light"."""
GREY = "without colour"
CHEEKS = ((36, 31, 48, 3), (45, 35, 54, 13))
"""300W landmarks, numbered from 0, whose mean is the centre of each cheek."""
RADIUS = 0.08
"""Radius of the measured patch, as a share of the inter-ocular distance."""
LEAST_CHROMA = 3.0
"""Chroma below which a photograph counts as grey."""
_RESAMPLES = 2000
AGES = tomllib.loads(Path(__file__).with_name("ages.toml").read_text(encoding="utf-8"))
"""Names of faces by age group; all others are adults."""
GROWN_UP = "in between"


def typology_angle(image: np.ndarray, points_px: np.ndarray) -> float | None:
    """Return the typology angle of a face in degrees, or None in a grey photograph.

    Args:
        image: ``(height, width, 3)`` uint8 BGR.
        points_px: ``(68, 2)`` landmarks.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    reach = max(2, round(RADIUS * float(np.linalg.norm(points_px[36] - points_px[45]))))
    pixels = []
    for cheek in CHEEKS:
        x, y = np.round(points_px[list(cheek)].mean(axis=0)).astype(int)
        patch = lab[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        pixels.append(patch.reshape(-1, 3))
    lightness, green_red, blue_yellow = np.median(np.concatenate(pixels), axis=0)
    if np.hypot(green_red, blue_yellow) < LEAST_CHROMA:
        return None
    return float(np.degrees(np.arctan2(lightness - 50, max(blue_yellow, 1e-6))))


def skin(face: LabelledFace) -> str:
    """Return the name of a face's group by typology angle."""
    angle = typology_angle(face.read_image(), face.points_px)
    if angle is None:
        return GREY
    return next(name for name, lowest in TYPOLOGY.items() if angle >= lowest)


def age(face: LabelledFace) -> str:
    """Return the name of a face's age group."""
    return next((name for name, faces in AGES.items() if face.name in faces), GROWN_UP)


def margin(errors: np.ndarray) -> float:
    """Return half the width of the 95 % interval of the mean of errors, by bootstrap over the faces."""
    chosen = np.random.default_rng(0).integers(len(errors), size=(_RESAMPLES, len(errors)))
    low, high = np.quantile(errors[chosen].mean(axis=1), (0.025, 0.975))
    return float(high - low) / 2


def print_table(title: str, names: list[str], groups: list[str], errors: dict[str, np.ndarray]) -> None:
    """Print mean NME with its 95 % interval, and failure rate, of each group, for each network.

    Args:
        title: heading of the first column.
        names: groups in the order of the rows.
        groups: group of each face.
        errors: ``(faces,)`` NME in percent, by network.
    """
    print(f"{title:16}{'faces':>6}" + "".join(f"{name:>24}{'FR > 8':>8}" for name in errors))
    for name in names:
        chosen = np.array(groups) == name
        if chosen.any():
            figures = "".join(
                f"{each[chosen].mean():14.2f} ± {margin(each[chosen]):4.2f} %"
                f"{failure_rate(each[chosen], 8.0):6.1f} %"
                for each in errors.values()
            )
            print(f"{name:16}{chosen.sum():6}{figures}")


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="300W")
    parser.add_argument(
        "--weights", nargs="+", default=[DEFAULT_WEIGHTS], help="weight files, or bundled names"
    )
    arguments = parser.parse_args()
    faces = load_300w(arguments.root, "validation")
    errors = {
        name: evaluate(open_runtime(name, RuntimeChoice(precision="float32")), faces).errors
        for name in arguments.weights
    }
    tables: dict[str, tuple[list[str], Callable[[LabelledFace], str]]] = {
        "skin": ([*TYPOLOGY, GREY], skin),
        "age": ([*AGES, GROWN_UP], age),
    }
    for title, (names, group) in tables.items():
        print_table(title, names, [group(face) for face in faces.faces], errors)


if __name__ == "__main__":
    main()
