"""Load annotations from any format as one table."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa

from livefan.core.arguments import checked_type
from livefan.core.errors import LivefanError
from livefan.formats.columns import landmark_names, table_schema
from livefan.formats.columns import tidy as tidy_table
from livefan.formats.metadata import METADATA_SUFFIX
from livefan.formats.registry import SUFFIXES, format_of


def load_annotations(path: str | Path, *, tidy: bool = False) -> pa.Table:
    """Return annotations as a table: a row for each face of each frame, one for a frame without a face.

    :mod:`livefan.formats.columns` lists the columns, which are the same for all formats. A value that a
    format does not hold is null. ``table.to_pandas()`` gives a data frame if pandas is installed, and
    ``table["mouth_opening"].to_numpy()`` gives one column. ``table.schema.metadata[b"livefan"]`` is the
    metadata as JSON; for a folder, it is a list of them in the order of the rows.

    Args:
        path: a file that ``livefan annotate`` or a live recording wrote: ``.csv``, ``.jsonl``, ``.parquet``,
            ``.coco.json`` or a ``.pts`` folder. CSV, JSON Lines and ``.pts`` need the metadata file beside
            them. Another folder stands for all recordings in it; where two of them have the same name, the
            column ``recording`` holds the names of their data files. Columns of measures that a recording
            lacks are null.
        tidy: return one row for each landmark of each face instead, with the columns ``landmark``, ``x``,
            ``y``, ``confidence``, ``raw_x`` and ``raw_y``; frames without a face have no rows.

    Raises:
        LivefanError: if the path does not exist, is damaged or cut, or does not hold annotations.

    Examples:
        >>> table = livefan.load_annotations("talk.csv")  # doctest: +SKIP
        >>> table["yaw_deg"].to_numpy().max()  # doctest: +SKIP
    """
    checked_type("path", path, str, os.PathLike)
    if not str(path).strip():  # Path would take an empty name for the current folder
        raise LivefanError("no annotations given; name a file or a folder")
    path = Path(path)
    if not path.exists():
        raise LivefanError(f"{path}: no such file or folder; check the path")
    is_batch = path.is_dir() and not path.name.lower().endswith(SUFFIXES)
    table = _load_folder(path) if is_batch else _load(path)
    return tidy_table(table) if tidy else table


def _load(path: Path) -> pa.Table:
    """Load the data of one recording."""
    data_format = format_of(path)
    try:
        table = data_format.read(path)
    except LivefanError:
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, IndexError) as error:
        raise LivefanError(f"{path}: not annotations, or damaged; annotate the recording again") from error
    _check_complete(table, path)
    return table


def _check_complete(table: pa.Table, path: Path) -> None:
    """Raise a LivefanError if the metadata beside the data state other numbers of frames or faces.

    Text that ends after a whole row is a valid shorter file. Formats with embedded metadata state no numbers.
    """
    stated = json.loads(table.schema.metadata[b"livefan"])
    track_ids = table["track_id"]
    for what, found in (
        ("frames", len(table["frame"].unique())),
        ("faces", len(track_ids) - track_ids.null_count),
    ):
        expected = stated.get(f"n_{what}")
        if expected not in (None, found):
            raise LivefanError(
                f"{path}: {what} found: {found}, by its metadata: {expected}; copy the whole file again, or "
                "annotate the recording again"
            )


def _load_folder(folder: Path) -> pa.Table:
    """Load the data of all recordings in a folder, ordered by name."""
    names = sorted(path.name.removesuffix(METADATA_SUFFIX) for path in folder.glob("*" + METADATA_SUFFIX))
    candidates = {name: [folder / (name + suffix) for suffix in SUFFIXES] for name in names}
    files = {name: next(filter(Path.exists, paths), None) for name, paths in candidates.items()}
    tables = {name: _load(path) for name, path in files.items() if path is not None}
    if not tables:
        raise LivefanError(f"{folder}: no annotations in this folder; name one that livefan annotate wrote")
    metadata = {name: json.loads(table.schema.metadata[b"livefan"]) for name, table in tables.items()}
    point_names, *others = map(landmark_names, metadata.values())
    if any(other != point_names for other in others):
        raise LivefanError(f"{folder}: recordings have different landmark schemes; load them one by one")
    count = Counter(values["recording"] for values in metadata.values())
    unique = [
        table if count[metadata[name]["recording"]] == 1 else _renamed(table, name)
        for name, table in tables.items()
    ]
    measures = [measure for values in metadata.values() for measure in values.get("measures", ())]
    schema = table_schema(point_names, list(metadata.values()), measures)
    return pa.concat_tables(unique, promote_options="default").select(schema.names).cast(schema)


def _renamed(table: pa.Table, recording: str) -> pa.Table:
    """Return a table with another name of the recording."""
    column = pa.repeat(pa.scalar(recording), len(table))
    return table.set_column(table.schema.get_field_index("recording"), "recording", column)
