"""Render the picture of a live session: one model, or two in one of four layouts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from livefan.core.agreement import pair_common
from livefan.drawing.faces import Colour, OverlayStyle, draw_arrows, draw_faces, draw_points, face_size
from livefan.live.heatmaps import FaceHeatmaps
from livefan.live.labels import (
    ARROW_FACTOR,
    FAR_PERCENT,
    FIRST_COLOUR,
    MARGIN_PX,
    SECOND_COLOUR,
    heat,
    label_px,
    letters_px,
    mark_spot,
    pair_spot_text,
    spot_text,
    spots_of,
    write_distance,
    write_heat_legend,
    write_label,
    write_legend,
    write_spot,
)
from livefan.live.pane import Pane, pane_of
from livefan.live.result import Pair, Result
from livefan.live.view_state import Layout, Spot, View

_DIMMED = 0.6
_FINE = 0.4
_GAP_PX = 4
"""Gap between two panes."""


@dataclass(frozen=True)
class Shown:
    """Content of a picture: the newest result of the first model, and the newest pair of both models."""

    first: Result | None = None
    pair: Pair | None = None


@dataclass(frozen=True)
class Picture:
    """A rendered view.

    Attributes:
        image: ``(height, width, 3)`` uint8 BGR, contiguous.
        panes: the panes from left to right.
        layout: the rendered layout; ``SINGLE`` while there is no pair.
    """

    image: np.ndarray
    panes: tuple[Pane, ...]
    layout: Layout


def render(shown: Shown, view: View, size: tuple[int, int]) -> Picture:
    """Draw a view.

    Args:
        shown: the results; a black picture if there are none.
        view: how they are drawn.
        size: width and height of the picture in pixels.
    """
    width, height = max(1, size[0]), max(1, size[1])
    leading = leading_result(shown, view.layout)
    if leading is None:
        return Picture(np.zeros((height, width, 3), np.uint8), (), Layout.SINGLE)
    if view.layout is Layout.SINGLE or shown.pair is None:
        if view.spot is not None and view.spot.side != 0:  # of the model that is not drawn
            view = replace(view, spot=None)
        pane = pane_of(leading, view, 0, width, height)
        return Picture(_draw_pane(pane, view, view.style), (pane,), Layout.SINGLE)
    if view.layout is Layout.SIDE_BY_SIDE:
        return _side_by_side(shown.pair, view, width, height)
    draw = {Layout.OVERLAID: _overlaid, Layout.WIPE: _wiped, Layout.DIFFERENCE: _difference}[view.layout]
    pane = pane_of(leading, view, 0, width, height)
    return Picture(draw(shown.pair, pane, view), (pane,), view.layout)


def leading_result(shown: Shown, layout: Layout) -> Result | None:
    """Return the first model's result of the drawn frame; two models are always drawn on the same frame."""
    return shown.first if layout is Layout.SINGLE or shown.pair is None else shown.pair.first


def natural_size(shown: Shown, layout: Layout) -> tuple[int, int]:
    """Return width and height of a picture that shows frames at their own size."""
    leading = leading_result(shown, layout)
    if leading is None:
        return 1, 1
    height, width = leading.frame.image.shape[:2]
    return (2 * width + _GAP_PX if _has_two_panes(shown, layout) else width), height


def pane_size(shown: Shown, layout: Layout, size: tuple[int, int]) -> tuple[int, int]:
    """Return width and height of each pane of a picture of that width and height."""
    width, height = size
    if layout is Layout.SIDE_BY_SIDE and shown.pair is not None:
        if _is_stacked(shown.pair, size):
            height = (height - _GAP_PX) // 2
        else:
            width = (width - _GAP_PX) // 2
    return max(1, width), max(1, height)


def _has_two_panes(shown: Shown, layout: Layout) -> bool:
    return layout is Layout.SIDE_BY_SIDE and shown.pair is not None


