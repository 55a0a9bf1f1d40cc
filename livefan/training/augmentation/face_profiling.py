"""Render rotated views of labelled faces, with their landmarks (face profiling).

The method follows Zhu et al., "Face Alignment Across Large Poses", arXiv 1511.07212, with MediaPipe's face
mesh in place of a fitted head model. The mesh gives the depth of a near-frontal face. Hair, ears and neck get
the depth of a head that bends away behind the edge of the mesh. The surface is rotated about the upright axis
of the head and rendered over a background without the head.

Annotators place the landmarks of a profile on visible edges. The jaw landmarks of the averted side therefore
move to the visible outline of the cheek. Landmarks that are hidden behind the face move to the outline too.
"""

from __future__ import annotations

import json
import math
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.face_mesh import OVAL
from livefan.core.files import atomic_write, name_bytes, stems_of
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.io.pts_file import write_pts
from livefan.training.augmentation.face_mesh import CHIN, FaceMesh, Portrait, edge_depth_at


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the ``(3, 3)`` rotation of a face towards the right of the image about an axis (Rodrigues)."""
    return cv2.Rodrigues(-axis * angle)[0]


@dataclass(frozen=True)
class RotatedView:
    """A rotated view of a face.

    Attributes:
        pixels: ``(size, size, 3)`` uint8 BGR.
        points_px: ``(68, 2)`` landmarks in its pixels.
    """

    pixels: np.ndarray
    points_px: np.ndarray


def rotate(portrait: Portrait, yaw: float, pitch: float = 0.0) -> RotatedView:
    """Rotate a face by ``yaw`` to the right of the image and by ``pitch`` down, in radians."""
    surface, relief = portrait.surface, portrait.relief
    size = len(portrait.pixels)
    across, down, _ = surface.axes
    rotation = _rotation(down, yaw) @ _rotation(across, pitch)
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    position = np.stack([xs, ys, relief.depth], -1) - surface.origin.astype(np.float32)
    moved = (position @ rotation.T + surface.origin).astype(np.float32)
    width = surface.width_px
    above_chin = ys < surface.vertices_px[CHIN, 1]
    # The rotation of neck and shoulders decreases with their distance from the face.
    unrotated = np.stack([xs, ys, np.full_like(xs, surface.origin[2] + width)], -1)
    held = np.where(above_chin, 0, _smoothstep((relief.outside / width - 0.3) / 0.5))[..., None]
    solid = (surface.person > 0.5) & (relief.outside < np.where(above_chin, 0.55, 0.8) * width)
    solid |= relief.outside < 0.03 * width
    view = _render(moved + (unrotated - moved) * held, solid)

    sampled = cv2.remap(portrait.pixels, *_maps(view.source), cv2.INTER_LINEAR)
    weight = cv2.GaussianBlur(view.drawn.astype(np.float32), (0, 0), 0.8)[..., None] * view.drawn[..., None]
    pixels = sampled * weight + _without_head(portrait) * (1 - weight)
    points = _moved_points(portrait, moved, view, rotation, 1 if surface.yaw + yaw > 0 else -1)
    return RotatedView(pixels.round().clip(0, 255).astype(np.uint8), points)


def _smoothstep(share: np.ndarray) -> np.ndarray:
    """Return the smooth step 3 s^2 - 2 s^3 of a share, limited to [0, 1]."""
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)


@dataclass(frozen=True)
class _View:
    """The rendered surface.

    Attributes:
        source: ``(size, size, 2)`` float32, x and y in the old canvas of each pixel of the new canvas.
        depth: ``(size, size)`` float32, depth of the visible surface.
        drawn: ``(size, size)`` bool, pixels that show the head.
    """

    source: np.ndarray
    depth: np.ndarray
    drawn: np.ndarray


def _maps(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two maps of ``cv2.remap``."""
    return np.ascontiguousarray(source[..., 0]), np.ascontiguousarray(source[..., 1])


