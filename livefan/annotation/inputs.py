"""The recordings that the arguments of a batch name, and the names of their outputs."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from livefan.annotation.outputs import Outputs
from livefan.annotation.recordings import STANDARD_INPUT
from livefan.core.errors import LivefanError
from livefan.core.files import LONGEST_NAME, shortened, unique_names
from livefan.formats.metadata import METADATA_SUFFIX
from livefan.io.images import holds_one_image, images_in, is_image_file, is_image_pattern, natural_key
from livefan.io.stream import is_address, public_name
from livefan.io.video import RECORDING_SUFFIXES

_LONGEST_SUFFIX = 25
"""Bytes for the suffixes of the outputs and of the files that are written before them."""


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
        elif _is_pattern(given):
            matches = [path for path in map(Path, glob.glob(given, recursive=True)) if _is_file(path)]
            if not matches:
                raise LivefanError(f"{given}: matches no file; check the path")
            many = True
            found += [str(match) for match in sorted(matches, key=natural_key)]
        else:
            found.append(given)
    return _without_repeats(found), many


def _is_pattern(given: str) -> bool:
    """Return whether an input is a glob pattern; an address may hold the same signs."""
    is_path = given != STANDARD_INPUT and not is_address(given)
    return is_path and not Path(given).exists() and any(sign in given for sign in "*?[")


def _in_folder(folder: Path) -> list[str]:
    """Return the recordings in a folder; none if it holds only images."""
    try:
        files = [path for path in folder.iterdir() if _is_file(path) and not path.name.startswith(".")]
    except OSError as error:
        raise LivefanError(f"{folder}: {error.strerror}; check its permissions") from error
    recordings = [path for path in files if path.suffix.lower() in RECORDING_SUFFIXES]
    if not recordings and not any(is_image_file(path) for path in files):
        raise LivefanError(
            f"{folder}: no recordings in this folder; name one that holds videos or images, or those of its "
            f"folders by a pattern such as '{folder}/**/*.mp4'"
        )
    return [str(path) for path in sorted(recordings, key=natural_key)]


def _is_file(path: Path) -> bool:
    """Return whether a path is a file, or a link to a file that is gone, which is reported as missing."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def only_images(recordings: Sequence[str]) -> tuple[Path, ...]:
    """Return the files of recordings that all are images; none if another recording is among them."""
    paths = tuple(Path(recording) for recording in recordings)
    return paths if all(path.is_file() and holds_one_image(path) for path in paths) else ()


def one_by_one(recordings: Sequence[str]) -> list[str]:
    """Return recordings with each folder of images replaced by its images."""
    found: list[str] = []
    for recording in recordings:
        is_folder = recording != STANDARD_INPUT and Path(recording).is_dir()
        found += [str(path) for path in images_in(Path(recording))] if is_folder else [recording]
    return _without_repeats(found)


def _without_repeats(recordings: Sequence[str]) -> list[str]:
    """Return recordings with each place once, as it was named first."""
    by_place: dict[str, str] = {}
    for recording in recordings:
        by_place.setdefault(_place(recording), recording)
    return list(by_place.values())


def images_left_out(inputs: Sequence[str]) -> list[str]:
    """Return a line for each folder whose images are left out, because it also holds videos."""
    lines = []
    for given in inputs:
        folder = Path(given)
        if given == STANDARD_INPUT or not folder.is_dir() or not _in_folder(folder):
            continue
        count = sum(is_image_file(path) for path in folder.iterdir() if path.is_file())
        if count:
            lines.append(f"{given}: images beside videos are left out ({count}); name them to annotate them")
    return lines


def name_outputs(
    recordings: Sequence[str], folder: Path, suffix: str | None, formats: Sequence[str]
) -> list[Outputs]:
    """Return outputs in a folder that are named after their recordings.

    The names do not depend on the present folder or on how a path is written.

    Args:
        suffix: suffix of the videos; None for data only. A recording that is an image becomes a .png.
        formats: suffixes of the data files.
    """
    outputs = []
    for recording, name in zip(recordings, _names([_place(each) for each in recordings]), strict=True):
        is_image = holds_one_image(Path(recording)) and not is_image_pattern(recording)
        picture = ".png" if suffix and is_image else suffix
        outputs.append(Outputs(folder / name, picture, tuple(formats)))
    return outputs


def _names(paths: Sequence[str]) -> list[str]:
    """Return unique names for recordings; names that would be equal get a checksum of the path."""
    stems = {path: _stem(path) for path in paths}
    count = Counter(stem.lower() for stem in stems.values())
    names = unique_names(
        {
            # a.mkv and a.mp4 would both become a.mp4.
            path: stem if count[stem.lower()] == 1 else (Path(path).name or stem).replace(".", "_")
            for path, stem in stems.items()
        }
    )
    return [shortened(names[path], LONGEST_NAME - _LONGEST_SUFFIX) for path in paths]


def earlier_names(recordings: Sequence[str], outputs: Sequence[Outputs]) -> list[str]:
    """Return a line for each annotation in the output folder whose recording gets another name now.

    The first recording of a stem has the stem for its name; with a second one of this stem, both get longer
    names. Earlier versions took the checksum of the path as it was written. A reader of the folder would
    count the earlier annotation too.

    Args:
        recordings: the recordings of a batch.
        outputs: their outputs, of :func:`name_outputs`.
    """
    names = {each.base.name for each in outputs}
    lines: dict[str, str] = {}
    for recording, as_written, each in zip(recordings, _names(recordings), outputs, strict=True):
        stem = shortened(_stem(recording), LONGEST_NAME - _LONGEST_SUFFIX)
        for name in (stem, as_written):
            earlier = each.base.with_name(name + METADATA_SUFFIX)
            if name not in names and earlier.is_file():
                lines[name] = (
                    f"{earlier}: is of an earlier annotation; several recordings are called {stem} and have "
                    "other names now; remove the earlier outputs, or the folder holds a recording twice"
                )
    return list(lines.values())


def _place(recording: str) -> str:
    """Return the absolute path of a recording; a link stands for itself, links to its folder are followed."""
    if recording == STANDARD_INPUT or is_address(recording):
        return recording
    folder, name = os.path.split(os.path.abspath(recording))
    return os.path.join(os.path.realpath(folder), name)


def _stem(recording: str) -> str:
    if recording == STANDARD_INPUT:
        return "standard-input"
    if is_address(recording):
        return Path(public_name(recording)).stem
    path = Path(os.path.abspath(recording))  # names a link itself, not the file that it leads to
    return path.name if path.is_dir() else path.stem.replace("%", "")
