"""Derive landmarks of WFLW and COFW for faces with the 68 landmarks of 300W.

The sources of a landmark:

- Landmarks that 300W has as well are those of 300W.
- The jaw's 17 landmarks become 33, and the lids get a middle, by splines through the 68 landmarks.
- The lower edges of the brows and the pupils are those of MediaPipe's mesh, moved with landmarks near them.
- Annotators of WFLW place landmarks elsewhere than those of 300W. The mean offset of each landmark is fitted
  to faces with landmarks of WFLW, in units of the face.
- Landmarks of COFW are those of WFLW at the same places.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.interpolate import CubicSpline
from tqdm import tqdm

from livefan.core.crop import upright_crop
from livefan.core.errors import LivefanError
from livefan.core.files import check_new_folder, stems_of
from livefan.core.landmarks import COFW_29, IBUG_68, WFLW_98, WFLW_TO_IBUG, LandmarkScheme
from livefan.datasets import FaceSet, read_images
from livefan.datasets.pts import LABELS_NAME
from livefan.runtimes.base import Runtime
from livefan.training.mesh_landmarks import EYES_NOSE_MOUTH, MeshLandmarks, mesh_fits
from livefan.training.pseudo_label import predict_views, write_face
from livefan.training.scheme_map import scheme_map

DERIVED: dict[str, LandmarkScheme] = {"wflw": WFLW_98, "cofw": COFW_29}
"""Schemes that can be derived, by the names of their data sets."""

# Vertices of MediaPipe's mesh. Right and left are the subject's.
_BROW_EDGES = {
    38: (21, 107, 55),
    39: (20, 66, 65),
    40: (19, 105, 52),
    41: (18, 63, 53),
    50: (22, 336, 285),
    49: (23, 296, 295),
    48: (24, 334, 282),
    47: (25, 293, 283),
}
"""For landmarks of WFLW on lower edges of brows: the landmark of 300W above, and vertices of the mesh on the
upper and on the lower edge."""
_PUPILS = {
    96: (range(36, 42), (33, 160, 158, 133, 153, 144), 468),
    97: (range(42, 48), (362, 385, 387, 263, 373, 380), 473),
}
"""For the pupils of WFLW: landmarks of the eye in 300W, vertices at the same places, centre of the iris."""
_LIDS = {62: (36, 37, 38, 39), 66: (39, 40, 41, 36), 70: (42, 43, 44, 45), 74: (45, 46, 47, 42)}
"""For the middles of lids in WFLW: the landmarks of the lid in 300W."""
_MOUTH, _MOUTH_CORNERS = slice(76, 96), (76, 82)
"""Landmarks of WFLW on the lips, and the right and left corner of the mouth."""
_PRIOR_FACES = 2.0
"""Weight of an offset of zero in the fit, in faces."""
_LEAST_AREA = 0.2
"""Faces in profile, whose frame has a smaller area in squared face heights, do not take part in the fit."""


@dataclass
class Derived:
    """The result of :func:`derive_labels`.

    Attributes:
        kept: number of written faces.
        reference_faces: number of faces that the offsets were fitted to.
        left_out: faces that were left out, each with the reason.
    """

    kept: int = 0
    reference_faces: int = 0
    left_out: list[str] = field(default_factory=list)


def derive_wflw(points_px: np.ndarray, mesh_px: np.ndarray) -> np.ndarray:
    """Return the ``(98, 2)`` landmarks of WFLW, without offsets of convention, in image pixels.

    Args:
        points_px: ``(68, 2)`` landmarks of 300W.
        mesh_px: ``(478, 2)`` points of MediaPipe's mesh.
    """
    derived = np.empty((WFLW_98.n_points, 2))
    derived[list(WFLW_TO_IBUG)] = points_px
    derived[1:33:2] = _midpoints(points_px[:17])
    for landmark, lid in _LIDS.items():
        derived[landmark] = _midpoints(points_px[list(lid)])[1]
    for landmark, (above, upper, lower) in _BROW_EDGES.items():
        derived[landmark] = points_px[above] + mesh_px[lower] - mesh_px[upper]
    for landmark, (eye, vertices, iris) in _PUPILS.items():
        derived[landmark] = mesh_px[iris] + (points_px[eye] - mesh_px[list(vertices)]).mean(axis=0)
    return derived


def _midpoints(points_px: np.ndarray) -> np.ndarray:
    """Return the ``(n - 1, 2)`` points midway between neighbours, on a cubic spline through all points."""
    steps = np.linalg.norm(np.diff(points_px, axis=0), axis=1).clip(1e-6)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(CubicSpline(along, points_px)((along[:-1] + along[1:]) / 2))


def face_axes(points_px: np.ndarray) -> np.ndarray:
    """Return the axes in which offsets are measured, ``(98, 2, 2)``: two vectors for each landmark of WFLW.

    The first vector leads from the right to the left eye, for landmarks of the mouth from the right to the
    left corner. The second leads from the eyes to the mouth.
    """
    right_eye, left_eye, mouth = WFLW_98.centring @ points_px
    axes = np.stack([left_eye - right_eye, mouth - (left_eye + right_eye) / 2])
    of_all = np.repeat(axes[None], WFLW_98.n_points, axis=0)
    right_corner, left_corner = _MOUTH_CORNERS
    of_all[_MOUTH, 0] = points_px[left_corner] - points_px[right_corner]
    return of_all


def fit_offsets(derived_px: Sequence[np.ndarray], truth_px: Sequence[np.ndarray]) -> np.ndarray:
    """Return the ``(98, 2)`` mean offsets of true from derived landmarks, in units of :func:`face_axes`.

    The offsets are symmetrical: each face counts with its mirror image. Few faces give smaller offsets.

    Raises:
        LivefanError: if all faces are in profile.
    """
    offsets = []
    for derived, truth in zip(derived_px, truth_px, strict=True):
        axes = face_axes(derived)
        if (np.abs(np.linalg.det(axes)) < _LEAST_AREA * np.square(axes[:, 1]).sum(-1)).any():
            continue
        offset = np.einsum("ni,nij->nj", truth - derived, np.linalg.inv(axes))
        offsets += [offset, offset[WFLW_98.mirror_order] * (-1, 1)]
    if not offsets:
        raise LivefanError("--reference: holds no face that is not in profile; name more faces")
    return np.asarray(np.sum(offsets, axis=0) / (len(offsets) + 2 * _PRIOR_FACES))


def moved(points_px: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return landmarks of WFLW moved by offsets of :func:`fit_offsets`."""
    return np.asarray(points_px + np.einsum("ni,nij->nj", offsets, face_axes(points_px)))


