"""The data of an annotation as files: CSV, JSON Lines, Parquet, COCO keypoints, and a .pts for each face.

All hold the same numbers, rounded to a thousandth of a pixel, a degree or a millimetre and a ten-thousandth
otherwise. Every frame of the recording is in each of them, faces or none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.formats.metadata import Header
from livefan.formats.records import AnnotatedFace, AnnotatedFrame

FRAME_COLUMNS = (
    ("frame", pa.int64()),
    ("pts", pa.int64()),
    ("time_s", pa.float64()),
    ("damage", pa.string()),
)
FACE_COLUMNS = (("track_id", pa.int64()), ("found", pa.string()))
BOX = ("left", "top", "right", "bottom")
POSE = ("yaw_deg", "pitch_deg", "roll_deg", "x_mm", "y_mm", "z_mm", "pose_residual_px")
OPENINGS = ("right_eye_opening", "left_eye_opening", "mouth_opening")
POINT_PARTS = ("x", "y", "confidence", "raw_x", "raw_y")


def table_schema(scheme: LandmarkScheme) -> pa.Schema:
    """The columns of a table of annotations: one row for each face of each frame, one for a frame without."""
    numbers = [
        *(*BOX, *POSE, *OPENINGS),
        *(f"{name}_{part}" for name in scheme.point_names for part in POINT_PARTS),
    ]
    return pa.schema([*FRAME_COLUMNS, *FACE_COLUMNS, *((name, pa.float64()) for name in numbers)])


def numbers_of(faces: Sequence[AnnotatedFace], n_points: int) -> np.ndarray:
    """Faces as the numbers of their rows: box, pose, openings, and the parts of each point; NaN for none.

    Returns:
        ``(len(faces), k)`` float64.
    """
    count = len(faces)
    poses = np.empty((count, len(POSE)))
    opened = np.empty((count, len(OPENINGS)))
    boxes = np.empty((count, len(BOX)))
    points = np.empty((count, n_points, len(POINT_PARTS)))
    for row, face in enumerate(faces):
        pose, aspect_ratios = face.pose, face.aspect_ratios
        boxes[row] = face.box_px
        poses[row] = pose.yaw, pose.pitch, pose.roll, *pose.translation_mm, pose.residual_px
        opened[row] = aspect_ratios.right_eye, aspect_ratios.left_eye, aspect_ratios.mouth
        points[row, :, :2] = face.points_px
        points[row, :, 2] = face.confidence
        points[row, :, 3:] = face.raw_points_px
    decimals = np.round(points, 3)
    decimals[..., 2] = np.round(points[..., 2], 4)
    flat = decimals.reshape(count, n_points * len(POINT_PARTS))
    return np.hstack([np.round(boxes, 3), np.round(poses, 3), np.round(opened, 4), flat])


def record_batch(frames: Sequence[AnnotatedFrame], header: Header, schema: pa.Schema) -> pa.RecordBatch:
    """Rows of a table for some frames."""
    rows = [(frame, face) for frame in frames for face in (frame.faces or (None,))]
    moments = [frame.moment for frame, _ in rows]
    n_numbers = len(schema) - len(FRAME_COLUMNS) - len(FACE_COLUMNS)
    numbers = np.full((len(rows), n_numbers), np.nan)
    there = [place for place, (_, face) in enumerate(rows) if face is not None]
    numbers[there] = numbers_of(
        [face for _, face in rows if face is not None], header.landmark_scheme.n_points
    )
    columns = [
        pa.array([moment.index for moment in moments], pa.int64()),
        pa.array([moment.tick for moment in moments], pa.int64()),
        pa.array([header.seconds(moment.tick) for moment in moments], pa.float64()),
        pa.array([moment.damage for moment in moments], pa.string()),
        pa.array([face and face.track_id for _, face in rows], pa.int64()),
        pa.array([face and face.found for _, face in rows], pa.string()),
        *(pa.array(column, pa.float64(), from_pandas=True) for column in np.ascontiguousarray(numbers.T)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class TableSink(AbstractContextManager[Any]):
    """Takes annotated frames in order; a context manager, at whose end the file is complete.

    Args:
        path: the file to write.
        header: what is said of the recording.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with self.stack:
            if error is None:
                self.finish()
        return None

    def open(self) -> None:
        """Open the file."""

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add the next frames."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what comes after the last frame."""


