"""Parquet: the columns of CSV with their types; the metadata are in the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from livefan.formats.columns import conform, record_batch, schema_of
from livefan.formats.metadata import check_schema_version
from livefan.formats.records import AnnotatedFrame
from livefan.formats.writer import TableWriter

_GROUP_ROWS = 2048


class Writer(TableWriter):
    """Writes Parquet in row groups of some thousand rows."""

    def open(self) -> None:
        """Open the file with the metadata in its schema."""
        self._schema = schema_of(self.metadata.as_json())
        file = self.stack.enter_context(
            self.path.open("wb")
        )  # pyarrow itself opens no name that is not UTF-8
        self._writer = self.stack.enter_context(
            pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd", version="2.6")
        )
        self._waiting: list[pa.RecordBatch] = []

    def append(self, frames: Sequence[AnnotatedFrame]) -> None:
        """Append rows; write the row group when it is full."""
        self._waiting.append(record_batch(frames, self.metadata, self._schema))
        if sum(batch.num_rows for batch in self._waiting) >= _GROUP_ROWS:
            self._flush()

    def finish(self) -> None:
        """Write the last row group."""
        self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
            self._waiting = []


def read(path: Path) -> pa.Table:
    """Return a Parquet file as a table."""
    with path.open("rb") as file:
        table = pyarrow.parquet.read_table(file)
    metadata = json.loads((table.schema.metadata or {})[b"livefan"])
    check_schema_version(metadata, path)
    return conform(table, metadata)
