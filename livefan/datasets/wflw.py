"""Load WFLW from its official layout: one list of faces for training and one for testing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import WFLW_98
from livefan.datasets.faces import FaceSet, LabelledFace, fault_of
from livefan.datasets.holdout import divide

_TEST_HALVES = {"test-reference": "train", "test-held-out": "validation"}
"""Halves of the test list by photograph: to fit conventions of the labels, and to measure."""
SPLITS = ("train", "validation", "test", *_TEST_HALVES)
ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""Attributes of a face, in the order of the flags in its line; a face may have several, or none."""

_IMAGES = "WFLW_images"
_LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
_N_COORDINATES = 2 * 98
_N_VALUES = _N_COORDINATES + 4 + len(ATTRIBUTES)


@dataclass(frozen=True)
class _FaceWFLW(LabelledFace):
    """A face of WFLW, whose images lie in folders by event and may hold several faces."""

    @property
    def name(self) -> str:
        return f"{self.photograph}{self.within}"

    @property
    def within(self) -> str:
        x, y = self.points_px.mean(axis=0)
        return f" at {x:.0f}, {y:.0f}"

    @property
    def photograph(self) -> str:
        return f"{self.image_path.parent.name}/{self.image_path.name}"


def load_wflw(root: Path, split: str) -> FaceSet:
    """Load a split of WFLW from its official layout.

    ``train`` and ``validation`` divide the training list by photograph with a fixed seed; ``test`` is the
    official test list. ``test-reference`` and ``test-held-out`` are its halves.
    Coordinates are 0-based pixels, as in the list.

    Raises:
        LivefanError: if the list or the folder of images is missing, or no line can be used.
    """
    part = "test" if split.startswith("test") else "train"
    path, images = root / _LIST.format(part), root / _IMAGES
    for needed, is_there in ((path, path.is_file()), (images, images.is_dir())):
        if not is_there:
            raise LivefanError(f"{needed}: not there; --root must hold WFLW's folders")
    result = FaceSet(WFLW_98, [])
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            result.faces.append(_face(line, images, part))
        except LivefanError as error:
            result.skipped.append(f"{path}, line {number}: {error}")
    if not result.faces:
        reason = result.skipped[0] if result.skipped else f"{path}: holds no line"
        raise LivefanError(f"{reason}; no face of the {split} split can be used")
    if split in _TEST_HALVES:
        return divide(result, _TEST_HALVES[split], 0.5)
    return result if split == "test" else divide(result, split)


def _face(line: str, images: Path, part: str) -> LabelledFace:
    fields = line.split(maxsplit=_N_VALUES)
    if len(fields) != _N_VALUES + 1:
        raise LivefanError(f"holds {len(fields)} fields, expected {_N_VALUES + 1}")
    try:
        values = np.array(fields[:_N_VALUES], np.float64)
    except ValueError as error:
        raise LivefanError(f"not numbers ({error})") from error
    points = values[:_N_COORDINATES].reshape(-1, 2)
    if fault := fault_of(points, WFLW_98):
        raise LivefanError(fault)
    image = images / fields[-1].strip()
    if not image.is_file():
        raise LivefanError(f"{image}: no such image")
    flags = values[_N_COORDINATES + 4 :] > 0.5
    attributes = tuple(name for name, flag in zip(ATTRIBUTES, flags, strict=True) if flag)
    return _FaceWFLW(image, points, part, attributes)