class CsvTable(TableSink):
    """Comma-separated values: a row for each face of each frame; cells without a value are empty."""

    def open(self) -> None:
        """Write the names of the columns."""
        self._schema = table_schema(self.header.landmark_scheme)
        file = self.stack.enter_context(self.path.open("wb"))
        file.write((",".join(self._schema.names) + "\n").encode())
        self._file = file

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add rows."""
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        batch = record_batch(frames, self.header, self._schema)
        pyarrow.csv.write_csv(batch, self._file, options)


class ParquetTable(TableSink):
    """Parquet: as CSV, with the types of the columns, and the header in the schema's metadata."""

    def open(self) -> None:
        """Begin the file."""
        schema = table_schema(self.header.landmark_scheme)
        self._schema = schema.with_metadata({"livefan": json.dumps(self.header.as_json())})
        self._writer = self.stack.enter_context(
            pyarrow.parquet.ParquetWriter(self.path, self._schema, compression="zstd", version="2.6")
        )
        self._waiting: list[pa.RecordBatch] = []

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add rows, in groups of some thousand."""
        self._waiting.append(record_batch(frames, self.header, self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= 2048:
            self._flush()

    def finish(self) -> None:
        """Write the last group."""
        self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
            self._waiting = []


def face_as_json(face: AnnotatedFace) -> dict[str, Any]:
    """A face as JSON can hold it; null for what is not known."""
    numbers: list[float | None] = [
        None if math.isnan(value) else value for value in numbers_of([face], len(face.points_px))[0].tolist()
    ]
    parts = len(POINT_PARTS)
    first = len(BOX) + len(POSE) + len(OPENINGS)
    points = [numbers[place : place + parts] for place in range(first, len(numbers), parts)]
    raw = [point[3:] for point in points]
    return {
        "track_id": face.track_id,
        "found": face.found,
        "box": numbers[: len(BOX)],
        **dict(zip((*POSE, *OPENINGS), numbers[len(BOX) : first], strict=True)),
        "points": [point[:2] for point in points],
        "confidence": [point[2] for point in points],
        "raw_points": None if raw[0][0] is None else raw,
    }


class JsonLines(TableSink):
    """One line of JSON for each frame, with a list of its faces."""

    def open(self) -> None:
        """Open the file."""
        self._file = self.stack.enter_context(self.path.open("w", encoding="utf-8", newline="\n"))

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add lines."""
        for frame in frames:
            moment = frame.moment
            line = {
                "frame": moment.index,
                "pts": moment.tick,
                "time_s": self.header.seconds(moment.tick),
                "damage": moment.damage,
                "faces": [face_as_json(face) for face in frame.faces],
            }
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


