"""Labels for faces that have none: a teacher's landmarks, kept where it agrees with itself.

A network that is sure of a face places its landmarks alike however the face is cut out; one that guesses
does not. Each face is looked at through several crops, moved, scaled and turned a little, each plain and
mirrored, by one teacher or by several. Their mean is the label, and their disagreement decides whether it
is kept.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from livefan.core.crop import CROP_MARGIN, Crop, crop_from_landmarks, mirrored_x, upright_crop
from livefan.core.errors import LivefanError, StoppedError
from livefan.core.files import stems_of
from livefan.core.metrics import inter_ocular
from livefan.datasets.pts import LABELS_NAME
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import Detection, FaceDetector
from livefan.io.images import IMAGE_SUFFIXES
from livefan.io.open import open_source
from livefan.io.pts_file import write_pts
from livefan.io.video import RECORDING_SUFFIXES
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import locate

_SUFFIXES = IMAGE_SUFFIXES | RECORDING_SUFFIXES
_KEPT_MARGIN = 2.2
"""Side of a written image as a multiple of the landmark box, so that training can turn and shift it."""
_BORDER = 0.4
"""Share of an image's size added on each side where no face was found: faces cut too tightly."""
_JOURNAL = "journal.jsonl"
"""In an unfinished output: the terms of the labels, then a line for each image, frame and video done."""
_SAME_INSTANT = 1e-6  # seconds
_VIEWS = ((0.0, 0.0, 1.0, 0.0), (0.03, -0.02, 1.06, 6.0), (-0.03, 0.02, 0.95, -6.0))
"""Shift along x and y in crop sides, factor of the side, and turn in degrees."""


@dataclass(frozen=True)
class Criteria:
    """When a face's labels are kept.

    Attributes:
        disagreement: largest mean distance of the views from their mean, as a share of the distance
            between the outer eye corners.
        confidence: lowest mean confidence of the landmarks.
        side_px: shortest side of the landmark box; what is smaller shows too little.
    """

    disagreement: float = 0.02
    confidence: float = 0.6
    side_px: float = 40.0


@dataclass
class Labels:
    """What labelling came to.

    Attributes:
        kept: images written.
        left_out: why faces, images or videos were left out, one line each.
    """

    kept: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Opinion:
    """What several views of a face make of it.

    Attributes:
        points_px: ``(n, 2)`` mean landmarks in image pixels.
        disagreement: mean distance from it, as a share of the inter-ocular distance.
        confidence: mean confidence.
    """

    points_px: np.ndarray
    disagreement: float
    confidence: float

    def objection(self, criteria: Criteria) -> str | None:
        """Why the labels are not to be kept, if so."""
        side = float(np.ptp(self.points_px, axis=0).max())
        if side < criteria.side_px:
            return f"a face of {side:.0f} pixels is too small"
        if self.confidence < criteria.confidence:
            return f"confidence {self.confidence:.2f}"
        if self.disagreement > criteria.disagreement:
            return f"views disagree by {100 * self.disagreement:.1f} %"
        return None


def look(teachers: Sequence[Runtime], image: np.ndarray, crop: Crop) -> Opinion:
    """The landmarks of a face as several views of it show them, and how far these agree.

    Args:
        teachers: whose views these are; all of one scheme.
        image: ``(height, width, 3)`` uint8 BGR.
        crop: where the face is, its head upright.
    """
    crops = [
        replace(
            crop,
            centre_px=(crop.centre_px[0] + x * crop.side_px, crop.centre_px[1] + y * crop.side_px),
            side_px=crop.side_px * factor,
            angle=crop.angle + math.radians(turn),
        )
        for x, y, factor, turn in _VIEWS
    ]
    seen = np.concatenate([_views(teacher, image, crops) for teacher in teachers])
    views, confidence = seen[..., :2], seen[..., 2]
    mean = views.mean(axis=0)
    apart = float(np.linalg.norm(views - mean, axis=-1).mean())
    eyes = float(inter_ocular(mean[None], teachers[0].scheme)[0])
    return Opinion(mean, apart / max(eyes, 1e-6), float(confidence.mean()))


