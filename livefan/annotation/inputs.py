"""The recordings that the arguments of a batch name, and the names of their outputs."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from livefan.annotation.fingerprint import STANDARD_INPUT
from livefan.annotation.outputs import Outputs
from livefan.core.errors import LivefanError
from livefan.core.files import unique_names
from livefan.io.images import IMAGE_SUFFIXES, is_image_pattern, natural_key
from livefan.io.video import RECORDING_SUFFIXES


def find_recordings(inputs: Sequence[str]) -> tuple[list[str], bool]:
    """Return the recordings that paths, folders and glob patterns name.

    A folder stands for the recordings in it; a folder that holds only images is one recording.

    Returns:
        The recordings in natural order, and whether they are a batch even if there is only one.

    Raises:
        LivefanError: if an input names no recording.
    """
    found: list[str] = []
    many = len(inputs) > 1
    for given in inputs:
        if not given.strip():  # Path would take an empty name for the current folder
            raise LivefanError("no recording given; name a video, an image or a folder")
        path = Path(given)
        if given != STANDARD_INPUT and path.is_dir():
            inside = _in_folder(path)
            many = many or bool(inside)
            found += inside or [given]
        elif given != STANDARD_INPUT and not path.exists() and any(sign in given for sign in "*?["):
            matches = [path for path in map(Path, glob.glob(given, recursive=True)) if path.is_file()]
            if not matches:
                raise LivefanError(f"{given}: matches no file; check the path")
            many = True
            found += [str(match) for match in sorted(matches, key=natural_key)]
        else:
            found.append(given)
    return list(dict.fromkeys(found)), many


def _in_folder(folder: Path) -> list[str]:
    """Return the recordings in a folder; none if it holds only images."""
    try:
        files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        raise LivefanError(f"{folder}: {error.strerror}; check its permissions") from error
    recordings = [path for path in files if path.suffix.lower() in RECORDING_SUFFIXES]
    if not recordings and not any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
        raise LivefanError(f"{folder}: no recordings in this folder; name one that holds videos or images")
    return [str(path) for path in sorted(recordings, key=natural_key)]


def name_outputs(
    recordings: Sequence[str], folder: Path, suffix: str | None, formats: Sequence[str]
) -> list[Outputs]:
    """Return outputs in a folder that are named after their recordings.

    Args:
        suffix: suffix of the videos; None for data only. A recording that is an image becomes a .png.
        formats: suffixes of the data files.
    """
    stems = {recording: _stem(recording) for recording in recordings}
    count = Counter(stem.lower() for stem in stems.values())
    names = unique_names(
        {
            # a.mkv and a.mp4 would both become a.mp4.
            recording: stem if count[stem.lower()] == 1 else (Path(recording).name or stem).replace(".", "_")
            for recording, stem in stems.items()
        }
    )
    outputs = []
    for recording in recordings:
        is_image = Path(recording).suffix.lower() in IMAGE_SUFFIXES and not is_image_pattern(recording)
        picture = ".png" if suffix and is_image else suffix
        outputs.append(Outputs(folder / names[recording], picture, tuple(formats)))
    return outputs


def _stem(recording: str) -> str:
    if recording == STANDARD_INPUT:
        return "standard-input"
    path = Path(recording).resolve()
    return path.name if path.is_dir() else path.stem.replace("%", "")
