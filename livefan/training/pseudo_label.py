"""Label unlabelled faces with the landmarks of teachers, where several views agree (pseudo-labels).

The teachers predict landmarks in several crops of each face: shifted, scaled, rotated and mirrored. The mean
of all predictions is the label. A face is left out if the predictions disagree.
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
from livefan.core.files import check_new_folder, stems_of
from livefan.core.landmarks import BUILT_IN
from livefan.core.metrics import inter_ocular
from livefan.core.scheme_file import SCHEME_NAME, toml_of
from livefan.datasets.pts import LABELS_NAME
from livefan.detection.detection_to_crop import load_detection_to_crop
from livefan.detection.detector import Detection, FaceDetector
from livefan.io.images import ImageSource, is_image_file
from livefan.io.open import open_source
from livefan.io.pts_file import write_pts
from livefan.io.video import RECORDING_SUFFIXES
from livefan.runtimes.base import Runtime
from livefan.tracking.landmarker import locate

_KEPT_MARGIN = 2.2
"""Side of a written image as a multiple of the landmark box; it leaves room for rotation and shift."""
_BORDER = 0.4
"""Border on each side, as a share of the image, for a second detection in tightly cropped images."""
_JOURNAL = "journal.jsonl"
"""File in an unfinished output: the settings, then a line for each finished image, frame and video."""
_SAME_INSTANT = 1e-6  # seconds
_VIEWS = ((0.0, 0.0, 1.0, 0.0), (0.03, -0.02, 1.06, 6.0), (-0.03, 0.02, 0.95, -6.0))
"""Shift along x and y in crop sides, factor of the side, and rotation in degrees."""


@dataclass(frozen=True)
class Criteria:
    """Limits for the labels of a face.

    Attributes:
        disagreement: largest mean distance of the predictions from their mean, as a share of the distance
            between the outer eye corners.
        confidence: lowest mean confidence of the heatmaps.
        side_px: smallest longer side of the landmark box.
    """

    disagreement: float = 0.02
    confidence: float = 0.6
    side_px: float = 40.0


@dataclass
class Labels:
    """The result of labelling.

    Attributes:
        kept: number of written images.
        left_out: reasons why faces, images or videos were left out, one line each.
    """

    kept: int = 0
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Consensus:
    """The landmarks of a face from several views.

    Attributes:
        points_px: ``(n, 2)`` mean landmarks in image pixels.
        disagreement: mean distance of the predictions from the mean, in inter-ocular distances.
        confidence: mean confidence of the heatmaps.
    """

    points_px: np.ndarray
    disagreement: float
    confidence: float

    def rejection(self, criteria: Criteria) -> str | None:
        """Return the reason why the labels are rejected; None if they are kept."""
        side = float(np.ptp(self.points_px, axis=0).max())
        if side < criteria.side_px:
            return f"a face of {side:.0f} pixels is too small"
        if self.confidence < criteria.confidence:
            return f"confidence {self.confidence:.2f}"
        if self.disagreement > criteria.disagreement:
            return f"views disagree by {100 * self.disagreement:.1f} %"
        return None


def predict_views(teachers: Sequence[Runtime], image: np.ndarray, crop: Crop) -> Consensus:
    """Return the mean landmarks of several views of a face, and the disagreement of the views.

    Args:
        teachers: networks of one landmark scheme.
        image: ``(height, width, 3)`` uint8 BGR.
        crop: the face with its head upright.
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
    return Consensus(mean, apart / max(eyes, 1e-6), float(confidence.mean()))


