"""The files of an annotation: which there are, whether they may be written, and how they get into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from livefan.annotation.encoder import CODECS
from livefan.core.errors import LivefanError
from livefan.core.files import check_folder
from livefan.formats.metadata import METADATA_SUFFIX
from livefan.formats.registry import format_of
from livefan.io.images import WRITABLE_IMAGE_SUFFIXES

_PLACING = "placing"
VIDEO_SUFFIXES = tuple(dict.fromkeys(suffix for codec in CODECS.values() for suffix in codec.suffixes))


@dataclass(frozen=True)
class Outputs:
    """Where an annotation goes: files of one name, which differ in how it ends.

    Attributes:
        base: folder and name without ending.
        picture_suffix: ending of the video or image with the faces drawn; None for data only.
        formats: endings of the data, suffixes of :data:`livefan.formats.registry.FORMATS`.
    """

    base: Path
    picture_suffix: str | None = ".mp4"
    formats: tuple[str, ...] = (".csv",)

    def __post_init__(self) -> None:
        if self.picture_suffix is None and not self.formats:
            raise LivefanError(f"{self.base}: nothing to write; name a video or a format of data")

    @property
    def picture(self) -> Path | None:
        """The video or image with the faces drawn."""
        return None if self.picture_suffix is None else self._ending(self.picture_suffix)

    @property
    def tables(self) -> list[Path]:
        """The files of data."""
        return [self._ending(end) for end in self.formats]

    @property
    def main(self) -> Path:
        """The one that the annotation is known by."""
        return self.picture or self.tables[0]

    @property
    def header(self) -> Path:
        """The file that says what is in the tables."""
        return self._ending(METADATA_SUFFIX)

    def _ending(self, end: str) -> Path:
        return self.base.with_name(self.base.name + end)

    @property
    def work(self) -> Path:
        """The folder of what is not finished yet; beside the output, and gone at the end."""
        return self.main.with_name(f".{self.main.name}.partial")

    @property
    def image(self) -> bool:
        """Whether the picture is a single image."""
        return self.picture is not None and self.picture.suffix.lower() in WRITABLE_IMAGE_SUFFIXES

    def __iter__(self) -> Iterator[Path]:
        """All of them, the header last."""
        if self.picture is not None:
            yield self.picture
        yield from self.tables
        yield self.header

    def check(self, read: Sequence[Path], codec: str, *, overwrite: bool) -> None:
        """Refuse what cannot be written, or must not be.

        Args:
            read: the files that are read, if there are any.
            overwrite: whether what exists may be replaced.

        Raises:
            LivefanError: naming the first output at fault.
        """
        self._check_names(codec)
        for path in self:
            if path.exists() and any(path.samefile(file) for file in read):
                raise LivefanError(f"{path}: is the input; choose another name for the output")
            check_folder(path.parent)
            if path.is_dir() and path.suffix.lower() != ".pts":
                raise LivefanError(f"{path}: is a folder; name a file for the output")
            if path.exists() and not overwrite:
                raise LivefanError(f"{path}: exists already; add --overwrite to replace it")

    def _check_names(self, codec: str) -> None:
        if self.picture is not None and not self.image:
            suffix = self.picture.suffix.lower()
            if suffix not in VIDEO_SUFFIXES:
                raise LivefanError(
                    f"{self.picture}: end the name in {', '.join(VIDEO_SUFFIXES)} for a video "
                    f"or {', '.join(WRITABLE_IMAGE_SUFFIXES)} for an image"
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
        """Whether the work folder is that of a run which had finished, and was stopped in :meth:`place`."""
        return (self.work / _PLACING).exists()

    def place(self) -> None:
        """Move everything from the work folder to where it belongs, the header last."""
        (self.work / _PLACING).touch()
        for path in self:
            finished = self.work / path.name
            if not finished.exists():
                continue  # moved by a run that was stopped here
            if path.is_dir():
                shutil.rmtree(path)
            os.replace(finished, path)
        self.clear()

    def clear(self) -> None:
        """Remove the work folder, the mark of :meth:`place` last: it tells a run that is stopped in here."""
        for path in self.work.iterdir():
            if path.name != _PLACING:
                remove(path)
        shutil.rmtree(self.work)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
