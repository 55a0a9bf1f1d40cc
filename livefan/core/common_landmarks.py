"""The landmarks that two schemes have at the same places of the face: those on which models are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from livefan.core import face_mesh
from livefan.core.landmarks import (
    COFW_29,
    COFW_TO_IBUG,
    IBUG_68,
    MEDIAPIPE_478,
    WFLW_98,
    WFLW_TO_IBUG,
    LandmarkScheme,
    Outline,
)

_OUTER_EYE_CORNERS = ("right_eye_0", "left_eye_3")
"""Names that 300W gives to the landmarks of :attr:`LandmarkScheme.normaliser`."""


@dataclass(frozen=True)
class CommonLandmarks:
    """Landmarks of two schemes at the same places of the face; the outer eye corners are always among them.

    Attributes:
        scheme: the common landmarks, in the order of the first scheme; the scheme itself if both are equal.
        ours, theirs: ``(n,)`` indices in the first and in the second scheme.
        same: whether both schemes are equal.
    """

    scheme: LandmarkScheme
    ours: np.ndarray
    theirs: np.ndarray
    same: bool = False


@cache
def common_landmarks(ours: LandmarkScheme, theirs: LandmarkScheme) -> CommonLandmarks:
    """Return the common landmarks of two schemes.

    Places have the names of 300W's landmarks, and ``right_pupil`` and ``left_pupil``. The landmarks of a
    user's scheme are at the places that their names say.
    """
    if ours == theirs:
        everything = np.arange(ours.n_points)
        return CommonLandmarks(ours, everything, everything, same=True)
    our_places, their_places = places(ours), places(theirs)
    names = tuple(sorted(our_places.keys() & their_places.keys(), key=lambda name: our_places[name]))
    indices = tuple(our_places[name] for name in names)
    theirs_of = np.array([their_places[name] for name in names])
    return CommonLandmarks(subset(ours, f"common-{len(names)}", names, indices), np.array(indices), theirs_of)


def places(scheme: LandmarkScheme) -> dict[str, int]:
    """Return the index of the landmark at each place of the face that a scheme has."""
    names, found = IBUG_68.point_names, {name: index for index, name in enumerate(scheme.point_names)}
    if scheme == WFLW_98:
        found = {name: WFLW_TO_IBUG[index] for index, name in enumerate(names)} | _pupils(scheme)
    elif scheme == COFW_29:
        found = {names[ibug]: index for index, ibug in COFW_TO_IBUG} | _pupils(scheme)
    elif scheme == MEDIAPIPE_478:
        found = {names[ibug]: vertex for ibug, vertex in face_mesh.FROM_300W.items()} | _pupils(scheme)
    # Landmarks that stand for one place twice would be compared twice.
    found = {name: index for name, index in found.items() if index not in scheme.normaliser}
    return found | dict(zip(_OUTER_EYE_CORNERS, scheme.normaliser, strict=True))


def _pupils(scheme: LandmarkScheme) -> dict[str, int]:
    return {name: scheme.point_names.index(name) for name in ("right_pupil", "left_pupil")}


def subset(
    scheme: LandmarkScheme, name: str, names: tuple[str, ...], indices: tuple[int, ...]
) -> LandmarkScheme:
    """Return a scheme of some landmarks of another one, under other names.

    Args:
        scheme: the whole scheme.
        name: name of the new scheme.
        names: names of the landmarks.
        indices: their indices in the whole scheme; those of its normaliser are among them.
    """
    number = {index: place for place, index in enumerate(indices)}
    pairs = [pair for pair in scheme.mirror_pairs if set(pair) <= number.keys()]

    def kept(part: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number[index] for index in part if index in number)

    right, left = (number[index] for index in scheme.normaliser)
    return LandmarkScheme(
        name=name,
        point_names=names,
        mirror_pairs=tuple((number[one], number[other]) for one, other in pairs),
        outlines=tuple(
            Outline(line.region, points, line.closed and len(points) == len(line.points))
            for line in scheme.outlines
            if len(points := kept(line.points)) > 1
        ),
        normaliser=(right, left),
        right_eye=kept(scheme.right_eye) or (right,),
        left_eye=kept(scheme.left_eye) or (left,),
        mouth=kept(scheme.mouth),
    )
