"""Read annotations back, from any of the formats they are written in, as one tidy table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme, scheme_by_name
from livefan.formats.writers import (
    BOX,
    FACE_COLUMNS,
    FRAME_COLUMNS,
    OPENINGS,
    POSE,
    table_schema,
    table_suffix,
)

HEADER_SUFFIX = ".livefan.json"
_ROWS = 4096


def load_annotations(path: str | Path) -> pa.Table:
    """Annotations as a table: a row for each face of each frame, and one for a frame without a face.

    The columns are the same for all formats and described in the header, which is JSON under
    ``table.schema.metadata[b"livefan"]``; what a format does not hold is null. ``table.to_pandas()`` gives a
    data frame where pandas is installed, ``table["mouth_opening"].to_numpy()`` a column.

    Args:
        path: what ``livefan annotate`` wrote: ``.csv``, ``.jsonl``, ``.parquet``, ``.coco.json`` or a
            ``.pts`` folder. For CSV, JSON Lines and ``.pts`` the header is read from beside it.

    Raises:
        LivefanError: if it is missing, damaged, or something else.
    """
    path = Path(path)
    if not path.exists():
        raise LivefanError(f"{path}: no such file or folder; check the path")
    read = _READERS[table_suffix(path)]
    try:
        return read(path)
    except LivefanError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, IndexError) as error:
        raise LivefanError(f"{path}: not annotations, or damaged; write them anew") from error


def header_path(path: Path) -> Path:
    """Where the header of some data is: beside it, under the same name."""
    return path.with_name(path.name[: -len(table_suffix(path))] + HEADER_SUFFIX)


def _header_beside(path: Path) -> dict[str, Any]:
    beside = header_path(path)
    if not beside.is_file():
        raise LivefanError(f"{beside}: missing; it belongs to {path.name} and says what is in it")
    return dict(json.loads(beside.read_text(encoding="utf-8")))


def _schema(header: dict[str, Any]) -> pa.Schema:
    schema = table_schema(scheme_by_name(header["scheme"]))
    return schema.with_metadata({"livefan": json.dumps(header)})


def _read_csv(path: Path) -> pa.Table:
    schema = _schema(_header_beside(path))
    options = pyarrow.csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=True
    )
    table = pyarrow.csv.read_csv(path, convert_options=options).select(schema.names)
    return _damage_as_text(table.cast(schema))


def _damage_as_text(table: pa.Table) -> pa.Table:
    """Nothing is wrong with most frames: an empty text, which CSV cannot tell from none at all."""
    place = table.schema.get_field_index("damage")
    return table.set_column(place, "damage", table["damage"].fill_null(""))


def _read_parquet(path: Path) -> pa.Table:
    table = pyarrow.parquet.read_table(path)
    header = json.loads((table.schema.metadata or {})[b"livefan"])
    return table.select(_schema(header).names)


def _read_jsonl(path: Path) -> pa.Table:
    schema = _schema(_header_beside(path))

    def rows() -> Iterator[list[Any]]:
        with path.open(encoding="utf-8") as file:
            for line in file:
                frame = json.loads(line)
                moment = [frame[name] for name, _ in FRAME_COLUMNS]
                for face in frame["faces"] or [None]:
                    yield moment + _face_row(face)

    return _table(rows(), schema)


def _read_coco(path: Path) -> pa.Table:
    content = json.loads(path.read_text(encoding="utf-8"))
    schema = _schema(content["info"]["livefan"])
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in content["annotations"]:
        extra = annotation["attributes"]
        left, top = annotation["bbox"][:2]
        keypoints = annotation["keypoints"]
        face = {
            **extra,
            "track_id": annotation["track_id"],
            "box": [left, top, extra["right"], extra["bottom"]],
            "points": list(zip(keypoints[0::3], keypoints[1::3], strict=True)),
        }
        by_image.setdefault(annotation["image_id"], []).append(face)

    def rows() -> Iterator[list[Any]]:
        for image in content["images"]:
            moment = [image["id"], *(image[name] for name, _ in FRAME_COLUMNS[1:])]
            for face in by_image.get(image["id"], [None]):
                yield moment + _face_row(face)

    return _table(rows(), schema)


def _face_row(face: dict[str, Any] | None) -> list[Any]:
    """The cells of a face, as :func:`livefan.formats.writers.face_as_json` wrote it; few for none."""
    if face is None:
        return []
    points, confidence = face["points"], face["confidence"]
    raw = face["raw_points"] or [(None, None)] * len(points)
    return [
        *(face[name] for name, _ in FACE_COLUMNS),
        *face["box"],
        *(face[name] for name in (*POSE, *OPENINGS)),
        *(
            value
            for (x, y), sure, (raw_x, raw_y) in zip(points, confidence, raw, strict=True)
            for value in (x, y, sure, raw_x, raw_y)
        ),
    ]


def _table(rows: Iterator[list[Any]], schema: pa.Schema) -> pa.Table:
    """A table of rows; those that are short end in nulls."""
    batches = []
    while block := [row for _, row in zip(range(_ROWS), rows, strict=False)]:
        columns = zip(*(row + [None] * (len(schema) - len(row)) for row in block), strict=True)
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


def _read_pts(path: Path) -> pa.Table:
    header = _header_beside(path)
    schema, scheme = _schema(header), scheme_by_name(header["scheme"])
    frames = pyarrow.csv.read_csv(
        path / "frames.csv",
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict(FRAME_COLUMNS)),
    ).to_pylist()
    faces: dict[int, list[tuple[int, Path]]] = {}
    for file in path.glob("frame_*_face_*.pts"):
        _, frame, _, track = file.stem.split("_")
        faces.setdefault(int(frame), []).append((int(track), file))

    def rows() -> Iterator[list[Any]]:
        for moment in frames:
            cells = [moment[name] for name, _ in FRAME_COLUMNS]
            here = sorted(faces.get(moment["frame"], []))
            for track, file in here:
                yield cells + _pts_row(track, file, scheme)
            if not here:
                yield cells

    return _table(rows(), schema)


def _pts_row(track: int, file: Path, scheme: LandmarkScheme) -> list[Any]:
    text = file.read_text()
    numbers = text[text.index("{") + 1 : text.index("}")].split()
    points = np.round(np.array(numbers, np.float64).reshape(scheme.n_points, 2) - 1, 3)
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    nothing: list[Any] = [None] * (len(POSE) + len(OPENINGS))
    cells = [value for x, y in points.tolist() for value in (x, y, None, None, None)]
    return [track, None, *box.tolist()[: len(BOX)], *nothing, *cells]


_READERS: dict[str, Callable[[Path], pa.Table]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
    ".coco.json": _read_coco,
    ".pts": _read_pts,
}