def _views(teacher: Runtime, image: np.ndarray, crops: list[Crop]) -> np.ndarray:
    """``(2 * crops, n, 3)`` x and y in image pixels and confidence, plain and mirrored."""
    crops = [crop.sized(teacher.input_size) for crop in crops]
    pixels = teacher.buffer(2 * len(crops))
    for number, crop in enumerate(crops):
        pixels[2 * number] = crop.cut(image)
        pixels[2 * number + 1] = pixels[2 * number][:, ::-1]
    seen = teacher.run(pixels)[..., :3].astype(np.float64)
    mirrored = seen[1::2][:, list(teacher.scheme.mirror_order)]
    mirrored[..., 0] = mirrored_x(mirrored[..., 0], teacher.input_size, teacher.mirror_offset)
    both = np.stack([seen[0::2], mirrored], axis=1)
    for crop, views in zip(crops, both, strict=True):
        views[..., :2] = [crop.to_image(points) for points in views[..., :2]]
    return both.reshape(-1, *both.shape[2:])


def label(
    teachers: Sequence[Runtime],
    folder: Path,
    output: Path,
    criteria: Criteria | None = None,
    *,
    every: float = 1.0,
    described: str = "",
    quiet: bool = False,
) -> Labels:
    """Find and label the faces of images and videos; write each as an image with ``.pts`` beside it.

    Stopped, it leaves a hidden folder beside the output, and the same call goes on where it was.

    Args:
        teachers: the networks whose mean opinion counts.
        folder: images and videos, in it and in the folders in it; or one of them itself.
        output: a new folder; it appears when all is done. ``labels.json`` in it says what was left out.
        criteria: when labels are kept.
        every: seconds from one frame of a video that is looked at to the next; 0 for all.
        described: tells these teachers from others, whose labels are not gone on with.
        quiet: no progress bar.

    Raises:
        LivefanError: if there is no image or video, the teachers have different landmarks, the output
            exists or cannot be made, what was stopped had other settings, or the disk is full.
    """
    criteria = criteria or Criteria()
    if len({teacher.scheme.name for teacher in teachers}) != 1:
        raise LivefanError("--weights: the teachers have different landmarks; name networks of one scheme")
    if output.exists():  # as "." does, which has no name
        raise LivefanError(f"{output}: exists already; choose another --out")
    partial = output.with_name(f".{output.name}.partial")
    terms = {
        "criteria": asdict(criteria),
        "every": every,
        "teachers": described,
        "from": str(folder.resolve()),
    }
    folder, files = _find(folder, but=(output, partial))
    if not output.parent.is_dir():
        raise LivefanError(f"{output.parent}: no such folder; create it first")
    done = _begin(partial, terms)
    stems = stems_of([str(path.relative_to(folder)) for path in files])
    with (
        _stopping_when_full(partial),
        FaceDetector() as detector,
        (partial / _JOURNAL).open("a") as journal,
    ):

        def note(name: str, labels: Labels) -> None:
            journal.write(json.dumps([name, asdict(labels)]) + "\n")
            journal.flush()
            done[name] = labels

        for name, stem in tqdm(stems.items(), "labelling", leave=False, disable=True if quiet else None):
            if name in done:
                continue
            problems: list[str] = []
            for picture in _pictures(folder / name, name, stem, every, problems):
                if picture.name not in done:
                    place = partial / picture.stem
                    note(picture.name, _label_picture(teachers, detector, picture, place, criteria))
            if name not in done:  # a video, or what cannot be read
                note(name, Labels(left_out=problems))
    labels = Labels(
        sum(each.kept for each in done.values()), [line for each in done.values() for line in each.left_out]
    )
    report = {"criteria": asdict(criteria), "kept": labels.kept, "left out": labels.left_out}
    with _stopping_when_full(partial):
        (partial / LABELS_NAME).write_text(json.dumps(report, indent=1) + "\n")
    partial.rename(output)
    (output / _JOURNAL).unlink()
    return labels


