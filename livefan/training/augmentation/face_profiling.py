"""Labelled faces seen from a new side: rotated in depth and rendered again, their landmarks carried along.

The way of face profiling (Zhu et al., "Face Alignment Across Large Poses", arXiv 1511.07212) with
MediaPipe's face mesh in place of a fitted head model: the mesh gives a near-frontal face its depth; hair,
ears and neck get that of a head bending away behind the face's edge; all is turned about the head's
upright axis and drawn again, nearest surface first, over a background from which the head was taken out.

People place the landmarks of a turned head by what they see. So the jaw of the averted side is picked anew
on the cheek's visible outline, and what has gone behind the face lies on the outline too.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from livefan.core.errors import LivefanError
from livefan.core.files import atomic_write, stems_of
from livefan.core.landmarks import IBUG_68
from livefan.datasets import FaceSet, LabelledFace
from livefan.io.pts_file import write_pts
from livefan.training.augmentation.face_mesh import CHIN, OVAL, FaceMesh, Portrait, edge_depth_at


def _rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotation that turns a face towards the image's right about the ``down`` axis (Rodrigues)."""
    return cv2.Rodrigues(-axis * angle)[0]


@dataclass(frozen=True)
class Turned:
    """A face seen from its new side; points are ``(68, 2)`` on the same canvas as the pixels."""

    pixels: np.ndarray
    points_px: np.ndarray


def turn(portrait: Portrait, yaw: float, pitch: float = 0.0) -> Turned:
    """Turn a face further by ``yaw`` towards the image's right, and ``pitch`` down, in radians."""
    surface, relief = portrait.surface, portrait.relief
    size = len(portrait.pixels)
    across, down, _ = surface.axes
    rotation = _rotation(down, yaw) @ _rotation(across, pitch)
    ys, xs = np.mgrid[:size, :size].astype(np.float32)
    position = np.stack([xs, ys, relief.depth], -1) - surface.origin.astype(np.float32)
    turned = (position @ rotation.T + surface.origin).astype(np.float32)
    width = surface.width_px
    above_chin = ys < surface.vertices_px[CHIN, 1]
    # Neck and shoulders turn the less the farther they are.
    still = np.stack([xs, ys, np.full_like(xs, surface.origin[2] + width)], -1)
    away = np.where(above_chin, 0, _smoothstep((relief.outside / width - 0.3) / 0.5))[..., None]
    solid = (surface.person > 0.5) & (relief.outside < np.where(above_chin, 0.55, 0.8) * width)
    solid |= relief.outside < 0.03 * width
    view = _draw(turned + (still - turned) * away, solid)

    sampled = cv2.remap(portrait.pixels, *_maps(view.source), cv2.INTER_LINEAR)
    weight = cv2.GaussianBlur(view.drawn.astype(np.float32), (0, 0), 0.8)[..., None] * view.drawn[..., None]
    pixels = sampled * weight + _without_head(portrait) * (1 - weight)
    points = _carry(portrait, turned, view, rotation, 1 if surface.yaw + yaw > 0 else -1)
    return Turned(pixels.round().clip(0, 255).astype(np.uint8), points)


def _smoothstep(share: np.ndarray) -> np.ndarray:
    share = share.clip(0, 1)
    return share * share * (3 - 2 * share)


@dataclass(frozen=True)
class _View:
    """What is seen from the new side.

    Attributes:
        source: ``(size, size, 2)`` float32, x and y of the pixel of the old canvas seen at each of the new.
        depth: ``(size, size)`` float32, of what is seen.
        drawn: ``(size, size)`` bool, where anything of the head is seen.
    """

    source: np.ndarray
    depth: np.ndarray
    drawn: np.ndarray


