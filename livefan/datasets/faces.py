"""A labelled face, and a set of them: what every loader gives."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular

_LARGEST_OVERHANG = 0.25
"""A landmark may lie outside its image by this share of the landmark box's longer side: data sets place
those of faces cut off by the picture's edge by guess. Farther out, the labels are of another image."""


@dataclass(frozen=True)
class LabelledFace:
    """One face with its true landmarks.

    Attributes:
        image_path: the image that holds it.
        points_px: ``(n, 2)`` float64 landmarks in image pixels, pixel centres at integers.
        subset: the image set it belongs to, e.g. ``"helen/trainset"``.
        attributes: parts of the protocol's report that it counts in, e.g. ``("pose", "blur")``.
        occluded: ``(n,)`` bool, the landmarks that are covered, where the data set tells.
    """

    image_path: Path
    points_px: np.ndarray
    subset: str
    attributes: tuple[str, ...] = ()
    occluded: np.ndarray | None = None

    @property
    def name(self) -> str:
        """What to call it in lists and under pictures."""
        return f"{self.subset}/{self.image_path.name}"

    @property
    def within(self) -> str:
        """Which face of its file it is, to follow the file's name; empty where a file holds one."""
        return ""

    @property
    def place(self) -> str:
        """Where it is to be found: the file and which face of it, told from every other."""
        return f"{self.image_path}{self.within}"

    @property
    def photograph(self) -> str:
        """The photograph it was cut from: its faces are never divided between training and validation."""
        return self.image_path.stem

    def read_image(self) -> np.ndarray:
        """The image, ``(height, width, 3)`` uint8 BGR.

        Raises:
            LivefanError: if it cannot be read, or the landmarks lie outside it.
        """
        image = self._pixels()
        last = np.array(image.shape[1::-1]) - 1
        overhang = max(float(-self.points_px.min()), float((self.points_px - last).max()))
        if overhang > _LARGEST_OVERHANG * float(np.ptp(self.points_px, axis=0).max()):
            raise LivefanError(
                f"{self.place}: of {image.shape[1]} x {image.shape[0]} pixels, but a landmark lies "
                f"{overhang:.0f} pixels outside; the labels are of another image"
            )
        return image

    def _pixels(self) -> np.ndarray:
        image = cv2.imread(str(self.image_path), cv2.IMREAD_COLOR)
        if image is None:
            raise LivefanError(f"{self.image_path}: cannot be read as an image; copy it again or remove it")
        return image


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces of one scheme, and what was left out of them.

    Attributes:
        scheme: the landmarks that every face has.
        faces: the faces.
        absent: image sets of the split that are not there.
        skipped: files passed over, each with the reason.
        duplicates: faces left out because another set holds them too, each with its double.
        title: data set and split, e.g. ``"300w train"``.
    """

    scheme: LandmarkScheme
    faces: list[LabelledFace]
    absent: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    title: str = ""

    def joined(self, other: FaceSet) -> FaceSet:
        """The faces of both sets.

        Raises:
            LivefanError: if they are of different schemes.
        """
        self.check_scheme(other)
        return FaceSet(
            self.scheme,
            self.faces + other.faces,
            self.absent + other.absent,
            self.skipped + other.skipped,
            self.duplicates + other.duplicates,
            f"{self.title}; {other.title}",
        )

    def check_scheme(self, other: FaceSet) -> None:
        """Refuse a set of another scheme than this one's.

        Raises:
            LivefanError: if it is of one.
        """
        if other.scheme != self.scheme:
            raise LivefanError(
                f"{other.title} is of scheme {other.scheme.name}, {self.title} of {self.scheme.name}; "
                "faces of one run must be of one scheme"
            )

    def check_readable(self) -> None:
        """Refuse a set of which no image can be read; no more are read than it takes to find one that can.

        Raises:
            LivefanError: if it is such a set.
        """
        skipped = list(self.skipped)
        for face in self.faces:
            try:
                face.read_image()
            except LivefanError as error:
                skipped.append(str(error))
                continue
            return
        raise self.unusable(skipped)

    def unusable(self, skipped: Sequence[str]) -> LivefanError:
        """The error of a set without a face that can be used.

        Args:
            skipped: what was passed over, each with the reason, the unreadable images among it.
        """
        title = self.title or "the split"
        if not skipped:
            return LivefanError(f"{title}: holds no faces; check --root")
        return LivefanError(
            f"{title}: holds no face that can be used; check --root; the first of {len(skipped)} skipped: "
            f"{skipped[0]}"
        )

    def in_scheme(self, scheme: LandmarkScheme, indices: tuple[int, ...]) -> FaceSet:
        """The same faces with the landmarks of another scheme, picked from theirs by index."""
        order = list(indices)
        faces = [
            replace(
                face,
                points_px=face.points_px[order],
                occluded=None if face.occluded is None else face.occluded[order],
            )
            for face in self.faces
        ]
        return replace(self, scheme=scheme, faces=faces)


def fault_of(points_px: np.ndarray, scheme: LandmarkScheme) -> str:
    """Why no error can be measured against a face's ``(n, 2)`` labels, in words; empty where one can."""
    if not np.isfinite(points_px).all():
        return "a coordinate is not finite"
    if not inter_ocular(points_px[None], scheme)[0] > 0:  # a file that holds the place of labels, say
        return "the outer eye corners fall together"
    return ""


def print_skipped(lines: Sequence[str]) -> None:
    """Say on standard error what was passed over, a line each, and how much that is in all."""
    for line in lines:
        print(f"skipped: {line}", file=sys.stderr)
    if lines:
        print(f"skipped in all: {len(lines)}", file=sys.stderr)
