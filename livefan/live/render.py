"""The picture of a live session: one model, or two side by side, overlaid, under a wipe, or their difference.

A pane shows a frame under one affine map, from image pixels to pane pixels, so that what is drawn on it stays
sharp however far it is magnified, and a place under the mouse is found again in the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from livefan.core.agreement import pair_faces
from livefan.core.frame import Face
from livefan.drawing.faces import Colour, OverlayStyle, draw_arrows, draw_faces, draw_points
from livefan.drawing.text import size_of, write
from livefan.live.heatmaps import FaceHeatmaps
from livefan.live.result import Pair, Result
from livefan.live.view_state import LARGEST_ZOOM, Layout, Spot, View

FIRST_COLOUR: Colour = (240, 170, 50)
SECOND_COLOUR: Colour = (60, 140, 250)
"""The first and the second model, BGR: blue and orange, which the colour-blind tell apart."""
_HEAT: tuple[Colour, ...] = ((190, 150, 60), (90, 230, 255), (50, 40, 255))
"""How far apart, from nothing to :data:`_FAR_PERCENT`: blue, yellow, red."""
_FAR_PERCENT = 5.0
"""Disagreement of a landmark, in percent of the inter-ocular distance, that is drawn in the full colour."""
_LONGER = 3.0
"""Arrows of the difference are drawn this many times as long as they are."""
_DIMMED = 0.6
_FINE = 0.4
_WHITE: Colour = (240, 240, 240)
_MARK = "■ "
_GAP_PX = 4
_MARGIN_PX = 6
"""Between letters and the edge of a pane."""
_LETTERS_PX = 13
_USUAL_HEIGHT = 600.0
_NEAREST_ZOOM = 6.0
"""From this magnification on, pixels are shown as squares."""


@dataclass(frozen=True)
class Shown:
    """What there is to show: the newest of the first model, and the newest of both on one frame."""

    first: Result | None = None
    pair: Pair | None = None


@dataclass(frozen=True)
class Pane:
    """A part of the picture that shows one frame.

    Attributes:
        left, width, height: position and size in the picture, in pixels.
        matrix: ``(2, 3)`` from image pixels to the pane's pixels.
        result: whose faces are on it.
        top: first row in the picture, in pixels.
    """

    left: int
    width: int
    height: int
    matrix: np.ndarray
    result: Result
    top: int = 0

    @property
    def _offset(self) -> np.ndarray:
        """``(2,)`` the origin of the image in pixels of the whole picture."""
        return self.matrix[:, 2] + (self.left, self.top)

    def to_image(self, x: float, y: float) -> np.ndarray:
        """``(2,)`` image pixels of a place in the whole picture."""
        return np.linalg.solve(
            self.matrix[:, :2], np.array([x - self.left, y - self.top]) - self.matrix[:, 2]
        )

    def spot_at(self, x: float, y: float, reach_px: float = 14.0) -> Spot | None:
        """The landmark nearest to a place in the whole picture, within ``reach_px`` of its pixels."""
        nearest, distance = None, reach_px
        for face in self.result.faces:
            places = face.points_px @ self.matrix[:, :2].T + self.matrix[:, 2]
            distances = np.hypot(*(places - (x - self.left, y - self.top)).T)
            if distances.min() < distance:
                distance = float(distances.min())
                nearest = Spot(face.track_id, int(distances.argmin()))
        return nearest


@dataclass(frozen=True)
class Picture:
    """A rendered view.

    Attributes:
        image: ``(height, width, 3)`` uint8 BGR, contiguous.
        panes: what is where.
        layout: what was shown, which is ``SINGLE`` while a second model has nothing to show.
    """

    image: np.ndarray
    panes: tuple[Pane, ...]
    layout: Layout


def render(shown: Shown, view: View, size: tuple[int, int]) -> Picture:
    """Draw a view.

    Args:
        shown: what there is; nothing at all gives a black picture.
        size: width and height of the picture in pixels.
    """
    width, height = max(1, size[0]), max(1, size[1])
    leading = leads(shown, view.layout)
    if leading is None:
        return Picture(np.zeros((height, width, 3), np.uint8), (), Layout.SINGLE)
    if view.layout is Layout.SINGLE or shown.pair is None:
        pane = _pane(leading, view, 0, width, height)
        return Picture(_draw_pane(pane, view, view.style), (pane,), Layout.SINGLE)
    if view.layout is Layout.SIDE_BY_SIDE:
        return _side_by_side(shown.pair, view, width, height)
    draw = {Layout.OVERLAID: _overlaid, Layout.WIPE: _wiped, Layout.DIFFERENCE: _difference}[view.layout]
    pane = _pane(leading, view, 0, width, height)
    return Picture(draw(shown.pair, pane, view), (pane,), view.layout)


def leads(shown: Shown, layout: Layout) -> Result | None:
    """What the first model made of the frame that is shown; two models are only ever shown on one frame."""
    return shown.first if layout is Layout.SINGLE or shown.pair is None else shown.pair.first


def natural_size(shown: Shown, layout: Layout) -> tuple[int, int]:
    """Width and height of a picture that shows frames at their own size."""
    leading = leads(shown, layout)
    if leading is None:
        return 1, 1
    height, width = leading.frame.image.shape[:2]
    return (2 * width + _GAP_PX if _is_split(shown, layout) else width), height  # see _is_stacked


def pane_size(shown: Shown, layout: Layout, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of each pane of a picture of that width and height."""
    width, height = size
    if _is_split(shown, layout) and shown.pair is not None:
        if _is_stacked(shown.pair, size):
            height = (height - _GAP_PX) // 2
        else:
            width = (width - _GAP_PX) // 2
    return max(1, width), max(1, height)