def _views(teacher: Runtime, image: np.ndarray, crops: list[Crop]) -> np.ndarray:
    """Return ``(2 * crops, n, 3)`` x and y in image pixels and confidence, of plain and mirrored crops."""
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

    A stopped call leaves a hidden folder beside the output. The same call resumes it.

    Args:
        teachers: the networks whose mean is the label.
        folder: a folder of images and videos, searched recursively; or one image or video.
        output: a new folder, which appears when all is done. ``labels.json`` in it lists what was left out.
        criteria: limits for the labels.
        every: seconds between the labelled frames of a video; 0 for all frames.
        described: identifies the teachers. Unfinished labels of other teachers are not resumed.
        quiet: show no progress bar.

    Raises:
        LivefanError: if there is no image or video, the teachers have different landmarks, the output
            exists or cannot be made, unfinished labels have other settings, or the disk is full.
    """
    criteria = criteria or Criteria()
    if len({teacher.scheme.name for teacher in teachers}) != 1:
        raise LivefanError("--weights: the teachers have different landmarks; name networks of one scheme")
    scheme = teachers[0].scheme
    check_new_folder(output)
    partial = output.with_name(f".{output.name}.partial")
    settings = {
        "criteria": asdict(criteria),
        "every": every,
        "teachers": described,
        "from": str(folder.resolve()),
    }
    folder, files = _find_files(folder, excluded=(output, partial))
    done = _open_journal(partial, settings)
    stems = stems_of([str(path.relative_to(folder)) for path in files])
    with (
        _report_full_disk(partial),
        FaceDetector() as detector,
        (partial / _JOURNAL).open("a", encoding="utf-8") as journal,
    ):

        def record(name: str, labels: Labels) -> None:
            journal.write(json.dumps([name, asdict(labels)]) + "\n")
            journal.flush()
            done[name] = labels

        for name, stem in tqdm(stems.items(), "labelling", leave=False, disable=True if quiet else None):
            if name in done:
                continue
            problems: list[str] = []
            for item in _read_images(folder / name, name, stem, every, problems):
                if item.name not in done:
                    place = partial / item.stem
                    record(item.name, _label_image(teachers, detector, item, place, criteria))
            if name not in done:  # a video, or an unreadable file
                record(name, Labels(left_out=problems))
    labels = Labels(
        sum(each.kept for each in done.values()), [line for each in done.values() for line in each.left_out]
    )
    report = {"criteria": asdict(criteria), "kept": labels.kept, "left out": labels.left_out}
    with _report_full_disk(partial):
        (partial / LABELS_NAME).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if scheme.name not in BUILT_IN:
            (partial / SCHEME_NAME).write_text(toml_of(scheme), encoding="utf-8")
    partial.rename(output)
    (output / _JOURNAL).unlink()
    return labels


@contextmanager
def _report_full_disk(folder: Path) -> Iterator[None]:
    """Turn an OSError without a file name, as a full disk raises, into a StoppedError."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise StoppedError(
            f"{folder}: cannot be written ({error.strerror or error}); free space on the disk and repeat "
            "the command to resume"
        ) from error


def _open_journal(partial: Path, settings: dict[str, object]) -> dict[str, Labels]:
    """Return the labels of finished files, by name; create the journal if there is none.

    Raises:
        LivefanError: if the journal has other settings or is damaged.
    """
    partial.mkdir(exist_ok=True)
    journal = partial / _JOURNAL
    content = journal.read_bytes() if journal.is_file() else b""
    first, *lines = content.split(b"\n")
    if not lines and set(partial.iterdir()) <= {journal}:  # not even the first line is complete
        journal.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        return {}
    try:
        same = json.loads(first) == settings
        # The last piece is empty, or a line that was cut off.
        done = {name: Labels(**outcome) for name, outcome in map(json.loads, lines[:-1])}
    except (ValueError, TypeError):
        same = False
    if not same:
        raise LivefanError(
            f"{partial}: this folder holds unfinished labels of other images, weights or settings; repeat "
            "the same command as then, choose another --out, or remove the folder"
        )
    os.truncate(journal, content.rindex(b"\n") + 1)
    return done


@dataclass(frozen=True)
class _Image:
    """An image or a frame of a video.

    Attributes:
        name: its name in lists.
        stem: beginning of the names of its files.
        image: ``(height, width, 3)`` uint8 BGR.
    """

    name: str
    stem: str
    image: np.ndarray


