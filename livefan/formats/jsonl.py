"""JSON Lines: one object for each frame, with a list of its faces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from livefan.formats.columns import FRAME_COLUMNS, frame_defaults, frame_values, table_from_rows
from livefan.formats.json_faces import face_as_json, face_row
from livefan.formats.metadata import read_metadata
from livefan.formats.records import AnnotatedFrame
from livefan.formats.writer import TableWriter

_SUFFIX = ".jsonl"


class Writer(TableWriter):
    """Writes JSON Lines."""

    def open(self) -> None:
        """Open the file."""
        self._file = self.stack.enter_context(self.path.open("w", encoding="utf-8", newline="\n"))

    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append lines."""
        for frame in frames:
            line = {
                **frame_values(frame.info, self.metadata),
                "schema_version": self.metadata.schema_version,
                "faces": [face_as_json(face, self.metadata.measures) for face in frame.faces],
            }
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")


def read(path: Path) -> pa.Table:
    """Return a JSON Lines file as a table."""
    metadata = read_metadata(path, _SUFFIX)
    defaults = frame_defaults(metadata)

    def rows() -> Iterator[list[Any]]:
        with path.open(encoding="utf-8") as file:
            for line in file:
                frame = defaults | json.loads(line)
                cells = [frame[name] for name in FRAME_COLUMNS]
                for face in frame["faces"] or [None]:
                    yield cells + face_row(face, metadata.get("measures", ()))

    return table_from_rows(rows(), metadata)
