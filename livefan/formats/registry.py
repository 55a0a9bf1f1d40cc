"""The registry of data formats.

To add a format, write a module with two names and list it in :data:`FORMATS`:

* ``Writer``, a subclass of :class:`livefan.formats.writer.TableWriter`;
* ``read(path)``, which returns a table made by :func:`livefan.formats.columns.conform`.

The module of a format is imported at the first use, because pyarrow takes a fifth of a second to load.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livefan.core.errors import LivefanError

if TYPE_CHECKING:
    import pyarrow as pa

    from livefan.formats.metadata import Metadata
    from livefan.formats.writer import TableWriter


@dataclass(frozen=True)
class Format:
    """A data format.

    Attributes:
        name: name on the command line; also the name of the module in this package.
        suffix: end of the file names, in lower case.
        description: one line for documents and help.
    """

    name: str
    suffix: str
    description: str

    def load(self) -> None:
        """Import the module, as the first use does."""
        self._module()

    def writer(self, path: Path, metadata: Metadata) -> TableWriter:
        """Return a writer for a file, or for a folder if the format is one."""
        writer: TableWriter = self._module().Writer(path, metadata)
        return writer

    def read(self, path: Path) -> pa.Table:
        """Return a file of this format as a table."""
        return self._module().read(path)

    def _module(self) -> Any:
        return import_module(f"livefan.formats.{self.name}")


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("csv", ".csv", "comma-separated values, one row a face"),
        Format("jsonl", ".jsonl", "JSON Lines, one line a frame"),
        Format("parquet", ".parquet", "Apache Parquet, one row a face"),
        Format("coco", ".coco.json", "COCO keypoints, one annotation a face"),
        Format("pts", ".pts", "folder with one 300W .pts file a face"),
    )
}
"""The formats by name. :func:`livefan.formats.reader.load_annotations` prefers the earlier ones."""

SUFFIXES = tuple(each.suffix for each in FORMATS.values())


def format_of(path: Path) -> Format:
    """Return the format that a file name ends in.

    Raises:
        LivefanError: if it ends in no known suffix.
    """
    for each in FORMATS.values():
        if path.name.lower().endswith(each.suffix):
            return each
    raise LivefanError(f"{path}: not a name for data; end it in {', '.join(SUFFIXES)}")
