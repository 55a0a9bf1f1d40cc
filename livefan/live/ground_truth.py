"""Ground truth of a comparison: landmarks of a source's frames, from ``.pts`` files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.landmarks import SCHEMES, LandmarkScheme
from livefan.io.pts_file import read_pts

_FACE_NUMBER = re.compile(r"_(face_)?\d+$")
"""Suffix of the name of a file that belongs to one of several faces."""


class GroundTruth:
    """Ground truth of images or frames, from a folder of ``.pts`` files.

    The file of an image has the same stem; ``_0``, ``_1`` ... is appended if the image shows several faces.
    The file of a recording's frame is ``frame_000012.pts`` or ``frame_000012_face_1.pts``, as livefan
    writes them.

    Args:
        folder: the folder of ``.pts`` files.
        schemes: landmark schemes of the models.

    Attributes:
        folder: the folder of ``.pts`` files.
        scheme: landmark scheme of the files: the first one with their number of points, of ``schemes`` and
            then of all known ones.

    Raises:
        LivefanError: if the folder holds no ``.pts`` file.
    """

    def __init__(self, folder: Path, *schemes: LandmarkScheme) -> None:
        self.folder = folder
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._by_numbered_stem: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(path for path in folder.glob("*.*") if path.suffix.lower() == ".pts"):
            self._by_stem[path.stem].append(path)
            self._by_numbered_stem[_FACE_NUMBER.sub("", path.stem)].append(path)
        if not self._by_stem:
            raise LivefanError(f"{folder}: holds no .pts files; --truth must name a folder of them")
        self.scheme = self._scheme_of_files(schemes)

    def tell_apart(self, names: Collection[str]) -> None:
        """Take a file with the stem of an image for that image alone, not for a face of another image."""
        for stem, paths in self._by_numbered_stem.items():
            self._by_numbered_stem[stem] = [path for path in paths if path.stem not in names]

    def points_of(self, name: str) -> list[np.ndarray]:
        """Return the ``(n, 2)`` landmarks, in pixels, of each face of an image or frame, by its stem."""
        return [read_pts(path, self.scheme.n_points) for path in self._paths_of(name) if _has_points(path)]

    def _scheme_of_files(self, schemes: tuple[LandmarkScheme, ...]) -> LandmarkScheme:
        """Return the scheme with the number of points of the first file that has any."""
        paths = (path for group in self._by_stem.values() for path in group if _has_points(path))
        n_points = next((len(read_pts(path)) for path in paths), schemes[0].n_points)
        for scheme in (*schemes, *SCHEMES.values()):
            if scheme.n_points == n_points:
                return scheme
        known = ", ".join(str(scheme.n_points) for scheme in (*schemes, *SCHEMES.values()))
        raise LivefanError(f"{self.folder}: its .pts files have {n_points} points; known are {known}")

    def covers_any(self, names: Iterable[str]) -> bool:
        """Return whether a file belongs to any of these images or frames."""
        return any(self._paths_of(name) for name in names)

    def _paths_of(self, name: str) -> list[Path]:
        return self._by_stem.get(name) or self._by_numbered_stem.get(name, [])


def _has_points(path: Path) -> bool:
    return "n_points: 0" not in path.read_text(encoding="utf-8", errors="replace")
