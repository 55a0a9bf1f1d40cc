"""A labelled face, and a set of labelled faces, as every loader returns them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.core.metrics import inter_ocular
from livefan.core.scheme_file import table_of
from livefan.io.image_file import read_image

_LARGEST_OVERHANG = 0.25
"""Largest distance of a landmark outside its image, as a share of the landmark box's longer side. Data sets
guess the landmarks of faces cut off by the edge of the image; labels farther out belong to another image."""


@dataclass(frozen=True)
class LabelledFace:
    """One face with its true landmarks.

    Attributes:
        image_path: the file that holds its image.
        points_px: ``(n, 2)`` float64 landmarks in image pixels, pixel centres at integers.
        subset: the image set of the face, e.g. ``"helen/trainset"``.
        attributes: parts of the protocol's report in which the face counts, e.g. ``("pose", "blur")``.
        occluded: ``(n,)`` bool, True for occluded landmarks; None if the data set does not state it.
    """

    image_path: Path
    points_px: np.ndarray
    subset: str
    attributes: tuple[str, ...] = ()
    occluded: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Short name for lists and pictures."""
        return f"{self.subset}/{self.image_path.name}"

    @property
    def within(self) -> str:
        """Suffix that distinguishes several faces of one file; empty for a file with one face."""
        return ""

    @property
    def place(self) -> str:
        """Path of the file and :attr:`within`; unique for each face."""
        return f"{self.image_path}{self.within}"

    @property
    def photograph(self) -> str:
        """Name of the photograph; faces of one photograph are all for training or all for validation."""
        return self.image_path.stem

    def read_image(self) -> np.ndarray:
        """Return the image, ``(height, width, 3)`` uint8 BGR.

        Raises:
            LivefanError: if the image cannot be read, or landmarks lie far outside.
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
        return read_image(self.image_path)


def read_images(
    faces: Iterable[LabelledFace], skipped: list[str]
) -> Iterator[tuple[LabelledFace, np.ndarray]]:
    """Yield each face with its ``(height, width, 3)`` uint8 BGR image.

    Args:
        faces: labelled faces.
        skipped: list that gets the reason for each image that cannot be read, one line each.
    """
    for face in faces:
        try:
            image = face.read_image()
        except LivefanError as error:
            skipped.append(str(error))
            continue
        yield face, image


@dataclass(frozen=True)
class FaceSet:
    """Labelled faces of one landmark scheme, and a record of the faces left out.

    Attributes:
        scheme: the landmark scheme of every face.
        faces: the faces.
        absent: folders of the split's image sets that do not exist.
        skipped: files that could not be used, each with the reason.
        duplicates: faces left out because another set also holds them, each with its counterpart.
        title: data set and split, e.g. ``"300w train"``.
    """

    scheme: LandmarkScheme
    faces: list[LabelledFace]
    absent: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    title: str = ""

    def joined(self, other: FaceSet) -> FaceSet:
        """Return the faces of both sets as one.

        Raises:
            LivefanError: if the landmark schemes differ.
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
        """Raise an error for a set of another landmark scheme.

        Raises:
            LivefanError: if the landmark schemes differ.
        """
        if other.scheme != self.scheme:
            raise LivefanError(
                f"{other.title} is of scheme {other.scheme.name}, {self.title} of {self.scheme.name}; "
                "faces of one run must be of one scheme"
            )

    def check_readable(self) -> None:
        """Raise an error if no image of the set can be read; stop at the first readable one.

        Raises:
            LivefanError: if no image can be read.
        """
        skipped = list(self.skipped)
        for _ in read_images(self.faces, skipped):
            return
        raise self.unusable(skipped)

    def unusable(self, skipped: Sequence[str]) -> LivefanError:
        """Return the error for a set without a usable face.

        Args:
            skipped: files that could not be used, each with the reason; unreadable images included.
        """
        title = self.title or "the split"
        if not skipped:
            return LivefanError(f"{title}: holds no faces; check --root")
        return LivefanError(
            f"{title}: holds no face that can be used; check --root; the first of {len(skipped)} skipped: "
            f"{skipped[0]}"
        )

    def in_scheme(self, scheme: LandmarkScheme, indices: tuple[int, ...]) -> FaceSet:
        """Return the faces with the landmarks of another scheme.

        Args:
            scheme: the other scheme.
            indices: for each landmark of the other scheme, its index in this set's scheme.
        """
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
    """Return why a face's ``(n, 2)`` labels cannot be used as ground truth; empty if they can."""
    if not np.isfinite(points_px).all():
        return "a coordinate is not finite"
    if not inter_ocular(points_px[None], scheme)[0] > 0:  # such as a file of placeholder labels
        return "the outer eye corners fall together"
    return ""


def labels_sha256(*sets: FaceSet) -> str:
    """Return one SHA-256 of the landmarks and schemes of sets of faces, in hexadecimal."""
    digest = hashlib.sha256()
    for faces in sets:
        digest.update(json.dumps(table_of(faces.scheme)).encode())
        for face in faces.faces:
            digest.update(face.points_px.astype("<f8").tobytes())
    return digest.hexdigest()


def print_skipped(lines: Sequence[str]) -> None:
    """Print skipped files on standard error, one line each, and their number."""
    for line in lines:
        print(f"skipped: {line}", file=sys.stderr)
    if lines:
        print(f"skipped in all: {len(lines)}", file=sys.stderr)
