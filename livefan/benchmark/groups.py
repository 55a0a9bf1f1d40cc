"""How accurate networks are on light and on dark skin, on children and on the old.

    python -m livefan.benchmark.groups --root DIR [--weights NAME ...]

The validation faces of 300W are grouped by how old they look, judged once by eye (ages.toml), and by the
individual typology angle of their cheeks (Chardon et al., Int. J. Cosmetic Science 13, 1991),
arctan((L* - 50) / b*) in degrees, with the bounds of Del Bino and Bernerd, Br. J. Dermatology 169, 2013. It
was made for skin under a known light: in a photograph it tells bright cheeks from dark ones, of which skin is
one cause and light another.
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
"""The lowest angle of each, in degrees; "light" takes in "very light"."""
GREY = "without colour"
CHEEKS = ((36, 31, 48, 3), (45, 35, 54, 13))
"""Landmarks whose mean is the middle of a cheek, in 300W's numbering from 0."""
RADIUS = 0.08
"""Of what is looked at, as a share of the distance between the outer eye corners."""
LEAST_CHROMA = 3.0
"""Below it a picture counts as grey."""
AGES = tomllib.loads(Path(__file__).with_name("ages.toml").read_text())
"""Names of faces by how old they look; all others are grown up."""
GROWN_UP = "in between"


def typology_angle(image: np.ndarray, points_px: np.ndarray) -> float | None:
    """The angle of a face in degrees; None in a grey picture.

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
    """The name of a face's group by how light its cheeks are."""
    angle = typology_angle(face.read_image(), face.points_px)
    if angle is None:
        return GREY
    return next(name for name, lowest in TYPOLOGY.items() if angle >= lowest)


def age(face: LabelledFace) -> str:
    """The name of a face's group by how old it looks."""
    return next((name for name, faces in AGES.items() if face.name in faces), GROWN_UP)


def print_table(title: str, names: list[str], groups: list[str], errors: dict[str, np.ndarray]) -> None:
    """Print mean NME and failure rate of each group, for each network.

    Args:
        names: the groups, in the order of the rows.
        groups: each face's.
        errors: each face's NME in percent, by network.
    """
    print(f"{title:16}{'faces':>6}" + "".join(f"{name:>24}{'FR > 8':>8}" for name in errors))
    for name in names:
        chosen = np.array(groups) == name
        if chosen.any():
            figures = "".join(
                f"{each[chosen].mean():22.2f} %{failure_rate(each[chosen], 8.0):6.1f} %"
                for each in errors.values()
            )
            print(f"{name:16}{chosen.sum():6}{figures}")


def main() -> None:
    """Measure, and print a table."""
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
