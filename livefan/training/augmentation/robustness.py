"""Make a reproducible set of hard faces from labelled faces.

The training and validation faces of 300W are mostly frontal, bright and sharp. Each face is therefore
rotated, shown in profile, covered, blurred, darkened, compressed and reduced. The result depends on the names
of the faces alone, and is not stored.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from livefan.core.crop import Crop
from livefan.core.errors import LivefanError
from livefan.core.files import name_bytes
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.training.augmentation import distortions
from livefan.training.augmentation.distortions import Distortion
from livefan.training.augmentation.face_mesh import FaceMesh, canvas
from livefan.training.augmentation.face_profiling import LARGEST_SOURCE_YAW, rotate, side_to_turn

SEED = 68
_LARGEST_ROLL, _SMALLEST_ROLL = 60.0, 20.0
_SMALLEST_YAW, _LARGEST_YAW = 35.0, 75.0


def _blurred(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    blur = distortions.motion_blur if rng.random() < 0.5 else distortions.defocus
    return blur(pixels, rng)


def _dark(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dim = distortions.darken if rng.random() < 0.5 else distortions.side_light
    return dim(pixels, rng)


HARD_KINDS: dict[str, Distortion] = {
    "covered": distortions.cover,
    "blurred": _blurred,
    "dark": _dark,
    "compressed": distortions.compress,
    "small": distortions.shrink,
}
"""The distortions of hard faces by their kind."""


@dataclass(frozen=True, kw_only=True)
class _DistortedFace(LabelledFace):
    """A face with its surroundings, perhaps rotated, that is distorted when it is read."""

    original: LabelledFace
    crop: Crop
    distort: Distortion | None
    seed: tuple[int, int]

    @property
    def name(self) -> str:
        return f"{self.attributes[0]}: {self.original.name}"

    def _pixels(self) -> np.ndarray:
        pixels = self.crop.cut(self.original.read_image())
        return self.distort(pixels, np.random.default_rng(self.seed)) if self.distort else pixels


@dataclass(frozen=True, kw_only=True)
class _ProfileFace(LabelledFace):
    """A rotated view of a face. Its pixels are kept, because rendering takes long."""

    original: LabelledFace
    pixels: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.attributes[0]}: {self.original.name}"

    def _pixels(self) -> np.ndarray:
        return self.pixels


def hard_faces(faces: FaceSet, *, profiles: bool = True) -> FaceSet:
    """Return every face once in each hard form. Faces of ``afw`` also stay unchanged.

    The name of the form is an attribute of the face. Profile views need the 68-point scheme and a face that
    MediaPipe's mesh finds; other faces are listed as skipped. ``profiles=False`` leaves these views out.
    """
    hard: list[LabelledFace] = []
    for face in faces.faces:
        hard.append(_rolled(face))
        hard += [_distorted(face, kind, distort) for kind, distort in HARD_KINDS.items()]
        if face.subset == "afw":
            hard.append(replace(face, attributes=("afw",), subset="hard"))
    rendered, skipped = _profiles(faces) if profiles and faces.scheme == IBUG_68 else ([], [])
    return replace(
        faces,
        faces=sorted(rendered + hard, key=lambda face: face.attributes),
        skipped=faces.skipped + skipped,
        title=f"{faces.title}, hard",
    )


def _seed(face: LabelledFace) -> tuple[int, int]:
    return SEED, zlib.crc32(name_bytes(face.name))


def _rolled(face: LabelledFace) -> LabelledFace:
    rng = np.random.default_rng(_seed(face))
    angle = math.radians(rng.uniform(_SMALLEST_ROLL, _LARGEST_ROLL) * rng.choice([-1, 1]))
    return _cut(face, "rotated", replace(canvas(face.points_px), angle=angle), None)


def _distorted(face: LabelledFace, kind: str, distort: Distortion) -> LabelledFace:
    return _cut(face, kind, canvas(face.points_px), distort)


def _cut(face: LabelledFace, kind: str, crop: Crop, distort: Distortion | None) -> LabelledFace:
    return _DistortedFace(
        face.image_path,
        crop.to_crop(face.points_px),
        "hard",
        (kind,),
        original=face,
        crop=crop,
        distort=distort,
        seed=_seed(face),
    )


def _profiles(faces: FaceSet) -> tuple[list[LabelledFace], list[str]]:
    profiles: list[LabelledFace] = []
    skipped: list[str] = []
    with FaceMesh() as mesh:
        for face in tqdm(faces.faces, "rotating faces", leave=False, disable=None):
            try:
                portrait = mesh.portrait(face)
            except LivefanError as error:
                skipped.append(str(error))
                continue
            if portrait is None or abs(portrait.surface.yaw) > LARGEST_SOURCE_YAW:
                skipped.append(
                    f"{face.image_path}: no profile view; the mesh does not fit, or the face is in profile"
                )
                continue
            rng = np.random.default_rng(_seed(face))
            now, side = portrait.surface.yaw, side_to_turn(portrait.surface.yaw, rng)
            yaw = side * math.radians(rng.uniform(_SMALLEST_YAW, _LARGEST_YAW)) - now
            view = rotate(portrait, yaw, math.radians(rng.uniform(-10, 10)))
            profiles.append(
                _ProfileFace(
                    face.image_path, view.points_px, "hard", ("profile",), original=face, pixels=view.pixels
                )
            )
    return profiles, skipped