@contextmanager
def _stopping_when_full(folder: Path) -> Iterator[None]:
    """Say of a disk that is full, an error that names no file, what it means for a folder's labels."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise StoppedError(
            f"{folder}: cannot be written ({error.strerror or error}); make room on the disk and give the "
            "same command again, it goes on where it was"
        ) from error


def _begin(partial: Path, terms: dict[str, object]) -> dict[str, Labels]:
    """The outcome of all that is labelled on these terms already; without anything, of nothing.

    Raises:
        LivefanError: if it was begun on other terms, or is damaged.
    """
    partial.mkdir(exist_ok=True)
    journal = partial / _JOURNAL
    first, *lines = (journal.read_text() if journal.is_file() else "").split("\n")
    if not lines and set(partial.iterdir()) <= {journal}:  # not even the first line is whole
        journal.write_text(json.dumps(terms) + "\n")
        return {}
    try:
        same = json.loads(first) == terms
        # The last piece is empty, or a line that a kill cut off.
        done = {name: Labels(**outcome) for name, outcome in map(json.loads, lines[:-1])}
    except (ValueError, TypeError):
        same = False
    if not same:
        raise LivefanError(
            f"{partial}: this folder holds unfinished labels of other pictures, weights or settings; name "
            "the same as then, choose another --out, or remove the folder"
        )
    os.truncate(journal, journal.read_bytes().rindex(b"\n") + 1)
    return done


@dataclass(frozen=True)
class _Picture:
    """What is labelled at a time: an image, or a frame of a video.

    Attributes:
        name: what to call it in lists.
        stem: what its faces are named after.
        image: ``(height, width, 3)`` uint8 BGR.
    """

    name: str
    stem: str
    image: np.ndarray


def _find(given: Path, but: Sequence[Path]) -> tuple[Path, list[Path]]:
    """The images and videos that a path stands for, in order, and the folder that they are named from.

    Args:
        but: folders whose files are left out, as those of finished labels inside it are.
    """
    if not given.exists():
        raise LivefanError(f"{given}: no such file or folder; check the path")
    if given.is_file():
        open_source(given).close()
        return given.parent, [given]
    finished = [path.parent for path in given.rglob(LABELS_NAME) if path.parent != given]
    left_out = [folder.resolve() for folder in (*but, *finished)]
    files = sorted(
        path
        for path in given.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not any(map(path.resolve().is_relative_to, left_out))
    )
    if not files:
        raise LivefanError(f"{given}: holds no images or videos; name a folder of pictures of faces")
    return given, files


def _pictures(path: Path, name: str, stem: str, every: float, problems: list[str]) -> Iterator[_Picture]:
    """An image, or the frames of a video that are to be looked at; adds to ``problems`` what went wrong."""
    is_image, due = path.suffix.lower() in IMAGE_SUFFIXES, 0.0
    try:
        with open_source(path) as source:
            for frame in source:
                if is_image:
                    yield _Picture(name, stem, frame.image)
                elif frame.source_time >= due - _SAME_INSTANT and frame.damage != "errors":
                    due = frame.source_time + every
                    yield _Picture(
                        f"{name}, frame {frame.index}", f"{stem}-frame{frame.index:06}", frame.image
                    )
        warnings = source.warnings
    except LivefanError as error:
        warnings = [str(error)]
    # They name the file by its path or its name alone.
    own = f"{path}: ", f"{path.name}: "
    problems += [f"{name}: {line.removeprefix(own[0]).removeprefix(own[1])}" for line in warnings]


def _label_picture(
    teachers: Sequence[Runtime], detector: FaceDetector, picture: _Picture, output: Path, criteria: Criteria
) -> Labels:
    """Write the faces of a picture to files whose names begin with ``output``."""
    labels, name = Labels(), picture.name
    image, detections = _detect(detector, picture.image)
    if not detections:
        labels.left_out.append(f"{name}: no face found")
    for number, opinion in enumerate(_opinions(teachers, image, detections)):
        objection = opinion.objection(criteria)
        if objection:
            labels.left_out.append(f"{name}: {objection}")
            continue
        _write(output.with_name(f"{output.name}_{number}.jpg"), image, opinion.points_px)
        labels.kept += 1
    return labels


def _detect(detector: FaceDetector, image: np.ndarray) -> tuple[np.ndarray, list[Detection]]:
    """The faces of an image; where none is found, of the image with a border, which is returned instead."""
    found = detector.detect(image)
    if found:
        return image, found
    rows, columns = (round(size * _BORDER) for size in image.shape[:2])
    image = cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_CONSTANT)
    return image, detector.detect(image)


def _opinions(
    teachers: Sequence[Runtime], image: np.ndarray, detections: list[Detection]
) -> Iterator[Opinion]:
    framing = load_detection_to_crop()
    for detection in detections:
        (seen,) = locate(teachers[0], image, [framing.crop(detection)])
        yield look(teachers, image, upright_crop(seen.points_px, teachers[0].scheme))


def _write(path: Path, image: np.ndarray, points_px: np.ndarray) -> None:
    """Write the neighbourhood of a face, unturned and at its own scale, and its landmarks."""
    box = crop_from_landmarks(points_px)
    side = box.side_px / CROP_MARGIN * _KEPT_MARGIN
    neighbourhood = replace(box, side_px=side, size=max(1, math.ceil(side)))
    _, code = cv2.imencode(".jpg", neighbourhood.cut(image), [cv2.IMWRITE_JPEG_QUALITY, 95])
    path.write_bytes(code.tobytes())
    write_pts(path.with_suffix(".pts"), neighbourhood.to_crop(points_px))
