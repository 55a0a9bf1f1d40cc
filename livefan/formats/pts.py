"""A folder with a .pts file for each face of each frame, as 300W has them, and ``frames.csv``.

A frame without a face has a .pts file without points. Coordinates are smoothed; as in 300W, the centre of the
first pixel is at 1. ``frames.csv`` has the frame columns.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from livefan.core.errors import LivefanError
from livefan.formats.columns import (
    FRAME_COLUMNS,
    OPENINGS,
    POSE,
    frame_defaults,
    frame_values,
    landmark_names,
    table_from_rows,
)
from livefan.formats.metadata import read_metadata
from livefan.formats.records import AnnotatedFrame
from livefan.formats.writer import TableWriter

_SUFFIX = ".pts"
_FRAMES = "frames.csv"


class Writer(TableWriter):
    """Writes .pts files."""

    def open(self) -> None:
        """Make the folder and begin ``frames.csv``."""
        self.path.mkdir()
        file = self.stack.enter_context((self.path / _FRAMES).open("w", encoding="utf-8", newline=""))
        self._frames = csv.DictWriter(file, list(FRAME_COLUMNS), lineterminator="\n")
        self._frames.writeheader()

    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append rows to ``frames.csv`` and write a file for each face."""
        for frame in frames:
            self._frames.writerow(frame_values(frame.info, self.metadata))
            index = frame.info.index
            for face in frame.faces:
                name = f"frame_{index:06}_face_{face.track_id}.pts"
                _write_pts(self.path / name, np.round(face.points_px, 3) + 1)
            if not frame.faces:
                _write_pts(_empty_file(self.path, index), np.empty((0, 2)))


def _empty_file(folder: Path, index: int) -> Path:
    """Return the path of the file of a frame without a face."""
    return folder / f"frame_{index:06}.pts"


def _write_pts(path: Path, points: np.ndarray) -> None:
    lines = "".join(f"{x:.3f} {y:.3f}\n" for x, y in points)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{lines}}}\n", encoding="utf-8")


def read(path: Path) -> pa.Table:
    """Return a folder of .pts files as a table; columns that the format does not hold are null."""
    metadata = read_metadata(path, _SUFFIX)
    n_points, defaults = len(landmark_names(metadata)), frame_defaults(metadata)
    with (path / _FRAMES).open("rb") as table:
        frames = pyarrow.csv.read_csv(
            table,
            convert_options=pyarrow.csv.ConvertOptions(column_types=FRAME_COLUMNS),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        ).to_pylist()
    faces: dict[int, list[tuple[int, Path]]] = {}
    for file in path.glob("frame_*_face_*.pts"):
        _, index, _, track_id = file.stem.split("_")
        faces.setdefault(int(index), []).append((int(track_id), file))

    def rows() -> Iterator[list[Any]]:
        for values in frames:
            frame = defaults | values
            cells = [frame[name] for name in FRAME_COLUMNS]
            of_frame = sorted(faces.get(frame["frame"], []))
            for track_id, file in of_frame:
                yield cells + _row(track_id, file, n_points)
            if not of_frame:
                empty = _empty_file(path, frame["frame"])
                if not empty.exists():
                    raise LivefanError(
                        f"{path}: frame {frame['frame']} has no file, such as {empty.name}; copy the whole "
                        "folder again, or annotate the recording again"
                    )
                yield cells

    return table_from_rows(rows(), metadata)


def _row(track_id: int, file: Path, n_points: int) -> list[Any]:
    text = file.read_text(encoding="utf-8")
    numbers = text[text.index("{") + 1 : text.index("}")].split()
    points = np.round(np.array(numbers, np.float64).reshape(n_points, 2) - 1, 3)
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    unknown: list[Any] = [None] * (len(POSE) + len(OPENINGS))
    cells = [value for x, y in points.tolist() for value in (x, y, None, None, None)]
    return [track_id, None, *box.tolist(), *unknown, *cells]