def _is_split(shown: Shown, layout: Layout) -> bool:
    return layout is Layout.SIDE_BY_SIDE and shown.pair is not None


def _is_stacked(pair: Pair, size: tuple[int, int]) -> bool:
    """Return whether two frames are larger one above the other than side by side."""
    height, width = pair.first.frame.image.shape[:2]
    beside = min((size[0] - _GAP_PX) / 2 / width, size[1] / height)
    stacked = min(size[0] / width, (size[1] - _GAP_PX) / 2 / height)
    return stacked > beside


def in_colour(style: OverlayStyle, colour: Colour) -> OverlayStyle:
    """A style that tells models apart by their colour, so points show no confidence."""
    return replace(style, outline_colour=colour, box_colour=colour, sure=colour, confidence=False, ids=False)


def _pane(result: Result, view: View, left: int, width: int, height: int, top: int = 0) -> Pane:
    if result.photographs:  # only a moving picture serves as a mirror
        view = replace(view, mirror=False)
    return Pane(
        left, width, height, frame_to_pane(result.frame.image.shape, view, width, height), result, top
    )


def frame_to_pane(shape: tuple[int, ...], view: View, width: int, height: int) -> np.ndarray:
    """The ``(2, 3)`` matrix that fits an image of ``(height, width, ...)`` into a pane as a view has it.

    The image is never moved further than its edge at the pane's, or, where it is smaller, than the middle.
    """
    image_height, image_width = shape[:2]
    scale = min(width / image_width, height / image_height) * min(max(view.zoom, 1.0), LARGEST_ZOOM)
    centre_x = 1 - view.centre[0] if view.mirror else view.centre[0]
    shift = (
        _shift(image_width * scale, width, centre_x),
        _shift(image_height * scale, height, view.centre[1]),
    )
    # An image of width w spans -0.5 ... w - 0.5, and so does the pane.
    to_corner = 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, shift[0] + to_corner], [0.0, scale, shift[1] + to_corner]])
    if view.mirror:
        matrix[0] = -scale, 0.0, shift[0] + scale * (image_width - 0.5) - 0.5
    return matrix


def _shift(length: float, room: float, centre: float) -> float:
    if length <= room:
        return (room - length) / 2
    return float(np.clip(room / 2 - centre * length, room - length, 0.0))


