"""Load folders of images that each have a ``.pts`` file beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from livefan.core.errors import LivefanError
from livefan.core.landmarks import SCHEMES, LandmarkScheme
from livefan.core.scheme_file import SCHEME_NAME, read_scheme
from livefan.datasets.faces import FaceSet, LabelledFace, fault_of
from livefan.datasets.holdout import divide_whole
from livefan.io.images import IMAGE_SUFFIXES
from livefan.io.pts_file import read_pts

SPLITS = ("train", "validation", "all")
LABELS_NAME = "labels.json"
"""File that :mod:`livefan.training.pseudo_label` writes beside the faces that it labels."""
_PREFERRED = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Order of preference among several images with the same stem, before all other suffixes."""
_PTS = "*.[pP][tT][sS]"
"""Cameras and old tools write suffixes in capitals."""


def add_folder(
    folder: Path,
    subset: str,
    attributes: tuple[str, ...],
    into: FaceSet,
    kind: type[LabelledFace] = LabelledFace,
) -> None:
    """Add a face for every image of a folder that has a usable ``.pts`` file beside it.

    Args:
        folder: the folder; its subfolders are ignored.
        subset: the image set of the faces.
        attributes: the attributes of the faces.
        into: the set to which faces and skipped files are added.
        kind: the class of the faces.
    """
    files, images = _visible(folder.glob(_PTS)), _images_by_stem(folder)
    if not files:
        into.skipped.append(f"{folder}: holds no .pts file")
        return
    alone = sorted(images.keys() - {pts.stem for pts in files})
    if alone:
        such = images[alone[0]].name
        into.skipped.append(f"{folder}: images without a .pts beside them: {len(alone)}, such as {such}")
    for pts in files:
        image = images.get(pts.stem)
        if image is None:
            into.skipped.append(f"{pts}: no image beside it")
            continue
        try:
            points = read_pts(pts, into.scheme.n_points)
        except LivefanError as error:
            into.skipped.append(str(error))
            continue
        if fault := fault_of(points, into.scheme):
            into.skipped.append(f"{pts}: {fault}")
            continue
        into.faces.append(kind(image, points, subset, attributes))


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Return the files among the paths, sorted, without the ``._`` files that macOS leaves beside others."""
    return sorted(path for path in paths if not path.name.startswith("._") and path.is_file())


def _images_by_stem(folder: Path) -> dict[str, Path]:
    """Return a folder's images by stem, one for each."""
    kinds = (*_PREFERRED, *sorted(IMAGE_SUFFIXES.difference(_PREFERRED)))
    images = [path for path in _visible(folder.iterdir()) if path.suffix.lower() in kinds]
    images.sort(key=lambda path: kinds.index(path.suffix.lower()), reverse=True)
    return {path.stem: path for path in images}


@dataclass(frozen=True)
class _OwnFace(LabelledFace):
    """A face of a user's folder; ``photograph`` is the recording for names that ``label`` gives to frames."""

    _appended: ClassVar = re.compile(r"-frame\d{6,}_\d+$")

    @property
    def photograph(self) -> str:
        return self._appended.sub("", self.image_path.stem)


@dataclass(frozen=True)
class _FaceByLabel(_OwnFace):
    """A face written by ``label``; names of faces of one photograph differ in their last number."""

    _appended: ClassVar = re.compile(r"(-frame\d{6,})?_\d+$")


def load_pts_folder(root: Path, split: str) -> FaceSet:
    """Load a folder of images with ``.pts`` files, and its subfolders.

    A ``scheme.toml`` in the folder defines the landmarks; see :func:`livefan.core.scheme_file.read_scheme`.
    Without it, the number of points in most files decides. Files with another number are skipped.
    ``all`` returns every face. ``train`` and ``validation`` divide them by photograph, a tenth for
    validation; a recording labelled by ``label`` counts as one photograph.

    Raises:
        LivefanError: if there is no ``.pts`` file, or no scheme has that number of points.
    """
    files = _visible(root.rglob(_PTS))
    if not files:
        raise LivefanError(f"{root}: holds no .pts file; --root must hold images with .pts beside them")
    own = root / SCHEME_NAME
    result = FaceSet(read_scheme(own) if own.is_file() else _scheme_of(files, own), [])
    for folder in sorted({path.parent for path in files}):
        kind = _FaceByLabel if (folder / LABELS_NAME).is_file() else _OwnFace
        add_folder(folder, folder.relative_to(root).as_posix(), (), result, kind)
    if not result.faces:
        raise LivefanError(f"{result.skipped[0]} (and no other face under {root} can be used)")
    return result if split == "all" else divide_whole(result, split)


def _scheme_of(files: list[Path], own: Path) -> LandmarkScheme:
    """Return the scheme of the number of points in most files; ``own`` is the file that could define it."""
    counts: Counter[int] = Counter()
    examples: dict[int, Path] = {}
    for path in files:
        try:
            count = len(read_pts(path))
        except LivefanError:
            continue  # add_folder reads the file again, and lists it as skipped
        counts[count] += 1
        examples.setdefault(count, path)
    by_count = {scheme.n_points: scheme for scheme in SCHEMES.values()}
    if not counts:
        raise LivefanError(f"{files[0]}: is not a .pts file, nor is any other; write the labels anew")
    count = counts.most_common(1)[0][0]
    if count not in by_count:
        known = ", ".join(f"{n} ({scheme.name})" for n, scheme in by_count.items())
        raise LivefanError(
            f"{examples[count]}: holds {count} points a face; known are {known}; or define them in {own}, "
            "see docs/train.md"
        )
    return by_count[count]
