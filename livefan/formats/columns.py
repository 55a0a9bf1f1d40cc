"""Columns of an annotation table, the same for all formats.

A table has one row for each face of each frame. A frame without a face has one row, whose face columns are
null (empty in CSV). The names of the columns are stable; read columns by name, since new ones may come.

| columns | type | meaning |
| --- | --- | --- |
| ``frame`` | int64 | number of the frame, from 0 |
| ``pts`` | int64 | presentation timestamp in units of ``time_base`` (see the metadata), exact |
| ``time_s`` | float64 | presentation timestamp in seconds |
| ``damage`` | string | empty, ``gap`` (frames missing before this one) or ``errors`` (decoded with errors) |
| ``frame_width``, ``frame_height`` | int64 | size of the upright picture in pixels |
| ``recording`` | string | name of the recording |
| ``image`` | string | file name of the image; empty for a frame of a video |
| ``track_id`` | int64, nullable | the same number for the same face over the recording, from 1 |
| ``found`` | string, nullable | source of the landmarks; see :data:`livefan.formats.records.Found` |
| ``left``, ``top``, ``right``, ``bottom`` | float64 | bounds of the landmarks, image pixels |
| ``yaw_deg``, ``pitch_deg``, ``roll_deg`` | float64 | head pose in degrees |
| ``x_mm``, ``y_mm``, ``z_mm`` | float64 | position of the head in millimetres: right, down, away |
| ``pose_residual_px`` | float64 | root mean square error of the head pose, image pixels |
| ``right_eye_opening``, ``left_eye_opening``, ``mouth_opening`` | float64 | aspect ratio, 0 is closed |
| ``LANDMARK_x``, ``LANDMARK_y`` | float64 | smoothed landmark, image pixels, pixel centres at integers |
| ``LANDMARK_confidence`` | float64 | probability that it is in its place; 0 if filled; null if unknown |
| ``LANDMARK_raw_x``, ``LANDMARK_raw_y`` | float64 | landmark as measured; null if filled |
| ARKit's names, such as ``jawOpen`` | float64 | expression coefficient in [0, 1] |
| ``right_iris_x``, ``right_iris_y``, ``left_iris_x``, ``left_iris_y`` | float64 | centres, image pixels |
| ``right_gaze_yaw_deg``, ``right_gaze_pitch_deg`` | float64 | direction of the right eye, degrees |
| ``left_gaze_yaw_deg``, ``left_gaze_pitch_deg`` | float64 | direction of the left eye, degrees |
| ``blink_start_s``, ``blink_duration_s`` | float64 | blink of the frame, on the clock of time_s |
| ``blink_right_depth``, ``blink_left_depth`` | float64 | largest coefficient of each lid, in [0, 1] |
| ``presence`` | float64 | probability that there is a face, in [0, 1]; null if filled |
| ``LANDMARK_occluded`` | float64 | probability that the landmark is covered, in [0, 1]; null if filled |

``LANDMARK`` stands for each name of the landmark scheme, such as ``nose_bridge_3``. The numbers are rounded
to a thousandth of a pixel, degree or millimetre; confidence and openings to a ten-thousandth.

Schema version 2 adds ``schema_version``, ``frame_width``, ``frame_height`` and ``recording``. For files of
version 1 the reader takes the three columns from the metadata. Schema version 3 adds ``image``. Schema
version 4 adds expressions, irises, gaze, blinks and occlusion (``presence`` and ``LANDMARK_occluded``), each
only if the metadata name it under ``measures``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from livefan.core.face_measures import EXPRESSION_NAMES
from livefan.core.landmarks import scheme_by_name
from livefan.formats.metadata import Metadata
from livefan.formats.records import AnnotatedFace, AnnotatedFrame, FrameInfo

FRAME_COLUMNS = {
    "frame": pa.int64(),
    "pts": pa.int64(),
    "time_s": pa.float64(),
    "damage": pa.string(),
    "frame_width": pa.int64(),
    "frame_height": pa.int64(),
    "recording": pa.string(),
    "image": pa.string(),
}
FACE_COLUMNS = {"track_id": pa.int64(), "found": pa.string()}
BOX = ("left", "top", "right", "bottom")
POSE = ("yaw_deg", "pitch_deg", "roll_deg", "x_mm", "y_mm", "z_mm", "pose_residual_px")
OPENINGS = ("right_eye_opening", "left_eye_opening", "mouth_opening")
POINT_PARTS = ("x", "y", "confidence", "raw_x", "raw_y")
MEASURES = {
    "expressions": EXPRESSION_NAMES,
    "gaze": (
        *("right_iris_x", "right_iris_y", "left_iris_x", "left_iris_y"),
        *("right_gaze_yaw_deg", "right_gaze_pitch_deg", "left_gaze_yaw_deg", "left_gaze_pitch_deg"),
    ),
    "blinks": ("blink_start_s", "blink_duration_s", "blink_right_depth", "blink_left_depth"),
    "occlusion": ("presence",),
}
"""Columns of the measures that a user may ask for; those of :func:`occlusion_columns` are added."""
_ROWS = 4096
_PANDAS = {
    # ``to_pandas`` would make floats of integers with nulls, unless the schema names pandas' nullable type.
    "index_columns": [],
    "column_indexes": [],
    "columns": [
        {
            "name": "track_id",
            "field_name": "track_id",
            "pandas_type": "int64",
            "numpy_type": "Int64",
            "metadata": None,
        }
    ],
}


def measure_columns(measures: Sequence[str]) -> list[str]:
    """Return the columns of some of :data:`MEASURES`, in their order there."""
    return [name for measure, names in MEASURES.items() if measure in measures for name in names]


def occlusion_columns(point_names: Sequence[str], measures: Sequence[str]) -> list[str]:
    """Return the columns of the occlusion of each landmark; none if the measures do not include it."""
    return [f"{name}_occluded" for name in point_names] if "occlusion" in measures else []


def table_schema(point_names: Sequence[str], metadata: Any = None, measures: Sequence[str] = ()) -> pa.Schema:
    """Return the columns of a table of annotations.

    Args:
        point_names: names of the landmarks.
        measures: keys of :data:`MEASURES`.
        metadata: values for JSON, stored in the schema under ``b"livefan"``.
    """
    numbers = [
        *(*BOX, *POSE, *OPENINGS),
        *(f"{name}_{part}" for name in point_names for part in POINT_PARTS),
        *measure_columns(measures),
        *occlusion_columns(point_names, measures),
    ]
    kinds = {**FRAME_COLUMNS, **FACE_COLUMNS, **dict.fromkeys(numbers, pa.float64())}
    schema = pa.schema(list(kinds.items()))
    return schema.with_metadata({"livefan": json.dumps(metadata), "pandas": json.dumps(_PANDAS)})


def landmark_names(metadata: Mapping[str, Any]) -> list[str]:
    """Return the names of the landmarks of a file: those that its metadata list, else those of its scheme."""
    return list(metadata.get("landmarks") or scheme_by_name(metadata["scheme"]).point_names)


def schema_of(metadata: Mapping[str, Any]) -> pa.Schema:
    """Return the columns of a table with the metadata of a file."""
    return table_schema(landmark_names(metadata), metadata, metadata.get("measures", ()))


def frame_values(info: FrameInfo, metadata: Metadata) -> dict[str, Any]:
    """Return the values of :data:`FRAME_COLUMNS` of a frame."""
    return {
        "frame": info.index,
        "pts": info.pts,
        "time_s": metadata.seconds(info.pts),
        "damage": info.damage,
        "frame_width": info.width,
        "frame_height": info.height,
        "recording": metadata.recording,
        "image": info.image_name,
    }


def face_numbers(faces: Sequence[AnnotatedFace], n_points: int) -> np.ndarray:
    """Return the numbers of each face: box, pose, openings, and the parts of each landmark.

    Returns:
        ``(len(faces), k)`` float64, rounded; NaN for an unknown value.
    """
    count = len(faces)
    poses = np.empty((count, len(POSE)))
    openings = np.empty((count, len(OPENINGS)))
    boxes = np.empty((count, len(BOX)))
    points = np.empty((count, n_points, len(POINT_PARTS)))
    for row, face in enumerate(faces):
        pose, ratios = face.pose, face.aspect_ratios
        boxes[row] = face.box_px
        poses[row] = pose.yaw, pose.pitch, pose.roll, *pose.translation_mm, pose.residual_px
        openings[row] = ratios.right_eye, ratios.left_eye, ratios.mouth
        points[row, :, :2] = face.points_px
        points[row, :, 2] = face.confidence
        points[row, :, 3:] = face.raw_points_px
    rounded = np.round(points, 3)
    rounded[..., 2] = np.round(points[..., 2], 4)
    flat = rounded.reshape(count, n_points * len(POINT_PARTS))
    return np.hstack([np.round(boxes, 3), np.round(poses, 3), np.round(openings, 4), flat])


def measure_numbers(face: AnnotatedFace, measures: Sequence[str]) -> list[float]:
    """Return the numbers of :func:`measure_columns` of a face, rounded; NaN for an unknown value."""
    unknown = [math.nan] * 4
    numbers: list[float] = []
    if "expressions" in measures:
        found = np.full(len(EXPRESSION_NAMES), np.nan) if face.expressions is None else face.expressions
        numbers += np.round(found.astype(np.float64), 4).tolist()
    if "gaze" in measures:
        numbers += unknown if face.pupils_px is None else np.round(face.pupils_px, 3).ravel().tolist()
        gaze = face.gaze
        angles = gaze and (gaze.right_yaw, gaze.right_pitch, gaze.left_yaw, gaze.left_pitch)
        numbers += [round(angle, 3) for angle in angles or unknown]
    if "blinks" in measures:
        blink = face.blink
        when = blink and (blink.start_s, blink.duration_s)
        depths = blink and (blink.right_depth, blink.left_depth)
        numbers += [round(seconds, 3) for seconds in when or unknown[:2]]
        numbers += [round(depth, 4) for depth in depths or unknown[:2]]
    if "occlusion" in measures:
        numbers.append(math.nan if face.presence is None else round(face.presence, 4))
    return numbers


def occlusion_numbers(face: AnnotatedFace, measures: Sequence[str]) -> list[float]:
    """Return the numbers of :func:`occlusion_columns` of a face, rounded; NaN for an unknown value."""
    if "occlusion" not in measures:
        return []
    if face.occluded is None:
        return [math.nan] * len(face.points_px)
    return np.round(face.occluded.astype(np.float64), 4).tolist()


def record_batch(frames: Sequence[AnnotatedFrame], metadata: Metadata, schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of some frames."""
    rows = [(frame.info, face) for frame in frames for face in (frame.faces or (None,))]
    values = [frame_values(info, metadata) for info, _ in rows]
    n_numbers = len(schema) - len(FRAME_COLUMNS) - len(FACE_COLUMNS)
    numbers = np.full((len(rows), n_numbers), np.nan)
    with_face = [place for place, (_, face) in enumerate(rows) if face is not None]
    faces = [face for _, face in rows if face is not None]
    scheme, measures = metadata.landmark_scheme, metadata.measures
    further = [[*measure_numbers(face, measures), *occlusion_numbers(face, measures)] for face in faces]
    n_further = len(measure_columns(measures)) + len(occlusion_columns(scheme.point_names, measures))
    numbers[with_face] = np.hstack(
        [
            face_numbers(faces, scheme.n_points),
            np.array(further, np.float64).reshape(len(faces), n_further),
        ]
    )
    columns = [
        *(pa.array([row[name] for row in values], kind) for name, kind in FRAME_COLUMNS.items()),
        pa.array([face and face.track_id for _, face in rows], pa.int64()),
        pa.array([face and face.found for _, face in rows], pa.string()),
        *(pa.array(column, pa.float64(), from_pandas=True) for column in np.ascontiguousarray(numbers.T)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def frame_defaults(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the frame columns that files of schema versions 1 and 2 may lack, from their metadata."""
    return {
        "frame_width": metadata["width"],
        "frame_height": metadata["height"],
        "recording": metadata["recording"],
        "image": "",
    }


def conform(table: pa.Table, metadata: Mapping[str, Any]) -> pa.Table:
    """Return a table with the columns, types and metadata of this schema version.

    Args:
        table: the columns that a file has.
        metadata: of the file; provides the columns that earlier versions did not have.

    Raises:
        KeyError: if the table lacks a column of its version.
    """
    schema = schema_of(metadata)
    for name, value in frame_defaults(metadata).items():
        if name not in table.schema.names:
            table = table.append_column(name, pa.repeat(pa.scalar(value), len(table)))
    for name in ("damage", "recording", "image"):  # CSV cannot tell an empty text from a missing one
        column = table[name].cast(pa.string()).fill_null("")
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table.select(schema.names).cast(schema)


def table_from_rows(rows: Iterator[list[Any]], metadata: Mapping[str, Any]) -> pa.Table:
    """Return a table of rows in the order of the columns; short rows end in nulls."""
    schema = schema_of(metadata)
    batches = []
    while block := [row for _, row in zip(range(_ROWS), rows, strict=False)]:
        columns = zip(*(row + [None] * (len(schema) - len(row)) for row in block), strict=True)
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def tidy(table: pa.Table) -> pa.Table:
    """Return a table with one row for each landmark of each face.

    Its columns are those of a frame, ``track_id``, ``found``, ``landmark``, :data:`POINT_PARTS`, and
    ``occluded`` if the table has it. Frames without a face have no landmarks and so no rows.
    """
    names = [name.removesuffix("_raw_x") for name in table.schema.names if name.endswith("_raw_x")]
    faces = table.filter(table["track_id"].is_valid())
    count = len(faces)
    keys = faces.select([*FRAME_COLUMNS, *FACE_COLUMNS]).take(
        pa.array(np.repeat(np.arange(count), len(names)))
    )
    number = pa.array(np.tile(np.arange(len(names), dtype=np.int16), count))
    columns = {"landmark": pa.DictionaryArray.from_arrays(number, names)}
    has_occlusion = bool(names) and f"{names[0]}_occluded" in table.schema.names
    for part in (*POINT_PARTS, "occluded") if has_occlusion else POINT_PARTS:
        values = [faces[f"{name}_{part}"].to_numpy() for name in names]
        columns[part] = pa.array(np.stack(values, axis=1).ravel(), from_pandas=True)
    for name, column in columns.items():
        keys = keys.append_column(name, column)
    return keys