def _resample(pane: Pane, view: View) -> np.ndarray:
    """The pane's picture: the visible part of the frame, resized; black around it."""
    image, scale = pane.result.frame.image, abs(pane.matrix[0, 0])
    target = (pane.width, pane.height)
    if scale >= 1:
        flags = cv2.INTER_NEAREST if scale >= _NEAREST_ZOOM else cv2.INTER_LINEAR
        return cv2.warpAffine(image, pane.matrix, target, flags=flags)
    if scale < 0.5:  # bilinear taps alone would alias
        reduction = int(1 / scale)
        small = cv2.resize(
            image,
            (max(1, image.shape[1] // reduction), max(1, image.shape[0] // reduction)),
            interpolation=cv2.INTER_AREA,
        )
        factor = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        matrix = pane.matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ ((factor - 1) / 2)
        matrix[:, :2] *= factor
        return cv2.warpAffine(small, matrix, target, flags=cv2.INTER_LINEAR)
    return cv2.warpAffine(image, pane.matrix, target, flags=cv2.INTER_LINEAR)


def _on_pane(faces: list[Face], pane: Pane) -> list[Face]:
    """Faces with their landmarks in the pane's pixels."""
    moved = []
    for face in faces:
        points = face.points_px @ pane.matrix[:, :2].T + pane.matrix[:, 2]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        moved.append(replace(face, points_px=points, box_px=box))
    return moved


def _draw_pane(pane: Pane, view: View, style: OverlayStyle) -> np.ndarray:
    canvas = _resample(pane, view)
    _draw_result(canvas, pane, view, style)
    return canvas


def _draw_result(canvas: np.ndarray, pane: Pane, view: View, style: OverlayStyle) -> None:
    result = pane.result
    if view.heatmaps or view.spot:
        for maps in result.heatmaps:
            _blend_heatmap(canvas, pane, maps, view.spot)
    faces = _on_pane(result.faces, pane)
    if view.overlay:
        draw_faces(canvas, faces, result.scheme, style)
    if view.spot:
        _mark(canvas, faces, result, view.spot, _letters_px(canvas, view))


def _blend_heatmap(canvas: np.ndarray, pane: Pane, heatmaps: FaceHeatmaps, spot: Spot | None) -> None:
    """Add the heatmap of one landmark, or the brightest of all, as light."""
    if spot is None:
        cells = heatmaps.maps.max(axis=0)
    elif spot.track_id == heatmaps.track_id:
        cells = heatmaps.maps[spot.point]
    else:
        return
    stride = heatmaps.crop.size / cells.shape[0]
    to_crop = np.array([[stride, 0, (stride - 1) / 2], [0, stride, (stride - 1) / 2], [0, 0, 1]])
    from_crop = np.linalg.inv(np.vstack([heatmaps.crop.matrix, [0, 0, 1]]))
    matrix = pane.matrix @ from_crop @ to_crop
    light = cv2.applyColorMap(np.round(255 * cells).astype(np.uint8), cv2.COLORMAP_INFERNO)
    light[cells < 0.02] = 0
    warped = cv2.warpAffine(light, matrix, (pane.width, pane.height), flags=cv2.INTER_LINEAR)
    cv2.addWeighted(canvas, 1.0, warped, 0.8, 0.0, dst=canvas)


def _write_label(
    canvas: np.ndarray, text: str, origin: tuple[int, int], colour: Colour, letters: int
) -> None:
    """Write a text on a dark plate."""
    write(canvas, text, origin, colour, letters, plate=True)


def _mark(canvas: np.ndarray, faces: list[Face], result: Result, spot: Spot, letters: int) -> None:
    """Name the landmark that is pointed at."""
    for face in faces:
        if face.track_id == spot.track_id and spot.point < len(face.points_px):
            point = face.points_px[spot.point]
            centre = (round(point[0]), round(point[1]))
            cv2.circle(canvas, centre, 7, (255, 255, 255), 1, cv2.LINE_AA)
            name = result.scheme.point_names[spot.point].replace("_", " ")
            said = f"{spot.point}: {name}, confidence {face.confidence[spot.point]:.2f}"
            _write_label(canvas, said, (centre[0] + 12, centre[1] - 4), (255, 255, 255), letters)


def _letters_px(canvas: np.ndarray, view: View) -> int:
    """Letters are larger on a larger canvas, too."""
    return round(_LETTERS_PX * max(view.letters, float(np.clip(canvas.shape[0] / _USUAL_HEIGHT, 1.0, 4.0))))


def _label(
    canvas: np.ndarray,
    result: Result,
    colour: Colour,
    left: int,
    letters: int,
    top: int = 0,
    *,
    lower: bool = False,
) -> None:
    """Name a model at the upper left of a pane, or, where that begins at the right edge, before it.

    Its colour is that of a square: letters in it are hard to read on a face.

    Args:
        lower: a line lower, where another model's name is in the way.
    """
    mark_px = size_of(_MARK, letters)[0]
    x = min(left + _MARGIN_PX, canvas.shape[1] - _label_px(result, letters) - _MARGIN_PX)
    y = top + 4 + (4 if lower else 2) * letters
    _write_label(canvas, _MARK, (x, y), colour, letters)
    _write_label(canvas, _said_of(result), (x + mark_px, y), _WHITE, letters)


def _label_px(result: Result, letters: int) -> int:
    return sum(size_of(text, letters)[0] for text in (_MARK, _said_of(result)))


def _said_of(result: Result) -> str:
    return f"{result.label}  {1000 * result.seconds:.0f} ms"


def _side_by_side(pair: Pair, view: View, width: int, height: int) -> Picture:
    """Both models beside each other, or one above the other where the frames are larger like that."""
    pane_width, pane_height = pane_size(Shown(pair.first, pair), Layout.SIDE_BY_SIDE, (width, height))
    stacked = _is_stacked(pair, (width, height))
    left, top = (0, height - pane_height) if stacked else (width - pane_width, 0)
    canvas = np.zeros((height, width, 3), np.uint8)
    panes = (
        _pane(pair.first, view, 0, pane_width, pane_height),
        _pane(pair.second, view, left, pane_width, pane_height, top),
    )
    for pane, colour in zip(panes, (FIRST_COLOUR, SECOND_COLOUR), strict=True):
        area = canvas[pane.top : pane.top + pane_height, pane.left : pane.left + pane_width]
        area[:] = _draw_pane(pane, view, in_colour(view.style, colour))
    letters = _letters_px(canvas, view)
    labels = [_label_px(each, letters) for each in (pair.first, pair.second)]
    crowded = not stacked and max(labels) > pane_width - 2 * _MARGIN_PX
    _label(canvas, pair.first, FIRST_COLOUR, 0, letters)
    _label(canvas, pair.second, SECOND_COLOUR, left, letters, top, lower=crowded)
    _tell_apart(canvas, pair, letters)
    return Picture(canvas, panes, Layout.SIDE_BY_SIDE)


def _overlaid(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """Both on one frame, in fine lines and without boxes, which would hide each other."""
    canvas = _resample(pane, view)
    view = replace(view, style=replace(view.style, boxes=False, weight=_FINE))
    second = replace(pane, result=pair.second)
    _draw_result(canvas, second, replace(view, spot=None), in_colour(view.style, SECOND_COLOUR))
    _draw_result(canvas, pane, view, in_colour(view.style, FIRST_COLOUR))
    _legend(canvas, pair, _letters_px(canvas, view))
    return canvas


def _wiped(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """The first model left of the wipe, the second right of it."""
    canvas = _draw_pane(pane, view, in_colour(view.style, FIRST_COLOUR))
    edge = int(np.clip(round(view.wipe * pane.width), 0, pane.width))
    second = _draw_pane(replace(pane, result=pair.second), view, in_colour(view.style, SECOND_COLOUR))
    canvas[:, edge:] = second[:, edge:]
    cv2.line(canvas, (edge, 0), (edge, pane.height), (255, 255, 255), 2)
    _legend(canvas, pair, _letters_px(canvas, view))
    return canvas


def _difference(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """Arrows from the second model's landmarks towards the first's, on a dim grey frame, the far ones red."""
    grey = cv2.convertScaleAbs(cv2.cvtColor(_resample(pane, view), cv2.COLOR_BGR2GRAY), alpha=_DIMMED)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    if view.heatmaps or view.spot:
        for maps in pair.first.heatmaps:
            _blend_heatmap(canvas, pane, maps, view.spot)
    theirs = _on_pane(pair.second.faces, pane)
    thin = replace(in_colour(view.style, (150, 150, 150)), points=False, boxes=False)
    if view.overlay:
        draw_faces(canvas, theirs, pair.second.scheme, thin)
    ours = {face.track_id: face for face in _on_pane(pair.first.faces, pane)}
    paired = pair_faces(pair.first.faces, pair.second.faces)
    references = dict(
        zip([a.track_id for a, _ in paired], _on_pane([b for _, b in paired], pane), strict=True)
    )
    for apart in pair.disagreements:
        face, reference = ours[apart.track_id], references[apart.track_id]
        colours = heat(apart.points / _FAR_PERCENT)
        tips = reference.points_px + _LONGER * (face.points_px - reference.points_px)
        size = min(float((face.box_px[2:] - face.box_px[:2]).max()), float(canvas.shape[0]))
        draw_arrows(canvas, reference.points_px, tips, colours, max(1, round(size / 180)))
        draw_points(canvas, reference.points_px, colours, size)
    if view.spot:
        _mark(canvas, list(ours.values()), pair.first, view.spot, _letters_px(canvas, view))
    _legend(canvas, pair, _letters_px(canvas, view))
    _heat_legend(canvas, pair, _letters_px(canvas, view))
    return canvas


def heat(share: np.ndarray) -> list[Colour]:
    """A BGR colour for each share: blue for 0, yellow for a half, red for 1 and more."""
    places = np.linspace(0, 1, len(_HEAT))
    mixed = [np.interp(share, places, channel) for channel in np.array(_HEAT).T]
    return [(int(blue), int(green), int(red)) for blue, green, red in zip(*mixed, strict=True)]


def _legend(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    """Which model is drawn in which colour, and how far they are apart."""
    width = canvas.shape[1]
    crowded = sum(_label_px(each, letters) for each in (pair.first, pair.second)) > width - 3 * _MARGIN_PX
    _label(canvas, pair.first, FIRST_COLOUR, 0, letters)
    _label(canvas, pair.second, SECOND_COLOUR, 0 if crowded else width, letters, lower=crowded)
    _tell_apart(canvas, pair, letters)


def _tell_apart(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    if (apart := pair.apart) is not None:
        _write_label(
            canvas, f"{apart.overall:.2f} % apart", (6, canvas.shape[0] - letters // 2), _WHITE, letters
        )


def _heat_legend(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    """What colours and arrows mean, at the lower right."""
    height, width = canvas.shape[:2]
    bottom = height - letters // 2
    most = f"{_FAR_PERCENT:.0f} % apart"
    right = width - 6 - size_of(most, letters)[0]
    left = right - 8 * letters
    if left < width // 3:
        return  # no room beside what is said at the left
    _write_label(canvas, most, (right, bottom), _WHITE, letters)
    _write_label(canvas, "0", (left - size_of("0", letters)[0], bottom), _WHITE, letters)
    bar = heat(np.linspace(0, 1, right - left - 4))
    canvas[bottom - letters : bottom - letters // 3, left + 2 : right - 2] = bar
    arrows = f"arrows from {pair.second.label} to {pair.first.label}, {_LONGER:.0f} times as long"
    if size_of(arrows, letters)[0] > width - 12:
        arrows = f"arrows {_LONGER:.0f} times as long"
    _write_label(
        canvas, arrows, (width - 6 - size_of(arrows, letters)[0], bottom - 2 * letters), _WHITE, letters
    )
