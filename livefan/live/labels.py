"""Text on the picture of a live session: names of models, distances, legends and the selected landmark."""

from __future__ import annotations

import math

import cv2
import numpy as np

from livefan.core.agreement import pair_common
from livefan.core.frame import Face
from livefan.drawing.faces import Colour
from livefan.drawing.text import size_of, write
from livefan.live.result import Pair, Result
from livefan.live.view_state import Spot, View

FIRST_COLOUR: Colour = (240, 170, 50)
SECOND_COLOUR: Colour = (60, 140, 250)
"""The first and the second model, BGR: blue and orange, which colour-blind users can distinguish."""
FAR_PERCENT = 5.0
"""Distance of a landmark, in percent of the inter-ocular distance, that is drawn in full red."""
ARROW_FACTOR = 3.0
"""Length of the arrows of the difference, in distances."""
MARGIN_PX = 6
"""Distance of text from the edge of a pane."""
_HEAT: tuple[Colour, ...] = ((190, 150, 60), (90, 230, 255), (50, 40, 255))
"""Colours of distances from zero to :data:`FAR_PERCENT`: blue, yellow, red; BGR."""
_WHITE: Colour = (240, 240, 240)
_MARK = "■ "
_LETTERS_PX = 13
_USUAL_HEIGHT = 600.0


def letters_px(canvas: np.ndarray, view: View) -> int:
    """Return the height of letters in pixels; it grows with the canvas."""
    return round(_LETTERS_PX * max(view.letters, float(np.clip(canvas.shape[0] / _USUAL_HEIGHT, 1.0, 4.0))))


def heat(share: np.ndarray) -> list[Colour]:
    """Return a BGR colour for each share: blue for 0, yellow for a half, red for 1 and more."""
    places = np.linspace(0, 1, len(_HEAT))
    mixed = [np.interp(share, places, channel) for channel in np.array(_HEAT).T]
    return [(int(blue), int(green), int(red)) for blue, green, red in zip(*mixed, strict=True)]


def write_label(
    canvas: np.ndarray,
    result: Result,
    colour: Colour,
    left: int,
    letters: int,
    top: int = 0,
    *,
    lower: bool = False,
) -> None:
    """Write the name and time of a model at the upper left of a pane, moved left of the right edge.

    A square shows the colour of the model: coloured letters are hard to read on a face.

    Args:
        canvas: ``(height, width, 3)`` uint8 BGR; written to.
        result: a result of the model.
        colour: colour of the model.
        left: left edge of the pane.
        letters: height of letters in pixels.
        top: first row of the pane.
        lower: whether to write one line lower, below the name of the other model.
    """
    mark_px = size_of(_MARK, letters)[0]
    x = min(left + MARGIN_PX, canvas.shape[1] - label_px(result, letters) - MARGIN_PX)
    y = top + 4 + (4 if lower else 2) * letters
    _write(canvas, _MARK, (x, y), colour, letters)
    _write(canvas, _label_text(result), (x + mark_px, y), _WHITE, letters)


def _write(canvas: np.ndarray, text: str, origin: tuple[int, int], colour: Colour, letters: int) -> None:
    """Write a text on a dark plate."""
    write(canvas, text, origin, colour, letters, plate=True)


def label_px(result: Result, letters: int) -> int:
    """Return the width of a label in pixels."""
    return sum(size_of(text, letters)[0] for text in (_MARK, _label_text(result)))


def _label_text(result: Result) -> str:
    return f"{result.label}  {1000 * result.seconds:.0f} ms"


