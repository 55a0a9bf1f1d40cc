"""Comma-separated values: a row for each face of each frame; cells without a value are empty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from livefan.formats.columns import conform, record_batch, schema_of, table_schema
from livefan.formats.metadata import read_metadata
from livefan.formats.records import AnnotatedFrame
from livefan.formats.writer import TableWriter

_SUFFIX = ".csv"
_STRUCTURE = frozenset(',"\r\n')


class Writer(TableWriter):
    """Writes CSV. Text is quoted only if the name of the recording or of an image needs quotes."""

    def open(self) -> None:
        """Write the names of the columns."""
        self._schema = table_schema(
            self.metadata.landmark_scheme.point_names, measures=self.metadata.measures
        )
        self._file = self.stack.enter_context(self.path.open("wb"))
        self._file.write((",".join(self._schema.names) + "\n").encode())

    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append rows."""
        batch = record_batch(frames, self.metadata, self._schema)
        names = {self.metadata.recording, *(frame.info.image_name for frame in frames)}
        quoting = "needed" if any(_STRUCTURE & set(name) for name in names) else "none"
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style=quoting)
        pyarrow.csv.write_csv(batch, self._file, options)


def read(path: Path) -> pa.Table:
    """Return a CSV file as a table."""
    metadata = read_metadata(path, _SUFFIX)
    convert = pyarrow.csv.ConvertOptions(
        column_types=schema_of(metadata),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)  # in the names of a recording and of its images
    with path.open("rb") as file:
        table = pyarrow.csv.read_csv(file, convert_options=convert, parse_options=parse)
    return conform(table, metadata)