def reference_offsets(
    reference: FaceSet, teachers: Sequence[Runtime], mesh: MeshLandmarks
) -> tuple[np.ndarray, int]:
    """Return the offsets of convention, and the number of faces that they were fitted to.

    The teachers find the 68 landmarks of 300W, since the faces have those of WFLW alone.

    Args:
        reference: faces labelled by people, of scheme ``wflw-98``.
        teachers: networks that find the 68 landmarks.
        mesh: finds the mesh.

    Raises:
        LivefanError: if the faces or networks have other schemes, or no face can be used.
    """
    if reference.scheme != WFLW_98:
        raise LivefanError(f"--reference: faces of {reference.scheme.name}; give faces of {WFLW_98.name}")
    if any(teacher.scheme != IBUG_68 for teacher in teachers):
        raise LivefanError(f"--weights: name networks of scheme {IBUG_68.name}")
    derived, truth, skipped = [], [], list(reference.skipped)
    shown = tqdm(reference.faces, "reference faces", leave=False, disable=None)
    for face, image in read_images(shown, skipped):
        points_px = predict_views(teachers, image, upright_crop(face.points_px, WFLW_98)).points_px
        points_px = predict_views(teachers, image, upright_crop(points_px, IBUG_68)).points_px
        derived.append(derive_wflw(points_px, mesh.find(image, upright_crop(points_px, IBUG_68))))
        truth.append(face.points_px)
    if not derived:
        raise reference.unusable(skipped)
    return fit_offsets(derived, truth), len(derived)


def derive_labels(
    faces: FaceSet,
    output: Path,
    scheme: str,
    mesh: MeshLandmarks,
    offsets: np.ndarray | None = None,
    reference_faces: int = 0,
) -> Derived:
    """Derive landmarks for labelled faces; write each as an image with ``.pts`` beside it.

    Args:
        faces: faces with the 68 landmarks of 300W.
        output: a new folder, which appears when all is done. ``labels.json`` in it has the offsets, and the
            faces left out.
        scheme: a key of :data:`DERIVED`.
        mesh: finds the mesh.
        offsets: ``(98, 2)`` offsets of convention by :func:`fit_offsets`; None for none.
        reference_faces: number of faces that these were fitted to.

    Raises:
        LivefanError: if the faces are of another scheme, the output exists or cannot be written, or no face
            can be used.
    """
    if faces.scheme != IBUG_68:
        raise LivefanError(f"--root: faces of scheme {faces.scheme.name}; give faces of {IBUG_68.name}")
    check_new_folder(output)
    result = Derived(reference_faces=reference_faces, left_out=list(faces.skipped))
    # A folder within the temporary one, because the latter is readable by its owner alone.
    with TemporaryDirectory(prefix=".livefan-derived-", dir=output.parent) as temporary:
        folder = Path(temporary) / output.name
        folder.mkdir()
        for name, image, points_px in _derived_faces(faces, DERIVED[scheme], mesh, offsets, result.left_out):
            write_face(folder / f"{name}.jpg", image, points_px)
            result.kept += 1
        if not result.kept:
            raise faces.unusable(result.left_out)
        report = {
            "scheme": DERIVED[scheme].name,
            "kept": result.kept,
            "reference faces": reference_faces,
            "offsets": None if offsets is None else offsets.round(5).tolist(),
            "left out": result.left_out,
        }
        (folder / LABELS_NAME).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        folder.rename(output)
    return result


def _derived_faces(
    faces: FaceSet,
    scheme: LandmarkScheme,
    mesh: MeshLandmarks,
    offsets: np.ndarray | None,
    left_out: list[str],
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield a name, the image and the ``(n, 2)`` derived landmarks of each face; append to ``left_out``."""
    to_target = scheme_map(WFLW_98, scheme)
    photographs = stems_of(sorted({f"{face.subset}/{face.photograph}.jpg" for face in faces.faces}))
    count: Counter[str] = Counter()
    shown = tqdm(faces.faces, "deriving", leave=False, disable=None)
    for face, image in read_images(shown, left_out):
        mesh_px = mesh.find(image, upright_crop(face.points_px, IBUG_68))
        if not mesh_fits(mesh_px, face.points_px, EYES_NOSE_MOUTH):
            left_out.append(f"{face.place}: the mesh does not fit the landmarks")
            continue
        points_px = derive_wflw(face.points_px, mesh_px)
        if offsets is not None:
            points_px = moved(points_px, offsets)
        # As 'label' names them: faces of one photograph differ in the last number.
        stem = photographs[f"{face.subset}/{face.photograph}.jpg"]
        yield f"{stem}_{count[stem]}", image, points_px if to_target is None else to_target @ points_px
        count[stem] += 1