def _is_stacked(pair: Pair, size: tuple[int, int]) -> bool:
    """Return whether two frames are larger one above the other than side by side."""
    height, width = pair.first.frame.image.shape[:2]
    beside = min((size[0] - _GAP_PX) / 2 / width, size[1] / height)
    stacked = min(size[0] / width, (size[1] - _GAP_PX) / 2 / height)
    return stacked > beside


def in_colour(style: OverlayStyle, colour: Colour) -> OverlayStyle:
    """Return a style that draws a model in one colour; points then show no confidence."""
    return replace(style, outline_colour=colour, box_colour=colour, sure=colour, confidence=False, ids=False)


def _draw_pane(pane: Pane, view: View, style: OverlayStyle) -> np.ndarray:
    canvas = pane.resampled()
    _draw_result(canvas, pane, view, style)
    return canvas


def _draw_result(canvas: np.ndarray, pane: Pane, view: View, style: OverlayStyle) -> None:
    result = pane.result
    _blend_heatmaps(canvas, pane, result.heatmaps, view)
    faces = pane.faces_on_pane(result.faces)
    if view.overlay:
        draw_faces(canvas, faces, result.scheme, style)
    if view.spot:
        mark_spot(canvas, faces, view.spot)
        write_spot(canvas, faces, view.spot, spot_text(result, view.spot), letters_px(canvas, view))


def _draw_side(
    canvas: np.ndarray, pane: Pane, pair: Pair, side: int, view: View, style: OverlayStyle
) -> None:
    """Draw one model of a pair; the text of the selected landmark is left to :func:`_write_pair_spot`."""
    result = (pair.first, pair.second)[side]
    spot = spots_of(pair, view.spot)[side] if view.spot else None
    view = replace(view, spot=spot)
    _blend_heatmaps(canvas, pane, result.heatmaps, view)
    faces = pane.faces_on_pane(result.faces)
    if view.overlay:
        draw_faces(canvas, faces, result.scheme, style)
    if spot:
        mark_spot(canvas, faces, spot)


def _write_pair_spot(canvas: np.ndarray, pane: Pane, pair: Pair, view: View) -> None:
    """Write confidences and distance of the selected landmark beside it."""
    if view.spot is not None:
        faces = pane.faces_on_pane((pair.first, pair.second)[view.spot.side].faces)
        write_spot(canvas, faces, view.spot, pair_spot_text(pair, view.spot), letters_px(canvas, view))


def _blend_heatmaps(canvas: np.ndarray, pane: Pane, heatmaps: tuple[FaceHeatmaps, ...], view: View) -> None:
    if view.heatmaps or view.spot:
        for of_face in heatmaps:
            _blend_heatmap(canvas, pane, of_face, view.spot)


def _blend_heatmap(canvas: np.ndarray, pane: Pane, heatmaps: FaceHeatmaps, spot: Spot | None) -> None:
    """Add the heatmap of the selected landmark, or the maximum over all landmarks, as light."""
    if spot is None:
        cells = heatmaps.maps.max(axis=0)
    elif spot.track_id == heatmaps.track_id and spot.point < len(heatmaps.maps):
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


def _side_by_side(pair: Pair, view: View, width: int, height: int) -> Picture:
    """Draw the models side by side, or one above the other if the frames are larger then."""
    pane_width, pane_height = pane_size(Shown(pair.first, pair), Layout.SIDE_BY_SIDE, (width, height))
    stacked = _is_stacked(pair, (width, height))
    left, top = (0, height - pane_height) if stacked else (width - pane_width, 0)
    canvas = np.zeros((height, width, 3), np.uint8)
    panes = (
        pane_of(pair.first, view, 0, pane_width, pane_height),
        pane_of(pair.second, view, left, pane_width, pane_height, top),
    )
    for side, (pane, colour) in enumerate(zip(panes, (FIRST_COLOUR, SECOND_COLOUR), strict=True)):
        area = canvas[pane.top : pane.top + pane_height, pane.left : pane.left + pane_width]
        drawn = pane.resampled()
        _draw_side(drawn, pane, pair, side, view, in_colour(view.style, colour))
        area[:] = drawn
    if view.spot is not None:
        chosen = panes[view.spot.side]
        to_canvas = chosen.matrix.copy()
        to_canvas[:, 2] += chosen.left, chosen.top
        _write_pair_spot(canvas, replace(chosen, matrix=to_canvas), pair, view)
    letters = letters_px(canvas, view)
    labels = [label_px(each, letters) for each in (pair.first, pair.second)]
    crowded = not stacked and max(labels) > pane_width - 2 * MARGIN_PX
    write_label(canvas, pair.first, FIRST_COLOUR, 0, letters)
    write_label(canvas, pair.second, SECOND_COLOUR, left, letters, top, lower=crowded)
    write_distance(canvas, pair, letters)
    return Picture(canvas, panes, Layout.SIDE_BY_SIDE)


