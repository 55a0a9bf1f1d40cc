"""A set of hard faces to steer by, made from labelled ones by a fixed recipe each time it is needed.

300W's training faces, and so its validation faces, are mostly frontal, bright and sharp. Here each is turned
in the picture, turned in depth, covered, blurred, darkened, compressed and made small, always the same way.
Nothing is stored.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from livefan.core.crop import Crop
from livefan.core.errors import LivefanError
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.training.augmentation import distortions
from livefan.training.augmentation.distortions import Distortion
from livefan.training.augmentation.face_mesh import FaceMesh, canvas
from livefan.training.augmentation.face_profiling import turn

SEED = 68
_MOST_ROLLED, _LEAST_ROLLED = 60.0, 20.0
_LEAST_YAW, _MOST_YAW = 35.0, 75.0
_MOST_TURNED = math.radians(45)


def _blurred(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    blur = distortions.motion_blur if rng.random() < 0.5 else distortions.defocus
    return blur(pixels, rng)


def _dark(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    dim = distortions.darken if rng.random() < 0.5 else distortions.side_light
    return dim(pixels, rng)


_KINDS: dict[str, Distortion] = {
    "covered": distortions.cover,
    "blurred": _blurred,
    "dark": _dark,
    "compressed": distortions.compress,
    "small": distortions.shrink,
}


@dataclass(frozen=True, kw_only=True)
class _SpoiltFace(LabelledFace):
    """A face cut with its surroundings from its picture, maybe leaning, and distorted when it is read."""

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
class _TurnedFace(LabelledFace):
    """A face seen from a new side; its pixels are kept, since to draw them takes a while."""

    original: LabelledFace
    pixels: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.attributes[0]}: {self.original.name}"

    def _pixels(self) -> np.ndarray:
        return self.pixels


def hard_faces(faces: FaceSet) -> FaceSet:
    """Every face once in each hard form, which is its attribute; the ``afw`` ones are as they were.

    Faces in depth need the 68-point scheme, and a face that MediaPipe's mesh finds; those that give
    none are listed as skipped.
    """
    hard: list[LabelledFace] = []
    for face in faces.faces:
        hard.append(_rolled(face))
        hard += [_spoilt(face, kind, distort) for kind, distort in _KINDS.items()]
        if face.subset == "afw":
            hard.append(replace(face, attributes=("afw",), subset="hard"))
    turned, skipped = _turned(faces) if faces.scheme == IBUG_68 else ([], [])
    return replace(
        faces,
        faces=sorted(turned + hard, key=lambda face: face.attributes),
        skipped=faces.skipped + skipped,
        title=f"{faces.title}, hard",
    )


def _seed(face: LabelledFace) -> tuple[int, int]:
    return SEED, zlib.crc32(face.name.encode())


def _rolled(face: LabelledFace) -> LabelledFace:
    rng = np.random.default_rng(_seed(face))
    angle = math.radians(rng.uniform(_LEAST_ROLLED, _MOST_ROLLED) * rng.choice([-1, 1]))
    return _cut(face, "rotated", replace(canvas(face.points_px), angle=angle), None)


def _spoilt(face: LabelledFace, kind: str, distort: Distortion) -> LabelledFace:
    return _cut(face, kind, canvas(face.points_px), distort)


def _cut(face: LabelledFace, kind: str, crop: Crop, distort: Distortion | None) -> LabelledFace:
    return _SpoiltFace(
        face.image_path,
        crop.to_crop(face.points_px),
        "hard",
        (kind,),
        original=face,
        crop=crop,
        distort=distort,
        seed=_seed(face),
    )


def _turned(faces: FaceSet) -> tuple[list[LabelledFace], list[str]]:
    turned: list[LabelledFace] = []
    skipped: list[str] = []
    with FaceMesh() as mesh:
        for face in tqdm(faces.faces, "turning faces", leave=False, disable=None):
            try:
                portrait = mesh.portrait(face)
            except LivefanError as error:
                skipped.append(str(error))
                continue
            if portrait is None or abs(portrait.surface.yaw) > _MOST_TURNED:
                skipped.append(f"{face.image_path}: no view from another side, the mesh does not fit")
                continue
            rng = np.random.default_rng(_seed(face))
            now = portrait.surface.yaw
            side = math.copysign(1.0, now if abs(now) > math.radians(6) else rng.uniform(-1, 1))
            yaw = side * math.radians(rng.uniform(_LEAST_YAW, _MOST_YAW)) - now
            view = turn(portrait, yaw, math.radians(rng.uniform(-10, 10)))
            turned.append(
                _TurnedFace(
                    face.image_path, view.points_px, "hard", ("profile",), original=face, pixels=view.pixels
                )
            )
    return turned, skipped