class CocoKeypoints(TableSink):
    """COCO's keypoint format: an image for each frame, an annotation for each face.

    Visibility is 2 where a point was measured and 1 where it was filled in. What COCO has no place for
    is in ``attributes`` of an annotation, and ``pts``, ``time_s`` and ``damage`` of an image.
    """

    def open(self) -> None:
        """Write what comes before the frames."""
        scheme = self.header.landmark_scheme
        # Images and annotations are two lists in one file; the second waits in a file of its own.
        self._file = self.stack.enter_context(self.path.open("w", encoding="utf-8", newline="\n"))
        waiting = self.path.with_name(self.path.name + ".annotations")
        self.stack.callback(waiting.unlink, missing_ok=True)
        self._annotations = self.stack.enter_context(waiting.open("w+", encoding="utf-8", newline="\n"))
        skeleton = [
            [first + 1, second + 1]
            for outline in scheme.outlines
            for first, second in zip(
                outline.points,
                (*outline.points[1:], *(outline.points[:1] if outline.closed else ())),
                strict=False,
            )
        ]
        category = {
            "id": 1,
            "name": "face",
            "supercategory": "person",
            "keypoints": list(scheme.point_names),
            "skeleton": skeleton,
        }
        info = {"description": f"faces of {self.header.recording}", "livefan": self.header.as_json()}
        opening = json.dumps({"info": info, "licenses": [], "categories": [category]})
        self._file.write(opening[:-1] + ',\n"images": [')
        self._n_images = self._n_annotations = 0

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add images and annotations."""
        for frame in frames:
            moment = frame.moment
            image = {
                "id": moment.index,
                "file_name": f"{self.header.recording}#frame={moment.index}",
                "width": moment.width,
                "height": moment.height,
                "pts": moment.tick,
                "time_s": self.header.seconds(moment.tick),
                "damage": moment.damage,
            }
            self._file.write((",\n" if self._n_images else "\n") + json.dumps(image))
            self._n_images += 1
            for face in frame.faces:
                self._annotate(moment.index, face_as_json(face))

    def _annotate(self, image_id: int, face: dict[str, Any]) -> None:
        left, top, right, bottom = face.pop("box")
        points, confidence = face.pop("points"), face.pop("confidence")
        visibility = 1 if face["found"] == "filled" else 2
        size = [round(right - left, 3), round(bottom - top, 3)]
        annotation = {
            "id": self._n_annotations + 1,
            "image_id": image_id,
            "category_id": 1,
            "track_id": face.pop("track_id"),
            "bbox": [left, top, *size],
            "area": round(size[0] * size[1], 3),
            "iscrowd": 0,
            "keypoints": [value for x, y in points for value in (x, y, visibility)],
            "num_keypoints": len(points),
            "score": round(float(np.mean(confidence)), 4),
            "attributes": {"right": right, "bottom": bottom, "confidence": confidence, **face},
        }
        self._annotations.write((",\n" if self._n_annotations else "\n") + json.dumps(annotation))
        self._n_annotations += 1

    def finish(self) -> None:
        """Bring the two lists together."""
        self._file.write('],\n"annotations": [')
        self._annotations.seek(0)
        while block := self._annotations.read(1 << 20):
            self._file.write(block)
        self._file.write("]}\n")


class PtsFolder(TableSink):
    """A folder with a .pts file for each face of each frame, as 300W has them, and ``frames.csv``.

    A frame without a face has a .pts file without points. Coordinates are smoothed and, as in 300W, the
    first pixel's centre is at 1. ``frames.csv`` has the columns of a frame.
    """

    def open(self) -> None:
        """Make the folder."""
        self.path.mkdir()
        self._frames = self.stack.enter_context(
            (self.path / "frames.csv").open("w", encoding="utf-8", newline="\n")
        )
        self._frames.write("frame,pts,time_s,damage\n")

    def write(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Add files."""
        for frame in frames:
            moment = frame.moment
            seconds = self.header.seconds(moment.tick)
            self._frames.write(f"{moment.index},{moment.tick},{seconds},{moment.damage}\n")
            for face in frame.faces:
                name = f"frame_{moment.index:06}_face_{face.track_id}.pts"
                (self.path / name).write_text(_pts(np.round(face.points_px, 3) + 1))
            if not frame.faces:
                (self.path / f"frame_{moment.index:06}.pts").write_text(_pts(np.empty((0, 2))))


def _pts(points: np.ndarray) -> str:
    lines = "".join(f"{x:.3f} {y:.3f}\n" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n"


TABLES: dict[str, type[TableSink]] = {
    ".csv": CsvTable,
    ".jsonl": JsonLines,
    ".parquet": ParquetTable,
    ".coco.json": CocoKeypoints,
    ".pts": PtsFolder,
}
"""The formats of data, by the ends of their names; .pts is a folder."""


def table_suffix(path: Path) -> str:
    """Which of :data:`TABLES` a path is named for.

    Raises:
        LivefanError: if none.
    """
    for suffix in TABLES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise LivefanError(f"{path}: not a name for data; end it in {', '.join(TABLES)}")