def _overlaid(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """Draw both models on one frame, in fine lines and without boxes, which would hide each other."""
    canvas = pane.resampled()
    view = replace(view, style=replace(view.style, boxes=False, weight=_FINE))
    for side, colour in ((1, SECOND_COLOUR), (0, FIRST_COLOUR)):
        _draw_side(canvas, pane, pair, side, view, in_colour(view.style, colour))
    _write_pair_spot(canvas, pane, pair, view)
    write_legend(canvas, pair, letters_px(canvas, view))
    return canvas


def _wiped(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """Draw the first model left of the wipe and the second right of it."""
    canvas, second = pane.resampled(), pane.resampled()
    _draw_side(canvas, pane, pair, 0, view, in_colour(view.style, FIRST_COLOUR))
    _draw_side(second, pane, pair, 1, view, in_colour(view.style, SECOND_COLOUR))
    edge = int(np.clip(round(view.wipe * pane.width), 0, pane.width))
    canvas[:, edge:] = second[:, edge:]
    _write_pair_spot(canvas, pane, pair, view)
    cv2.line(canvas, (edge, 0), (edge, pane.height), (255, 255, 255), 2)
    write_legend(canvas, pair, letters_px(canvas, view))
    return canvas


def _difference(pair: Pair, pane: Pane, view: View) -> np.ndarray:
    """Draw arrows from the second model's landmarks to the first's on a dim grey frame; long ones are red."""
    grey = cv2.convertScaleAbs(cv2.cvtColor(pane.resampled(), cv2.COLOR_BGR2GRAY), alpha=_DIMMED)
    canvas = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    spots = spots_of(pair, view.spot) if view.spot else (None, None)
    for result, spot in zip((pair.first, pair.second), spots, strict=True):
        _blend_heatmaps(canvas, pane, result.heatmaps, replace(view, spot=spot))
    if view.overlay:
        thin = replace(in_colour(view.style, (150, 150, 150)), points=False, boxes=False)
        draw_faces(canvas, pane.faces_on_pane(pair.second.faces), pair.second.scheme, thin)
    _draw_distances(canvas, pair, pane)
    letters = letters_px(canvas, view)
    if spots[0] is not None:
        mark_spot(canvas, pane.faces_on_pane(pair.first.faces), spots[0])
    _write_pair_spot(canvas, pane, pair, view)
    write_legend(canvas, pair, letters)
    write_heat_legend(canvas, pair, letters)
    return canvas


def _draw_distances(canvas: np.ndarray, pair: Pair, pane: Pane) -> None:
    """Draw an arrow and a point for each common landmark of each face that both models found."""
    paired = pair_common(pair.first.faces, pair.second.faces, pair.common)
    faces = {a.track_id: (a, b) for a, b in paired}
    for apart in pair.disagreements:
        face, reference = pane.faces_on_pane(list(faces[apart.track_id]))
        colours = heat(apart.points / FAR_PERCENT)
        tips = reference.points_px + ARROW_FACTOR * (face.points_px - reference.points_px)
        size = min(face_size(face, pair.common.scheme), float(canvas.shape[0]))
        draw_arrows(canvas, reference.points_px, tips, colours, max(1, round(size / 180)))
        draw_points(canvas, reference.points_px, colours, size)