def _render(moved: np.ndarray, solid: np.ndarray) -> _View:
    """Render a surface; the nearest part hides the others.

    Args:
        moved: ``(size, size, 3)`` new position of each pixel of the old canvas.
        solid: ``(size, size)`` bool, pixels that belong to the surface.
    """
    size = len(moved)
    corner = moved[:-1, :-1]
    along_x, along_y = moved[:-1, 1:] - corner, moved[1:, :-1] - corner
    drawn = solid[:-1, :-1] & solid[1:, 1:] & solid[:-1, 1:] & solid[1:, :-1]
    # Cells that face away or are stretched too far are not drawn.
    drawn &= along_x[..., 0] * along_y[..., 1] - along_x[..., 1] * along_y[..., 0] > 0.02
    reach_x, reach_y = (np.abs(along[..., :2]).max(-1) for along in (along_x, along_y))
    drawn &= (reach_x < _LARGEST_STRETCH) & (reach_y < _LARGEST_STRETCH)
    cells = np.argwhere(drawn)
    corner, along_x, along_y = corner[drawn], along_x[drawn], along_y[drawn]
    # Sample each cell so densely that every covered pixel gets a sample.
    n_x, n_y = (np.ceil(1.4 * reach[drawn]).clip(1).astype(int) for reach in (reach_x, reach_y))
    count = n_x * n_y
    cell = np.repeat(np.arange(len(cells)), count)
    place = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    u = ((place % n_x[cell]) + np.float32(0.5)) / n_x[cell].astype(np.float32)
    v = ((place // n_x[cell]) + np.float32(0.5)) / n_y[cell].astype(np.float32)
    spot = corner[cell] + u[:, None] * along_x[cell] + v[:, None] * along_y[cell]
    column, row = (np.round(spot[:, axis]).astype(np.int32) for axis in (0, 1))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    farthest_first = np.argsort(-spot[inside, 2])
    target = (row * size + column)[inside][farthest_first]
    seen = np.full((size * size, 3), np.nan, np.float32)
    sample = np.column_stack([cells[cell, 1] + u, cells[cell, 0] + v, spot[:, 2]])
    seen[target] = sample[inside][farthest_first]
    seen = _fill_pinholes(seen.reshape(size, size, 3))
    filled = np.nan_to_num(seen)
    return _View(filled[..., :2], filled[..., 2], np.isfinite(seen[..., 0]))


_LARGEST_STRETCH = 9.0
"""Longest side of a rendered cell in pixels."""


def _fill_pinholes(seen: np.ndarray) -> np.ndarray:
    """Fill pixels without a sample with the mean of their drawn neighbours, if most of these are drawn."""
    for _ in range(2):
        drawn = np.isfinite(seen[..., 0]).astype(np.float32)
        near = cv2.blur(drawn, (3, 3))
        mean = cv2.blur(np.nan_to_num(seen), (3, 3)) / near.clip(1e-6)[..., None]
        holes = (drawn == 0) & (near > 0.6)
        seen[holes] = mean[holes]
    return seen


def _without_head(portrait: Portrait) -> np.ndarray:
    """Return the canvas without the head; the gap is filled from its surroundings, coarse to fine."""
    surface, relief = portrait.surface, portrait.relief
    ys = np.arange(len(portrait.pixels))[:, None]
    above_chin = ys < surface.vertices_px[CHIN, 1]
    width = surface.width_px
    person = cv2.dilate(surface.person, np.ones((9, 9)))
    head = (relief.outside < 0.08 * width) | ((person > 0.3) & above_chin & (relief.outside < 0.9 * width))
    known = (~head).astype(np.float32)
    return _filled(portrait.pixels * known[..., None], known)


def _filled(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill the gaps of an image with the mean of known pixels in growing neighbourhoods.

    Args:
        value: ``(height, width, 3)`` float32, the image times ``weight``.
        weight: ``(height, width)`` float32, 1 for known and 0 for unknown pixels.
    """
    mean = value / weight.clip(1e-6)[..., None]
    height, width = weight.shape
    if min(height, width) == 1:
        return mean
    half = (width // 2, height // 2)
    coarse = _filled(
        cv2.resize(value, half, interpolation=cv2.INTER_AREA),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA),
    )
    coarse = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    share = weight[..., None]
    return mean * share + coarse * (1 - share)


def _moved_points(
    portrait: Portrait, moved: np.ndarray, view: _View, rotation: np.ndarray, side: int
) -> np.ndarray:
    """Return the rotated landmarks; the averted jaw and hidden landmarks lie on the visible outline.

    Args:
        moved: ``(size, size, 3)`` new position of the surface at each pixel.
        side: 1 for a face that looks to the right of the image, -1 for the left.
    """
    surface, relief, points = portrait.surface, portrait.relief, portrait.points_px
    depth, outside = (_at(values, points) for values in (relief.depth, relief.outside))
    # A landmark just outside the mesh belongs to the face, not to the side of the head.
    depth = np.where(outside > 0, edge_depth_at(surface.vertices_px[list(OVAL)], points), depth)
    rotated = (np.column_stack([points, depth]) - surface.origin) @ rotation.T + surface.origin

    width = surface.width_px
    grid = np.stack(np.meshgrid(*[np.arange(len(view.drawn))] * 2), -1)
    level, down = _level(surface.axes[1], side)
    overhang = np.clip(-_outline(grid[relief.outside < 1], points, level, down), 0, _OVERHANG * width)
    level, down = _level(rotation @ surface.axes[1], side)
    from_origin = np.dstack([grid, relief.depth]) - surface.origin
    across = from_origin @ surface.axes[0] * side / (width / 2)
    cheek = (relief.outside < 1) & (across > _CHEEK)
    seen_outside = cv2.remap(relief.outside, *_maps(view.source), cv2.INTER_LINEAR)
    face = view.drawn & (seen_outside < 1)
    points_px = rotated[:, :2].copy()
    averted = _LEFT_JAW if side > 0 else _RIGHT_JAW
    reach = _outline(moved[cheek][:, :2], points_px[averted], level, down)
    points_px[averted] += np.maximum(reach, 0)[:, None] * level

    hidden = rotated[:, 2] - _at(view.depth, points_px) > _HIDDEN * width
    # Landmarks that lay outside the mesh before, such as brows, keep their distance from it.
    reach = _outline(grid[face], points_px, level, down) + overhang
    to_outline = (reach < 0) | (hidden & _INNER)
    to_outline[averted] = False
    points_px[to_outline] += reach[to_outline, None] * level
    return points_px


def _level(down: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the horizontal axis of the face towards ``side`` and its downward axis.

    Both are ``(2,)`` unit vectors on the canvas. Outlines are measured along them, also for a tilted head.
    """
    down_px = down[:2] / np.linalg.norm(down[:2])
    return np.array([down_px[1], -down_px[0]]) * side, down_px


def _at(values: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Return ``(size, size)`` values at ``(n, 2)`` points, interpolated bilinearly."""
    maps = _maps(points_px[:, None].astype(np.float32))
    return cv2.remap(values, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]


def _outline(
    surface_px: np.ndarray, points_px: np.ndarray, level: np.ndarray, down: np.ndarray
) -> np.ndarray:
    """Return the distance along ``level`` from each point to the outermost of ``(m, 2)`` positions."""
    rows = np.round(surface_px @ down).astype(int)
    first = rows.min(initial=0)
    outermost = np.full(rows.max(initial=0) - first + 1, -np.inf)
    np.maximum.at(outermost, rows - first, surface_px @ level)
    known = np.flatnonzero(np.isfinite(outermost))
    if not len(known):
        return np.zeros(len(points_px))
    return np.interp(points_px @ down - first, known, outermost[known]) - points_px @ level


_RIGHT_JAW, _LEFT_JAW = np.arange(7), np.arange(10, 17)
"""Without the chin, where the outline is horizontal."""
_CHEEK = 0.3
"""Distance of the cheek from the middle of the face, in half widths. Nose and lips are nearer."""
_HIDDEN, _OVERHANG = 0.05, 0.04
"""In face widths: depth behind the visible surface of a hidden landmark; largest distance from the mesh."""
_INNER = np.isin(np.arange(68), [*range(17, 27), *range(36, 68)])
"""Brows, eyes and mouth: annotators mark them on the outline if nose or cheek hides them."""


@dataclass(frozen=True)
class Synthesised:
    """The number of views in a folder, and the reasons for faces without views."""

    n_views: int
    skipped: list[str]


def side_to_turn(yaw: float, rng: np.random.Generator) -> float:
    """Return 1 to rotate a face of a yaw in radians to the right of the image, -1 to the left.

    A face is rotated to the side to which it already looks; its image shows too little of the other side.
    """
    return math.copysign(1.0, yaw if abs(yaw) > _FRONTAL else rng.uniform(-1, 1))


def draw_views(portrait: Portrait, n_views: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Choose rotations ``(yaw, pitch)`` in radians to yaw angles of 20 to 75 degrees."""
    now, side = portrait.surface.yaw, side_to_turn(portrait.surface.yaw, rng)
    edges = np.linspace(math.radians(20), math.radians(75), n_views + 1)
    views = []
    for low, high in pairwise(edges):
        target = rng.uniform(
            max(low, abs(now) + _SMALLEST_ROTATION), max(high, abs(now) + _SMALLEST_ROTATION + 0.05)
        )
        views.append((side * target - now, math.radians(np.clip(rng.normal(0, 7), -15, 15))))
    return views


_FRONTAL, _SMALLEST_ROTATION, LARGEST_SOURCE_YAW = math.radians(6), math.radians(10), math.radians(45)
"""Below the first yaw either side is chosen. Faces above the last yaw are not rotated."""
_SETTINGS_NAME = "views.json"
"""File in a folder of views: number of views of each face, seed of their angles, checksums of the labels."""


def synthesise(faces: FaceSet, folder: Path, n_views: int = 3, seed: int = 0) -> Synthesised:
    """Write rotated views of every face as images with ``.pts`` beside them.

    Existing views are kept, so the same call resumes a stopped run; those of changed labels are drawn anew.
    The angles of a face depend on the seed and its name alone.

    Args:
        faces: faces of the 68-point scheme.
        folder: created if it is absent; ``views.json`` in it holds number, seed and checksums of the labels.
        n_views: views of each face.

    Raises:
        LivefanError: if the faces have another scheme, or the folder holds views of another number or seed.
    """
    if faces.scheme != IBUG_68:
        raise LivefanError(
            f"{faces.title}: rotated views need the {IBUG_68.name} scheme, not {faces.scheme.name}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    skipped, n_written = [], 0
    stems = stems_of([face.name for face in faces.faces])
    labels = {stems[face.name]: zlib.crc32(face.points_px.tobytes()) for face in faces.faces}
    _keep_settings(folder, {"views": n_views, "seed": seed}, labels)
    with FaceMesh() as mesh:
        for face in tqdm(faces.faces, "rotating faces", disable=None):
            stem = stems[face.name]
            files = [folder / f"{stem}-{view}.pts" for view in range(n_views)]
            if not all(file.is_file() for file in files):
                try:
                    rng = np.random.default_rng((seed, zlib.crc32(name_bytes(stem))))
                    _write_views(mesh, face, files, rng)
                except LivefanError as error:
                    skipped.append(str(error))
                    continue
            n_written += n_views
    return Synthesised(n_written, skipped)


def _keep_settings(folder: Path, settings: dict[str, int], labels: dict[str, int]) -> None:
    """Write the settings of a folder of views, and checksums of labels by stem; remove views of other labels.

    Raises:
        LivefanError: if the folder holds views of other settings.
    """
    path, now = folder / _SETTINGS_NAME, json.dumps(settings)
    before: dict[str, int] = {}
    if path.exists():
        kept = path.read_text(encoding="utf-8").strip()
        with suppress(ValueError, AttributeError, TypeError):  # else the text differs from the settings
            table = json.loads(kept)
            before = table.pop("labels", {})  # earlier versions wrote none
            kept = json.dumps(table)
    else:
        kept = f"unknown settings, without {_SETTINGS_NAME}" if any(folder.glob("*-0.pts")) else ""
    if kept not in ("", now):
        raise LivefanError(
            f"{folder}: holds views of {kept}, not {now}; name the same settings, or choose another --out"
        )
    for stem in labels.keys() & before.keys():
        if labels[stem] != before[stem]:
            for view in range(settings["views"]):
                (folder / f"{stem}-{view}.pts").unlink(missing_ok=True)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(settings | {"labels": before | labels}) + "\n", encoding="utf-8")


def _write_views(mesh: FaceMesh, face: LabelledFace, files: list[Path], rng: np.random.Generator) -> None:
    portrait = mesh.portrait(face)
    if portrait is None:
        raise LivefanError(f"{face.image_path}: the face mesh does not find the labelled face")
    if abs(portrait.surface.yaw) > LARGEST_SOURCE_YAW:
        raise LivefanError(f"{face.image_path}: the face is already in profile")
    for file, (yaw, pitch) in zip(files, draw_views(portrait, len(files), rng), strict=True):
        view = rotate(portrait, yaw, pitch)
        with atomic_write(file.with_suffix(".jpg")) as partial:
            _, code = cv2.imencode(".jpg", view.pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
            partial.write_bytes(code.tobytes())
        with atomic_write(file) as partial:
            write_pts(partial, view.points_px)
