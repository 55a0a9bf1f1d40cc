"""A face as a JSON object, as JSON Lines and COCO store it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from livefan.formats.columns import (
    BOX,
    FACE_COLUMNS,
    OPENINGS,
    POINT_PARTS,
    POSE,
    face_numbers,
    measure_columns,
    measure_numbers,
    occlusion_numbers,
)
from livefan.formats.records import AnnotatedFace


def face_as_json(face: AnnotatedFace, measures: Sequence[str] = ()) -> dict[str, Any]:
    """Return a face as values that JSON can hold; None for an unknown value.

    Args:
        measures: measures to store, of :data:`livefan.formats.columns.MEASURES`.
    """
    numbers: list[float | None] = [
        None if math.isnan(value) else value
        for value in face_numbers([face], len(face.points_px))[0].tolist()
    ]
    parts = len(POINT_PARTS)
    first = len(BOX) + len(POSE) + len(OPENINGS)
    points = [numbers[place : place + parts] for place in range(first, len(numbers), parts)]
    raw = [point[3:] for point in points]
    occluded = [None if math.isnan(value) else value for value in occlusion_numbers(face, measures)]
    return {
        "track_id": face.track_id,
        "found": face.found,
        "box": numbers[: len(BOX)],
        **dict(zip((*POSE, *OPENINGS), numbers[len(BOX) : first], strict=True)),
        "points": [point[:2] for point in points],
        "confidence": [point[2] for point in points],
        "raw_points": None if raw[0][0] is None else raw,
        **{
            name: None if math.isnan(value) else value
            for name, value in zip(measure_columns(measures), measure_numbers(face, measures), strict=True)
        },
        **({"occluded": occluded} if occluded else {}),
    }


def face_row(face: dict[str, Any] | None, measures: Sequence[str] = ()) -> list[Any]:
    """Return the cells of a face that :func:`face_as_json` returned; none for no face."""
    if face is None:
        return []
    points, confidence = face["points"], face["confidence"]
    raw = face["raw_points"] or [(None, None)] * len(points)
    return [
        *(face[name] for name in FACE_COLUMNS),
        *face["box"],
        *(face[name] for name in (*POSE, *OPENINGS)),
        *(
            value
            for (x, y), sure, (raw_x, raw_y) in zip(points, confidence, raw, strict=True)
            for value in (x, y, sure, raw_x, raw_y)
        ),
        *(face[name] for name in measure_columns(measures)),
        *(face["occluded"] if "occlusion" in measures else ()),
    ]