def _find_files(given: Path, excluded: Sequence[Path]) -> tuple[Path, list[Path]]:
    """Return the folder and the sorted images and videos of a path.

    Args:
        given: a folder, or a file.
        excluded: folders whose files are left out. Folders of finished labels are left out too.
    """
    if not given.exists():
        raise LivefanError(f"{given}: no such file or folder; check the path")
    if given.is_file():
        open_source(given).close()
        return given.parent, [given]
    finished = [path.parent for path in given.rglob(LABELS_NAME) if path.parent != given]
    left_out = [folder.resolve() for folder in (*excluded, *finished)]
    files = sorted(
        path
        for path in given.rglob("*")
        if path.is_file()
        and (path.suffix.lower() in RECORDING_SUFFIXES or is_image_file(path))
        and not any(map(path.resolve().is_relative_to, left_out))
    )
    if not files:
        raise LivefanError(f"{given}: holds no images or videos; name a folder with images of faces")
    return given, files


def _read_images(path: Path, name: str, stem: str, every: float, problems: list[str]) -> Iterator[_Image]:
    """Yield an image, or the chosen frames of a video; append warnings and errors to ``problems``.

    A damaged image, and a frame that was decoded with errors, are left out.
    """
    due = 0.0
    try:
        with open_source(path) as source:
            is_image = isinstance(source, ImageSource)
            for frame in source:
                if frame.damage == "errors":
                    continue
                if is_image:
                    yield _Image(name, stem, frame.image)
                elif frame.source_time >= due - _SAME_INSTANT:
                    due = frame.source_time + every
                    yield _Image(f"{name}, frame {frame.index}", f"{stem}-frame{frame.index:06}", frame.image)
        warnings = source.warnings
    except LivefanError as error:
        warnings = [str(error)]
    # Warnings begin with the path or the name of the file.
    prefixes = f"{path}: ", f"{path.name}: "
    problems += [f"{name}: {line.removeprefix(prefixes[0]).removeprefix(prefixes[1])}" for line in warnings]


def _label_image(
    teachers: Sequence[Runtime], detector: FaceDetector, item: _Image, output: Path, criteria: Criteria
) -> Labels:
    """Write the faces of an image to files whose names begin with ``output``."""
    labels, name = Labels(), item.name
    image, detections = _detect(detector, item.image)
    if not detections:
        labels.left_out.append(f"{name}: no face found")
    for number, consensus in enumerate(_consensus_of_faces(teachers, image, detections)):
        reason = consensus.rejection(criteria)
        if reason:
            labels.left_out.append(f"{name}: {reason}")
            continue
        write_face(output.with_name(f"{output.name}_{number}.jpg"), image, consensus.points_px)
        labels.kept += 1
    return labels


def _detect(detector: FaceDetector, image: np.ndarray) -> tuple[np.ndarray, list[Detection]]:
    """Return an image and its faces; if no face is found, the image with a border and the faces of that."""
    found = detector.detect(image)
    if found:
        return image, found
    rows, columns = (round(size * _BORDER) for size in image.shape[:2])
    image = cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_CONSTANT)
    return image, detector.detect(image)


def _consensus_of_faces(
    teachers: Sequence[Runtime], image: np.ndarray, detections: list[Detection]
) -> Iterator[Consensus]:
    to_crop = load_detection_to_crop()
    for detection in detections:
        (seen,) = locate(teachers[0], image, [to_crop.crop(detection)])
        yield predict_views(teachers, image, upright_crop(seen.points_px, teachers[0].scheme))


def write_face(path: Path, image: np.ndarray, points_px: np.ndarray) -> None:
    """Write the surroundings of a face, upright as in the image and at the same scale, and its landmarks."""
    box = crop_from_landmarks(points_px)
    side = box.side_px / CROP_MARGIN * _KEPT_MARGIN
    surroundings = replace(box, side_px=side, size=max(1, math.ceil(side)))
    _, code = cv2.imencode(".jpg", surroundings.cut(image), [cv2.IMWRITE_JPEG_QUALITY, 95])
    path.write_bytes(code.tobytes())
    write_pts(path.with_suffix(".pts"), surroundings.to_crop(points_px))
