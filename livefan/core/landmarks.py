"""Landmark schemes: names, mirror pairs and outlines of the landmarks of a data set."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from livefan.core import face_mesh
from livefan.core.errors import LivefanError


@dataclass(frozen=True)
class Outline:
    """A line through landmarks, drawn as one polyline.

    Attributes:
        region: the part of the face, e.g. ``"jaw"`` or ``"left_eye"``.
        points: landmark indices in drawing order.
        closed: whether the last point joins the first.
    """

    region: str
    points: tuple[int, ...]
    closed: bool = False


@dataclass(frozen=True)
class LandmarkScheme:
    """The layout of one data set's landmarks; indices are 0-based, left and right are the subject's.

    Attributes:
        name: identifier stored in weight files and tables.
        point_names: one name per landmark.
        mirror_pairs: ``(right, left)`` landmark indices that are exchanged when the image is mirrored.
        outlines: lines to draw.
        normaliser: the outer eye corners ``(right, left)``; their distance divides the error in NME.
        right_eye, left_eye, mouth: landmarks whose mean is the centre of that part; ``mouth`` may be empty
            if faces of the scheme are only compared.
    """

    name: str
    point_names: tuple[str, ...]
    mirror_pairs: tuple[tuple[int, int], ...]
    outlines: tuple[Outline, ...]
    normaliser: tuple[int, int]
    right_eye: tuple[int, ...]
    left_eye: tuple[int, ...]
    mouth: tuple[int, ...]
    mirror_order: np.ndarray = field(init=False, repr=False, compare=False)
    centring: np.ndarray = field(init=False, repr=False, compare=False)
    """``(3, n_points)`` matrix that maps landmarks to the centres of right eye, left eye and mouth."""

    def __post_init__(self) -> None:
        order = np.arange(len(self.point_names))
        for right, left in self.mirror_pairs:
            order[right], order[left] = left, right
        order.setflags(write=False)
        object.__setattr__(self, "mirror_order", order)
        centring = np.zeros((3, len(self.point_names)))
        for row, part in zip(centring, (self.right_eye, self.left_eye, self.mouth), strict=True):
            row[list(part)] = 1 / max(len(part), 1)
        centring.setflags(write=False)
        object.__setattr__(self, "centring", centring)

    @property
    def n_points(self) -> int:
        """Number of landmarks of a face."""
        return len(self.point_names)


def _numbered(part: str, count: int) -> tuple[str, ...]:
    return tuple(f"{part}_{index}" for index in range(count))


def _across(first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Return the mirror pairs of a run of points that is symmetric about its middle."""
    return tuple((first + i, last - i) for i in range((last - first + 1) // 2))


def _run(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


IBUG_68 = LandmarkScheme(
    name="300w-68",
    point_names=(
        _numbered("jaw", 17)
        + _numbered("right_brow", 5)
        + _numbered("left_brow", 5)
        + _numbered("nose_bridge", 4)
        + _numbered("nose_base", 5)
        + _numbered("right_eye", 6)
        + _numbered("left_eye", 6)
        + _numbered("outer_lip", 12)
        + _numbered("inner_lip", 8)
    ),
    mirror_pairs=(
        *_across(0, 16),
        *_across(17, 26),
        *_across(31, 35),
        *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
        *_across(48, 54),
        *((59, 55), (58, 56)),
        *_across(60, 64),
        (67, 65),
    ),
    outlines=(
        Outline("jaw", _run(0, 16)),
        Outline("right_brow", _run(17, 21)),
        Outline("left_brow", _run(22, 26)),
        Outline("nose", _run(27, 30)),
        Outline("nose", _run(31, 35)),
        Outline("right_eye", _run(36, 41), closed=True),
        Outline("left_eye", _run(42, 47), closed=True),
        Outline("mouth", _run(48, 59), closed=True),
        Outline("mouth", _run(60, 67), closed=True),
    ),
    normaliser=(36, 45),
    right_eye=_run(36, 41),
    left_eye=_run(42, 47),
    mouth=_run(48, 59),
)

WFLW_98 = LandmarkScheme(
    name="wflw-98",
    point_names=(
        _numbered("jaw", 33)
        + _numbered("right_brow", 9)
        + _numbered("left_brow", 9)
        + _numbered("nose_bridge", 4)
        + _numbered("nose_base", 5)
        + _numbered("right_eye", 8)
        + _numbered("left_eye", 8)
        + _numbered("outer_lip", 12)
        + _numbered("inner_lip", 8)
        + ("right_pupil", "left_pupil")
    ),
    mirror_pairs=(
        *_across(0, 32),
        *_across(33, 46)[:5],
        *((38, 50), (39, 49), (40, 48), (41, 47)),
        *_across(55, 59),
        *((60, 72), (61, 71), (62, 70), (63, 69), (64, 68), (65, 75), (66, 74), (67, 73)),
        *_across(76, 82),
        *((87, 83), (86, 84)),
        *_across(88, 92),
        *((95, 93), (96, 97)),
    ),
    outlines=(
        Outline("jaw", _run(0, 32)),
        Outline("right_brow", _run(33, 41), closed=True),
        Outline("left_brow", _run(42, 50), closed=True),
        Outline("nose", _run(51, 54)),
        Outline("nose", _run(55, 59)),
        Outline("right_eye", _run(60, 67), closed=True),
        Outline("left_eye", _run(68, 75), closed=True),
        Outline("mouth", _run(76, 87), closed=True),
        Outline("mouth", _run(88, 95), closed=True),
    ),
    normaliser=(60, 72),
    right_eye=_run(60, 67),
    left_eye=_run(68, 75),
    mouth=_run(76, 87),
)

COFW_29 = LandmarkScheme(
    name="cofw-29",
    point_names=(
        *("right_brow_outer", "left_brow_outer", "right_brow_inner", "left_brow_inner"),
        *("right_brow_top", "right_brow_bottom", "left_brow_top", "left_brow_bottom"),
        *("right_eye_outer", "left_eye_outer", "right_eye_inner", "left_eye_inner"),
        *("right_eye_top", "right_eye_bottom", "left_eye_top", "left_eye_bottom"),
        *("right_pupil", "left_pupil", "right_nostril", "left_nostril", "nose_tip", "nose_base"),
        *("mouth_right", "mouth_left", "upper_lip_top", "upper_lip_bottom"),
        *("lower_lip_top", "lower_lip_bottom", "chin"),
    ),
    mirror_pairs=(
        *((0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15), (16, 17)),
        *((18, 19), (22, 23)),
    ),
    outlines=(
        Outline("right_brow", (0, 4, 2, 5), closed=True),
        Outline("left_brow", (3, 6, 1, 7), closed=True),
        Outline("right_eye", (8, 12, 10, 13), closed=True),
        Outline("left_eye", (11, 14, 9, 15), closed=True),
        Outline("nose", (18, 20, 19, 21), closed=True),
        Outline("mouth", (22, 24, 23, 27), closed=True),
        Outline("mouth", (22, 25, 23, 26), closed=True),
    ),
    normaliser=(8, 9),
    right_eye=(8, 10, 12, 13),
    left_eye=(9, 11, 14, 15),
    mouth=(22, 23, 24, 27),
)

WFLW_TO_IBUG: tuple[int, ...] = (
    *range(0, 33, 2),
    *_run(33, 37),
    *_run(42, 46),
    *_run(51, 59),
    *(60, 61, 63, 64, 65, 67),
    *(68, 69, 71, 72, 73, 75),
    *_run(76, 95),
)
"""For each landmark of :data:`IBUG_68` the one of :data:`WFLW_98` on the same place of the face.

Jaw and nose are spaced alike, eye corners and lips are the same points. Of brows WFLW marks the edges, 300W
about the middle line: the upper edge stands in, so an error measured there is partly one of definition."""

_MESH_PARTS = {
    "right_eye": face_mesh.RIGHT_EYE,
    "left_eye": face_mesh.LEFT_EYE,
    "right_brow": face_mesh.RIGHT_BROW,
    "left_brow": face_mesh.LEFT_BROW,
    "outer_lip": face_mesh.OUTER_LIPS,
    "inner_lip": face_mesh.INNER_LIPS,
    "nose": face_mesh.NOSE_BRIDGE + face_mesh.NOSE_BASE,
    "right_iris": face_mesh.RIGHT_IRIS,
    "left_iris": face_mesh.LEFT_IRIS,
}


def _mesh_names() -> tuple[str, ...]:
    """Return a name for each vertex: its part and its number; ``face`` for all outside the other parts."""
    part_of = {vertex: part for part, vertices in _MESH_PARTS.items() for vertex in vertices}
    names = [f"{part_of.get(vertex, 'face')}_{vertex}" for vertex in range(face_mesh.N_POINTS)]
    names[face_mesh.RIGHT_PUPIL], names[face_mesh.LEFT_PUPIL] = "right_pupil", "left_pupil"
    return tuple(names)


MEDIAPIPE_478 = LandmarkScheme(
    name="mediapipe-478",
    point_names=_mesh_names(),
    mirror_pairs=face_mesh.MIRROR_PAIRS,
    outlines=(
        Outline("face", face_mesh.OVAL, closed=True),
        Outline("right_brow", face_mesh.RIGHT_BROW, closed=True),
        Outline("left_brow", face_mesh.LEFT_BROW, closed=True),
        Outline("nose", face_mesh.NOSE_BRIDGE),
        Outline("nose", face_mesh.NOSE_BASE),
        Outline("right_eye", face_mesh.RIGHT_EYE, closed=True),
        Outline("left_eye", face_mesh.LEFT_EYE, closed=True),
        Outline("right_eye", face_mesh.RIGHT_IRIS, closed=True),
        Outline("left_eye", face_mesh.LEFT_IRIS, closed=True),
        Outline("mouth", face_mesh.OUTER_LIPS, closed=True),
        Outline("mouth", face_mesh.INNER_LIPS, closed=True),
    ),
    normaliser=(33, 263),
    right_eye=face_mesh.RIGHT_EYE,
    left_eye=face_mesh.LEFT_EYE,
    mouth=face_mesh.OUTER_LIPS,
)
"""MediaPipe's face mesh; no data set has it, so it is not one of :data:`SCHEMES`."""

COFW_TO_IBUG: tuple[tuple[int, int], ...] = (
    *((0, 17), (2, 21), (3, 22), (1, 26), (8, 36), (10, 39), (11, 42), (9, 45), (18, 31), (19, 35)),
    *((20, 30), (21, 33), (22, 48), (23, 54), (24, 51), (25, 62), (26, 66), (27, 57), (28, 8)),
)
"""Landmarks of :data:`COFW_29`, and those of :data:`IBUG_68` on the same places of the face.

Lids and brows have one landmark in the middle of each edge, where 300W has none."""

SCHEMES: dict[str, LandmarkScheme] = {scheme.name: scheme for scheme in (IBUG_68, WFLW_98, COFW_29)}

BUILT_IN = frozenset(SCHEMES)
"""Names of the schemes of data sets that every version knows."""

_PLACES: dict[str, object] = {}
"""The place where each further scheme was read first, by its name."""


def register(scheme: LandmarkScheme, place: object) -> LandmarkScheme:
    """Make a user's scheme known by its name in this process, and return it.

    Weight files and tables refer to schemes by name.

    Args:
        place: where the scheme was read, for the error.

    Raises:
        LivefanError: if another scheme has that name.
    """
    if scheme.name == MEDIAPIPE_478.name or SCHEMES.setdefault(scheme.name, scheme) != scheme:
        earlier = f" in {_PLACES[scheme.name]}" if scheme.name in _PLACES else ""
        raise LivefanError(
            f"{place}: another landmark scheme is called {scheme.name!r}{earlier}; choose another name "
            "for yours"
        )
    if scheme.name not in BUILT_IN:
        _PLACES.setdefault(scheme.name, place)
    return scheme


def scheme_by_name(name: str) -> LandmarkScheme:
    """Return the scheme of a name.

    Raises:
        LivefanError: if no scheme has that name.
    """
    known = SCHEMES | {MEDIAPIPE_478.name: MEDIAPIPE_478}
    try:
        return known[name]
    except KeyError:
        raise LivefanError(f"unknown landmark scheme {name!r}: known are {', '.join(known)}") from None