def write_distance(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    """Write the distance between the models at the lower left, and the number of landmarks if not all."""
    if (apart := pair.apart) is not None:
        text = f"{apart.overall:.2f} % apart"
        if pair.first.scheme != pair.second.scheme:
            text += f" on {len(apart.points)} common landmarks"
        _write(canvas, text, (6, canvas.shape[0] - letters // 2), _WHITE, letters)


def write_legend(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    """Write the name and colour of each model, and the distance between them."""
    width = canvas.shape[1]
    crowded = sum(label_px(each, letters) for each in (pair.first, pair.second)) > width - 3 * MARGIN_PX
    write_label(canvas, pair.first, FIRST_COLOUR, 0, letters)
    write_label(canvas, pair.second, SECOND_COLOUR, 0 if crowded else width, letters, lower=crowded)
    write_distance(canvas, pair, letters)


def write_heat_legend(canvas: np.ndarray, pair: Pair, letters: int) -> None:
    """Write the meaning of colours and arrows at the lower right, if there is room."""
    height, width = canvas.shape[:2]
    bottom = height - letters // 2
    most = f"{FAR_PERCENT:.0f} % apart"
    right = width - 6 - size_of(most, letters)[0]
    left = right - 8 * letters
    if left < width // 3:
        return
    _write(canvas, most, (right, bottom), _WHITE, letters)
    _write(canvas, "0", (left - size_of("0", letters)[0], bottom), _WHITE, letters)
    bar = heat(np.linspace(0, 1, right - left - 4))
    canvas[bottom - letters : bottom - letters // 3, left + 2 : right - 2] = bar
    arrows = f"arrows from {pair.second.label} to {pair.first.label}, {ARROW_FACTOR:.0f} times as long"
    if size_of(arrows, letters)[0] > width - 12:
        arrows = f"arrows {ARROW_FACTOR:.0f} times as long"
    _write(canvas, arrows, (width - 6 - size_of(arrows, letters)[0], bottom - 2 * letters), _WHITE, letters)


def spots_of(pair: Pair, spot: Spot) -> tuple[Spot | None, Spot | None]:
    """Return the selected landmark as each model numbers faces and points; None for a model that lacks it."""
    found = _common_spot(pair, spot)
    if found is not None:
        track_ids, place = found
        points = pair.common.ours[place], pair.common.theirs[place]
        first, second = (Spot(track_ids[side], int(points[side]), side) for side in range(2))
        return first, second
    return (spot, None) if spot.side == 0 else (None, spot)


def _common_spot(pair: Pair, spot: Spot) -> tuple[tuple[int, int], int] | None:
    """Return the ids of the face by both models, and the index of the landmark among the common ones."""
    common = pair.common
    own = common.ours if spot.side == 0 else common.theirs
    places = np.flatnonzero(own == spot.point)
    for ours, theirs in pair_common(pair.first.faces, pair.second.faces, common) if len(places) else ():
        if (ours, theirs)[spot.side].track_id == spot.track_id:
            return (ours.track_id, theirs.track_id), int(places[0])
    return None


def spot_text(result: Result, spot: Spot) -> str:
    """Return number, name and confidence of the selected landmark."""
    names = result.scheme.point_names
    if spot.point >= len(names):
        return ""
    sure = _confidence(result, spot)
    confidence = "no confidence" if math.isnan(sure) else f"confidence {sure:.2f}"
    return f"{spot.point}: {names[spot.point].replace('_', ' ')}, {confidence}"


def _confidence(result: Result, spot: Spot) -> float:
    """Return the confidence of the selected landmark; NaN if the model gives none."""
    for face in result.faces:
        if face.track_id == spot.track_id and spot.point < len(face.confidence):
            return float(face.confidence[spot.point])
    return math.nan


def pair_spot_text(pair: Pair, spot: Spot) -> str:
    """Return number and name of the selected landmark, its confidence by both models, and their distance."""
    first, second = spots_of(pair, spot)
    found = _common_spot(pair, spot)
    if first is None or second is None or found is None:
        return spot_text((pair.first, pair.second)[spot.side], spot)
    sure = _confidence(pair.second, second)
    text = spot_text(pair.first, first) + (" and none" if math.isnan(sure) else f" and {sure:.2f}")
    (track_id, _), place = found
    apart = next((each for each in pair.disagreements if each.track_id == track_id), None)
    return text if apart is None else f"{text}, {apart.points[place]:.2f} % apart"


def mark_spot(canvas: np.ndarray, faces: list[Face], spot: Spot) -> None:
    """Circle the selected landmark.

    Args:
        canvas: ``(height, width, 3)`` uint8 BGR; written to.
        faces: faces with their landmarks in the canvas' pixels.
        spot: the selected landmark.
    """
    if (centre := _centre(faces, spot)) is not None:
        cv2.circle(canvas, centre, 7, (255, 255, 255), 1, cv2.LINE_AA)


def write_spot(canvas: np.ndarray, faces: list[Face], spot: Spot, text: str, letters: int) -> None:
    """Write a text beside the selected landmark, moved left of the right edge.

    Args:
        canvas: ``(height, width, 3)`` uint8 BGR; written to.
        faces: faces with their landmarks in the canvas' pixels.
        spot: the selected landmark.
        text: the text.
        letters: height of letters in pixels.
    """
    if (centre := _centre(faces, spot)) is not None:
        left = min(centre[0] + 12, canvas.shape[1] - size_of(text, letters)[0] - MARGIN_PX)
        _write(canvas, text, (max(MARGIN_PX, left), centre[1] - 12), (255, 255, 255), letters)


def _centre(faces: list[Face], spot: Spot) -> tuple[int, int] | None:
    for face in faces:
        if face.track_id == spot.track_id and spot.point < len(face.points_px):
            x, y = face.points_px[spot.point]
            return round(float(x)), round(float(y))
    return None