def _maps(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(source[..., 0]), np.ascontiguousarray(source[..., 1])


def _draw(moved: np.ndarray, solid: np.ndarray) -> _View:
    """Draw a surface, the nearest part in front.

    Args:
        moved: ``(size, size, 3)`` where each pixel of the old canvas has gone.
        solid: ``(size, size)`` bool, the pixels that are drawn.
    """
    size = len(moved)
    corner = moved[:-1, :-1]
    along_x, along_y = moved[:-1, 1:] - corner, moved[1:, :-1] - corner
    drawn = solid[:-1, :-1] & solid[1:, 1:] & solid[:-1, 1:] & solid[1:, :-1]
    # A cell that is seen from behind, or torn too wide, is not drawn.
    drawn &= along_x[..., 0] * along_y[..., 1] - along_x[..., 1] * along_y[..., 0] > 0.02
    reach_x, reach_y = (np.abs(along[..., :2]).max(-1) for along in (along_x, along_y))
    drawn &= (reach_x < _MOST_TORN) & (reach_y < _MOST_TORN)
    cells = np.argwhere(drawn)
    corner, along_x, along_y = corner[drawn], along_x[drawn], along_y[drawn]
    # Sample each cell so densely that no pixel it covers is missed.
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


_MOST_TORN = 9.0


def _fill_pinholes(seen: np.ndarray) -> np.ndarray:
    """Give pixels that no sample fell on the mean of their drawn neighbours, if most are drawn."""
    for _ in range(2):
        drawn = np.isfinite(seen[..., 0]).astype(np.float32)
        near = cv2.blur(drawn, (3, 3))
        mean = cv2.blur(np.nan_to_num(seen), (3, 3)) / near.clip(1e-6)[..., None]
        holes = (drawn == 0) & (near > 0.6)
        seen[holes] = mean[holes]
    return seen


def _without_head(portrait: Portrait) -> np.ndarray:
    """The canvas with the head taken out and the gap filled from around it, coarse to fine."""
    surface, relief = portrait.surface, portrait.relief
    ys = np.arange(len(portrait.pixels))[:, None]
    above_chin = ys < surface.vertices_px[CHIN, 1]
    width = surface.width_px
    person = cv2.dilate(surface.person, np.ones((9, 9)))
    head = (relief.outside < 0.08 * width) | ((person > 0.3) & above_chin & (relief.outside < 0.9 * width))
    known = (~head).astype(np.float32)
    return _filled(portrait.pixels * known[..., None], known)


def _filled(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill the gaps of an image by the mean of what is known around them, in ever larger neighbourhoods.

    Args:
        value: ``(height, width, 3)`` float32, the image times ``weight``.
        weight: ``(height, width)`` float32, 1 where it is known and 0 where not.
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


def _carry(
    portrait: Portrait, turned: np.ndarray, view: _View, rotation: np.ndarray, side: int
) -> np.ndarray:
    """The landmarks after turning, the averted jaw and what is hidden put on the visible outline.

    Args:
        turned: ``(size, size, 3)`` where each pixel's surface has gone.
        side: 1 if the face looks to the image's right, -1 if to its left.
    """
    surface, relief, points = portrait.surface, portrait.relief, portrait.points_px
    depth, outside = (_at(values, points) for values in (relief.depth, relief.outside))
    # A landmark just off the mesh's edge is on the face: it must not fall down the head's side.
    depth = np.where(outside > 0, edge_depth_at(surface.vertices_px[list(OVAL)], points), depth)
    carried = (np.column_stack([points, depth]) - surface.origin) @ rotation.T + surface.origin

    width = surface.width_px
    grid = np.stack(np.meshgrid(*[np.arange(len(view.drawn))] * 2), -1)
    level, down = _level(surface.axes[1], side)
    overhang = np.clip(-_outline(grid[relief.outside < 1], points, level, down), 0, _OVERHANG * width)
    level, down = _level(rotation @ surface.axes[1], side)
    before = np.dstack([grid, relief.depth]) - surface.origin
    across = before @ surface.axes[0] * side / (width / 2)
    cheek = (relief.outside < 1) & (across > _CHEEK)
    seen_outside = cv2.remap(relief.outside, *_maps(view.source), cv2.INTER_LINEAR)
    face = view.drawn & (seen_outside < 1)
    points_px = carried[:, :2].copy()
    averted = _LEFT_JAW if side > 0 else _RIGHT_JAW
    reach = _outline(turned[cheek][:, :2], points_px[averted], level, down)
    points_px[averted] += np.maximum(reach, 0)[:, None] * level

    hidden = carried[:, 2] - _at(view.depth, points_px) > _HIDDEN * width
    # What stood out over the mesh's edge already, as a brow may, does so still.
    reach = _outline(grid[face], points_px, level, down) + overhang
    moves = (reach < 0) | (hidden & _FOLDS)
    moves[averted] = False
    points_px[moves] += reach[moves, None] * level
    return points_px


def _level(down: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The face's own level towards ``side`` and its way down, ``(2,)`` unit vectors on the canvas.

    Outlines are taken along them, so that a leaning head is no other case.
    """
    down_px = down[:2] / np.linalg.norm(down[:2])
    return np.array([down_px[1], -down_px[0]]) * side, down_px


def _at(values: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """``(size, size)`` values at ``(n, 2)`` points, between pixels and at the edge as at the nearest."""
    maps = _maps(points_px[:, None].astype(np.float32))
    return cv2.remap(values, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]


def _outline(
    surface_px: np.ndarray, points_px: np.ndarray, level: np.ndarray, down: np.ndarray
) -> np.ndarray:
    """How far from each point, along ``level``, the outermost of a surface's ``(m, 2)`` positions lies."""
    rows = np.round(surface_px @ down).astype(int)
    first = rows.min(initial=0)
    outermost = np.full(rows.max(initial=0) - first + 1, -np.inf)
    np.maximum.at(outermost, rows - first, surface_px @ level)
    known = np.flatnonzero(np.isfinite(outermost))
    if not len(known):
        return np.zeros(len(points_px))
    return np.interp(points_px @ down - first, known, outermost[known]) - points_px @ level


_RIGHT_JAW, _LEFT_JAW = np.arange(7), np.arange(10, 17)
"""Without the chin, where the outline runs level."""
_CHEEK = 0.3
"""Where the cheek begins, in half widths from the middle: farther in are nose and lips."""
_HIDDEN, _OVERHANG = 0.05, 0.04
"""In face widths: so far behind what is seen a landmark is hidden; so far it may stand out over the edge."""
_FOLDS = np.isin(np.arange(68), [*range(17, 27), *range(36, 68)])
"""Brows, eyes and mouth: what of them goes behind the nose or the cheek is marked on the outline."""


@dataclass(frozen=True)
class Synthesised:
    """What :func:`synthesise` did: views in the folder now, and the faces that gave none, with reasons."""

    n_views: int
    skipped: list[str]


def draw_views(portrait: Portrait, n_views: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Choose turns ``(yaw, pitch)`` in radians that bring a face to angles spread over 20 to 75 degrees.

    A face is turned to the side it looks to already: of the other one its picture shows too little.
    """
    now = portrait.surface.yaw
    side = math.copysign(1.0, now if abs(now) > _FRONTAL else rng.uniform(-1, 1))
    edges = np.linspace(math.radians(20), math.radians(75), n_views + 1)
    views = []
    for low, high in pairwise(edges):
        target = rng.uniform(max(low, abs(now) + _LEAST_TURN), max(high, abs(now) + _LEAST_TURN + 0.05))
        views.append((side * target - now, math.radians(np.clip(rng.normal(0, 7), -15, 15))))
    return views


_FRONTAL, _LEAST_TURN, _MOST_TURNED = math.radians(6), math.radians(10), math.radians(45)
_SETTINGS_NAME = "views.json"
"""In a folder of views: how many there are of each face, and the seed of their angles."""


def synthesise(faces: FaceSet, folder: Path, n_views: int = 3, seed: int = 0) -> Synthesised:
    """Write views of every face from new sides as images with ``.pts`` beside them.

    Views that are there already are kept, so a stopped run can be taken up again. What is drawn of a
    face follows from the seed and its name alone.

    Args:
        faces: faces of the 68-point scheme.
        folder: made if it is not there; ``views.json`` in it keeps number and seed.
        n_views: views of each face.

    Raises:
        LivefanError: if the faces are of another scheme, or the folder holds views of another number or seed.
    """
    if faces.scheme != IBUG_68:
        raise LivefanError(
            f"{faces.title}: new views need the {IBUG_68.name} scheme, not {faces.scheme.name}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _keep_settings(folder, {"views": n_views, "seed": seed})
    skipped, n_views_there = [], 0
    stems = stems_of([face.name for face in faces.faces])
    with FaceMesh() as mesh:
        for face in tqdm(faces.faces, "turning faces", disable=None):
            stem = stems[face.name]
            files = [folder / f"{stem}-{view}.pts" for view in range(n_views)]
            if not all(file.is_file() for file in files):
                try:
                    _write_views(mesh, face, files, np.random.default_rng((seed, zlib.crc32(stem.encode()))))
                except LivefanError as error:
                    skipped.append(str(error))
                    continue
            n_views_there += n_views
    return Synthesised(n_views_there, skipped)


def _keep_settings(folder: Path, settings: dict[str, int]) -> None:
    """Write down how a folder's views are made; refuse one whose views were, or may be, made otherwise."""
    path, now = folder / _SETTINGS_NAME, json.dumps(settings)
    if path.exists():
        kept = path.read_text().strip()
    else:
        kept = f"settings that no {_SETTINGS_NAME} tells" if any(folder.glob("*-0.pts")) else ""
    if kept not in ("", now):
        raise LivefanError(
            f"{folder}: holds views of {kept}, not {now}; name the same, or choose another --out"
        )
    with atomic_write(path) as partial:
        partial.write_text(now + "\n")


def _write_views(mesh: FaceMesh, face: LabelledFace, files: list[Path], rng: np.random.Generator) -> None:
    portrait = mesh.portrait(face)
    if portrait is None:
        raise LivefanError(f"{face.image_path}: the face mesh does not find the labelled face")
    if abs(portrait.surface.yaw) > _MOST_TURNED:
        raise LivefanError(f"{face.image_path}: is turned too far already")
    for file, (yaw, pitch) in zip(files, draw_views(portrait, len(files), rng), strict=True):
        turned = turn(portrait, yaw, pitch)
        with atomic_write(file.with_suffix(".jpg")) as partial:
            _, code = cv2.imencode(".jpg", turned.pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
            partial.write_bytes(code.tobytes())
        with atomic_write(file) as partial:
            write_pts(partial, turned.points_px)
