"""The output files of an annotation: their names, their checks, and their move into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.codecs import CODECS, VIDEO_SUFFIXES
from livefan.core.errors import LivefanError
from livefan.core.files import LONGEST_NAME, check_folder, hidden_name
from livefan.formats.metadata import METADATA_SUFFIX
from livefan.formats.registry import SUFFIXES, format_of
from livefan.io.images import WRITABLE_IMAGE_SUFFIXES

_PLACING = "placing"


@dataclass(frozen=True)
class Outputs:
    """The output files of an annotation. They share folder and name and differ in their suffixes.

    Attributes:
        base: folder and name without suffix.
        picture_suffix: suffix of the video or image with the faces drawn; None for data only.
        formats: suffixes of the data files, of :data:`livefan.formats.registry.FORMATS`.
    """

    base: Path
    picture_suffix: str | None = ".mp4"
    formats: tuple[str, ...] = (".csv",)

    def __post_init__(self) -> None:
        if self.picture_suffix is None and not self.formats:
            raise LivefanError(f"{self.base}: nothing to write; name a video or a format of data")

    @property
    def picture(self) -> Path | None:
        """The video or image with the faces drawn, if any."""
        return None if self.picture_suffix is None else self._with_suffix(self.picture_suffix)

    @property
    def tables(self) -> list[Path]:
        """The data files."""
        return [self._with_suffix(suffix) for suffix in self.formats]

    @property
    def main(self) -> Path:
        """The file that gives the work folder its name."""
        return self.picture or self.tables[0]

    @property
    def metadata(self) -> Path:
        """The metadata file of the data."""
        return self._with_suffix(METADATA_SUFFIX)

    def _with_suffix(self, suffix: str) -> Path:
        return self.base.with_name(self.base.name + suffix)

    @property
    def work(self) -> Path:
        """The hidden folder beside the output that holds unfinished work; removed at the end."""
        return self.main.with_name(hidden_name(self.main.name, ".partial"))

    @property
    def image(self) -> bool:
        """Whether the picture is a single image."""
        return self.picture is not None and self.picture.suffix.lower() in WRITABLE_IMAGE_SUFFIXES

    def __iter__(self) -> Iterator[Path]:
        """Yield all output files, the metadata last."""
        if self.picture is not None:
            yield self.picture
        yield from self.tables
        yield self.metadata

    def check(self, read: Sequence[Path], codec: str, *, overwrite: bool) -> None:
        """Check that all files can be written.

        Args:
            read: the input files, if there are any.
            overwrite: whether existing files may be replaced.

        Raises:
            LivefanError: if an output cannot be written, is an input, or exists.
        """
        self._check_names(codec)
        for path in self:
            length = len(os.fsencode(path.name))
            if length > LONGEST_NAME:
                raise LivefanError(
                    f"{path}: a name of {length} bytes, {LONGEST_NAME} are allowed; choose a shorter name "
                    "for the output"
                )
            if path.exists() and any(path.samefile(file) for file in read):
                raise LivefanError(f"{path}: is the input; choose another name for the output")
            if path.is_dir() and any(path.resolve() in file.resolve().parents for file in read):
                raise LivefanError(f"{path}: holds the input; choose another name for the output")
            check_folder(path.parent)
            if path.is_dir() and path.suffix.lower() != ".pts":
                raise LivefanError(f"{path}: is a folder; name a file for the output")
            if path.exists() and not overwrite:
                raise LivefanError(f"{path}: exists already; add --overwrite to replace it")
        if self.metadata.exists():
            self._check_other_formats()

    def _check_other_formats(self) -> None:
        """Raise a LivefanError if earlier data of another format would be left with the new metadata."""
        for path in map(self._with_suffix, SUFFIXES):
            if path.exists() and path not in self.tables:
                raise LivefanError(
                    f"{path}: is of an earlier annotation and would not fit the new {self.metadata.name}; "
                    "write this format too, or move it away"
                )

    def _check_names(self, codec: str) -> None:
        if self.picture is not None and not self.image:
            suffix = self.picture.suffix.lower()
            if suffix not in VIDEO_SUFFIXES:
                raise LivefanError(
                    f"{self.picture}: end the name in {', '.join(VIDEO_SUFFIXES)} for a video, "
                    f"{', '.join(WRITABLE_IMAGE_SUFFIXES)} for an image or {', '.join(SUFFIXES)} for data"
                )
            if suffix not in CODECS[codec].suffixes:
                raise LivefanError(
                    f"{self.picture}: {suffix} does not hold {codec}; end the name in "
                    f"{', '.join(CODECS[codec].suffixes)} or choose another --codec"
                )
        for table in self.tables:
            format_of(table)

    @property
    def placing(self) -> bool:
        """Whether a finished run was stopped in :meth:`place`."""
        return (self.work / _PLACING).exists()

    def place(self) -> None:
        """Move all files from the work folder to their places, the metadata last."""
        (self.work / _PLACING).touch()
        for path in self:
            finished = self.work / path.name
            if not finished.exists():
                continue  # moved by a run that was stopped here
            if path.is_dir():
                remove(path)
            os.replace(finished, path)
        self.clear()

    def clear(self) -> None:
        """Remove the work folder, the mark of :meth:`place` last, because a run may be stopped here."""
        for path in self.work.iterdir():
            if path.name != _PLACING:
                remove(path)
        shutil.rmtree(self.work)


def remove(path: Path) -> None:
    """Remove a file or folder, if it exists; of a link the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
