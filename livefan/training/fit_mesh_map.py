"""Fit the map from MediaPipe's face mesh to 300W's landmarks on labelled faces, and measure its error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.core.metrics import inter_ocular, nme
from livefan.core.provenance import commit
from livefan.datasets import FaceSet, print_skipped, read_images
from livefan.external_models.mediapipe_finder import MeshFinder
from livefan.external_models.mesh_map import N_INPUTS, MeshFrame, MeshMap, mesh_inputs
from livefan.training.augmentation.face_mesh import canvas

_RIDGE = 0.03
_RANK = 32
_FARTHEST = 0.25
"""Distance of mesh and labels, in sides of the labels' box, from which the mesh belongs to another face."""


def fit_mesh_map(training: FaceSet, validation: FaceSet, output: Path) -> dict[str, float]:
    """Fit the map on the training faces, write it to ``output``, and return its validation error.

    Returns:
        ``n_faces`` used for the fit, ``n_validation`` faces that MediaPipe found, and their mean error as
        ``nme`` in percent of the inter-ocular distance.

    Raises:
        LivefanError: if the faces are not those of 300W, or MediaPipe finds too few.
    """
    if training.scheme != IBUG_68:
        raise LivefanError(f"{training.title}: has landmarks of {training.scheme.name}; choose 300w")
    skipped = list(training.skipped)
    finder = MeshFinder()
    try:
        meshes, labels = _pairs(training, finder, "training faces", skipped)
        test_meshes, test_labels = _pairs(validation, finder, "validation faces", skipped)
    finally:
        finder.close()
    print_skipped(skipped)
    for faces, found, needed in ((training, meshes, _RANK), (validation, test_meshes, 1)):
        if len(found) < needed:
            raise LivefanError(
                f"{faces.title}: MediaPipe finds {len(found)} of its {len(faces.faces)} faces, but {needed} "
                "are needed; name a --root with more faces"
            )
    fitted = fit(meshes, labels)
    predicted = np.array([fitted.apply(mesh) for mesh in test_meshes])
    error = float(nme(predicted, test_labels, inter_ocular(test_labels, IBUG_68)).mean())
    fitted.save(
        output,
        {
            "fitted_on": f"{len(meshes)} faces of {training.title}",
            "method": f"ridge regression, ridge {_RIDGE}, reduced to rank {_RANK}",
            "validation": f"NME {error:.3f} % of the inter-ocular distance on {len(test_meshes)} faces of "
            f"{validation.title}",
            "command": "livefan calibrate --mediapipe",
            "finder": finder.name,
            "commit": commit(),
        },
    )
    return {"n_faces": len(meshes), "n_validation": len(test_meshes), "nme": round(error, 3)}


def fit(meshes_px: np.ndarray, labels_px: np.ndarray) -> MeshMap:
    """Return the ridge regression from ``(faces, 478, 2)`` meshes to ``(faces, 68, 2)`` labels."""
    frames = [MeshFrame.of(mesh) for mesh in meshes_px]
    inputs = np.array([mesh_inputs(mesh, frame) for mesh, frame in zip(meshes_px, frames, strict=True)])
    targets = np.array(
        [frame.from_image(label).ravel() for label, frame in zip(labels_px, frames, strict=True)]
    )
    mean = targets.mean(axis=0)
    gram = inputs.T @ inputs + _RIDGE * np.eye(N_INPUTS)
    weights = np.linalg.solve(gram, inputs.T @ (targets - mean))
    # The directions in which the fitted landmarks vary most: the rest of the map is noise.
    directions = np.linalg.svd(inputs @ weights, full_matrices=False)[2][:_RANK]
    return MeshMap(weights @ directions.T, directions, mean)


def _pairs(
    faces: FaceSet, finder: MeshFinder, label: str, skipped: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the meshes and labels of the faces that MediaPipe finds; list unreadable ones in ``skipped``."""
    meshes, labels = [], []
    for face, image in read_images(tqdm(faces.faces, label, leave=False, disable=None), skipped):
        crop = canvas(face.points_px)
        labelled = crop.to_crop(face.points_px)
        for mesh in finder.find_alone(crop.cut(image), max_faces=1):
            distance = float(np.linalg.norm(mesh.mean(axis=0) - labelled.mean(axis=0)))
            if distance < _FARTHEST * float(np.ptp(labelled, axis=0).max()):
                meshes.append(mesh)
                labels.append(labelled)
    return np.array(meshes), np.array(labels)
