"""Load COFW from its official layout: two MATLAB v7.3 (HDF5) files that contain the images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import COFW_29
from livefan.datasets.faces import FaceSet, LabelledFace, fault_of
from livefan.datasets.holdout import divide

if TYPE_CHECKING:
    import h5py

SPLITS = ("train", "validation", "test")
_FILE = {"train": "COFW_train_color.mat", "test": "COFW_test_color.mat"}
_IMAGES = {"train": "IsTr", "test": "IsT"}
_LABELS = {"train": "phisTr", "test": "phisT"}
_N_POINTS = COFW_29.n_points


@dataclass(frozen=True)
class _FaceCOFW(LabelledFace):
    """A face whose image is an element of a cell array in the data set's file.

    Attributes:
        images: name of the cell array.
        index: index of the image in the cell array, from 0.
    """

    images: str = ""
    index: int = 0

    @property
    def name(self) -> str:
        return f"{self.image_path.name}{self.within}"

    @property
    def within(self) -> str:
        return f", {self.images} {self.index + 1}"

    @property
    def photograph(self) -> str:
        return str(self.index)

    def _pixels(self) -> np.ndarray:
        with _open(self.image_path) as file:
            try:
                # MATLAB stores arrays by column: (channels, width, height), or (width, height) if grey.
                pixels = file[file[self.images][()].ravel()[self.index]][()].T
            except (KeyError, IndexError, OSError, ValueError, TypeError) as error:
                raise LivefanError(f"{self.place}: cannot be read as an image ({error})") from error
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
            raise LivefanError(f"{self.place}: not an image, but {pixels.dtype} of shape {pixels.shape}")
        code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
        return cv2.cvtColor(np.ascontiguousarray(pixels), code)


def load_cofw(root: Path, split: str) -> FaceSet:
    """Load a split of COFW from its official files.

    ``train`` and ``validation`` divide the training file with a fixed seed; ``test`` is the official test
    file. Coordinates are converted from MATLAB's 1-based pixels to 0-based pixels.

    Raises:
        LivefanError: if the file is missing or damaged, or h5py is not installed.
    """
    part = "test" if split == "test" else "train"
    path = root / _FILE[part]
    if not path.is_file():
        raise LivefanError(f"{path}: not there; --root must hold COFW's .mat files")
    with _open(path) as file:
        for needed in (_IMAGES[part], _LABELS[part]):
            if needed not in file:
                raise LivefanError(f"{path}: holds no {needed}; take COFW's official file in colour")
        labels = np.asarray(file[_LABELS[part]], np.float64).T
        n_images = int(file[_IMAGES[part]].size)
    if labels.ndim != 2 or labels.shape[1] != 3 * _N_POINTS or len(labels) != n_images:
        raise LivefanError(
            f"{path}: {_LABELS[part]} is {' x '.join(map(str, labels.shape))}, expected "
            f"{n_images} x {3 * _N_POINTS}: as many faces as images"
        )
    result = FaceSet(COFW_29, [])
    for index, row in enumerate(labels):
        x, y, flags = row.reshape(3, _N_POINTS)
        face = _FaceCOFW(
            path, np.column_stack([x, y]) - 1.0, part, (), flags > 0.5, images=_IMAGES[part], index=index
        )
        if fault := fault_of(face.points_px, COFW_29):
            result.skipped.append(f"{face.place}: {fault}")
        else:
            result.faces.append(face)
    return result if split == "test" else divide(result, split)


def _open(path: Path) -> h5py.File:
    try:
        import h5py
    except ImportError as error:
        raise LivefanError(
            f"{path}: reading COFW needs the package h5py; install it with: pip install h5py"
        ) from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise LivefanError(f"{path}: not a MATLAB v7.3 file; copy it again") from error
