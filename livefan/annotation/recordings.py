"""The recordings that an annotation takes: files, folders, several images, standard input and pipes."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from livefan.core.errors import LivefanError
from livefan.io.images import ImageSource
from livefan.io.open import display_name, open_source
from livefan.io.source import Source

STANDARD_INPUT = "-"

Recording = str | Path | tuple[Path, ...]
"""A path, or :data:`STANDARD_INPUT`, or several images that belong to one annotation."""


def open_recording(recording: Recording, *, sequence: bool) -> Source:
    """Open a recording.

    Args:
        sequence: whether several images are the frames of one recording rather than photographs.

    Raises:
        LivefanError: if it cannot be read, or is a live source.
    """
    if isinstance(recording, tuple):
        return ImageSource(recording, name_of(recording), photographs=not sequence)
    source = open_source(recording, photographs=not sequence)
    if source.live:
        source.close()
        raise LivefanError(f"{display_name(recording)}: is a live source; annotate takes a recording")
    return source


def name_of(recording: Recording) -> str:
    """Return the name of a recording; several images have that of their folder."""
    if isinstance(recording, tuple):
        return Path(os.path.abspath(recording[0])).parent.name or "images"
    return "standard input" if recording == STANDARD_INPUT else display_name(recording)


def can_be_read_once(recording: Recording) -> bool:
    """Return whether a recording is standard input or a pipe, such as ``<(command)`` of a shell."""
    if isinstance(recording, tuple):
        return False
    return recording == STANDARD_INPUT or Path(recording).is_fifo()


def spool(recording: Recording, path: Path) -> str:
    """Copy standard input or a pipe into a file, which can be read twice; return its SHA-256."""
    digest = hashlib.sha256()
    assert not isinstance(recording, tuple)
    stream = sys.stdin.buffer if recording == STANDARD_INPUT else Path(recording).open("rb")  # noqa: SIM115
    try:
        with path.open("wb") as file:
            while block := stream.read(1 << 20):
                digest.update(block)
                file.write(block)
    finally:
        if recording != STANDARD_INPUT:
            stream.close()
    return digest.hexdigest()
