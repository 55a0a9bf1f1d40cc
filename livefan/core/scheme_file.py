"""Landmark schemes of users: read from a TOML file, and stored in weight files."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme, Outline, register

SCHEME_NAME = "scheme.toml"
"""File in a folder of labelled faces that defines their landmarks."""
_KEYS = ("name", "points", "mirror_pairs", "outlines", "normaliser", "right_eye", "left_eye", "mouth")
_STRUCTURE = frozenset(',"\r\n')
"""Characters that structure a CSV file, where the names of the points are columns."""


def read_scheme(path: Path) -> LandmarkScheme:
    """Read a landmark scheme from a TOML file, and register it by its name.

    The file names every landmark, in the order of the ``.pts`` files. All other entries use these names::

        name = "mini-3"
        points = ["right_eye", "left_eye", "mouth"]
        mirror_pairs = [["right_eye", "left_eye"]]
        normaliser = ["right_eye", "left_eye"]
        right_eye = ["right_eye"]
        left_eye = ["left_eye"]
        mouth = ["mouth"]
        outlines = [{ region = "eyes", points = ["right_eye", "left_eye"], closed = false }]

    Raises:
        LivefanError: if the file cannot be read, is no scheme, or has the name of another scheme.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LivefanError(f"{path}: cannot be read as a landmark scheme ({error})") from error
    return scheme_from(table, path)


def scheme_from(table: Mapping[str, Any], place: Path) -> LandmarkScheme:
    """Return the scheme of the content of a file, and register it; ``place`` is named in errors.

    Raises:
        LivefanError: if the table is no scheme, or has the name of another scheme.
    """
    if set(table) != set(_KEYS):
        raise LivefanError(f"{place}: a landmark scheme has exactly the entries {', '.join(_KEYS)}")
    try:
        scheme = _scheme(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LivefanError(f"{place}: not a landmark scheme: {error}; see docs/train.md") from error
    return register(scheme, place)


def _scheme(table: Mapping[str, Any]) -> LandmarkScheme:
    points = tuple(str(name) for name in table["points"])
    if len(set(points)) != len(points) or not points:
        raise ValueError("points must be different names")
    if wrong := next((name for name in points if _STRUCTURE & set(name)), None):
        raise ValueError(f"{wrong!r} has a comma, a quote or a line end, which CSV does not hold")
    numbers = {name: index for index, name in enumerate(points)}

    def indices(names: Sequence[str], count: int = 0) -> tuple[int, ...]:
        found = tuple(numbers[name] for name in names)
        if not found or (count and len(found) != count):
            raise ValueError(f"{list(names)} must be {count or 'some'} points")
        return found

    pairs = tuple(indices(pair, 2) for pair in table["mirror_pairs"])
    if len({index for pair in pairs for index in pair}) != 2 * len(pairs):
        raise ValueError("a point is in more than one of mirror_pairs")
    right, left = indices(table["normaliser"], 2)
    return LandmarkScheme(
        name=str(table["name"]),
        point_names=points,
        mirror_pairs=tuple((pair[0], pair[1]) for pair in pairs),
        outlines=tuple(
            Outline(str(line["region"]), indices(line["points"]), bool(line.get("closed", False)))
            for line in table["outlines"]
        ),
        normaliser=(right, left),
        right_eye=indices(table["right_eye"]),
        left_eye=indices(table["left_eye"]),
        mouth=indices(table["mouth"]),
    )


def toml_of(scheme: LandmarkScheme) -> str:
    """Return the text of a file from which :func:`read_scheme` reads a scheme."""
    table = table_of(scheme)
    outlines = table.pop("outlines")

    def lines(entries: Mapping[str, Any]) -> str:
        # For strings, truth values and lists of strings, JSON's notation is TOML's too.
        return "".join(f"{key} = {json.dumps(value)}\n" for key, value in entries.items())

    return lines(table) + "".join(f"\n[[outlines]]\n{lines(each)}" for each in outlines)


def table_of(scheme: LandmarkScheme) -> dict[str, Any]:
    """Return the table from which :func:`scheme_from` makes a scheme."""

    def names(indices: Sequence[int]) -> list[str]:
        return [scheme.point_names[index] for index in indices]

    return {
        "name": scheme.name,
        "points": list(scheme.point_names),
        "mirror_pairs": [names(pair) for pair in scheme.mirror_pairs],
        "outlines": [
            {"region": line.region, "points": names(line.points), "closed": line.closed}
            for line in scheme.outlines
        ],
        "normaliser": names(scheme.normaliser),
        "right_eye": names(scheme.right_eye),
        "left_eye": names(scheme.left_eye),
        "mouth": names(scheme.mouth),
    }
