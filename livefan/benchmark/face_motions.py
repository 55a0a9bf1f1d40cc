"""Scenes for the tracking benchmark: photographs of faces on a canvas, moved so that tracking is hard.

Lengths are in face sizes: the longer side of the landmarks' box, :data:`FACE_PX` pixels at scale 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

WIDTH, HEIGHT, FACE_PX = 640, 480, 150.0
FPS = 30.0
_REST = 0.4
"""Seconds at rest at the beginning of a scene; these frames do not count."""
_COUNTED_AFTER_EVENT = 6
"""Frames that count after a gap or a jump."""
_DROPPED = 0.3
_PERSON, _OTHER = 0, 1
"""The two people of a scene, before :func:`scenes` replaces them by photographs."""


@dataclass(frozen=True)
class Photograph:
    """A photograph with one face, ``image`` BGR, and ``(68, 2)`` landmarks ``points_px`` in its pixels."""

    image: np.ndarray
    points_px: np.ndarray


@dataclass(frozen=True)
class Placement:
    """Place of a face: ``(right, down)`` from the canvas centre, scale, and clockwise roll in radians."""

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    roll: float = 0.0


@dataclass(frozen=True)
class Shot:
    """One frame of a scene.

    Attributes:
        time: capture time in seconds from the beginning of the scene.
        placement: place of the face.
        person: number of the photograph; negative for an empty scene, of which ``-1 - person`` is the number.
        row: row of the table in which the frame counts; empty if it does not count.
    """

    time: float
    placement: Placement
    person: int = 0
    row: str = ""


def render(photograph: Photograph, placement: Placement) -> tuple[np.ndarray, np.ndarray]:
    """Return the ``(480, 640, 3)`` frame and the ``(68, 2)`` landmarks of a photograph in a place."""
    low, high = photograph.points_px.min(axis=0), photograph.points_px.max(axis=0)
    centre, scale = (low + high) / 2, placement.scale * FACE_PX / float((high - low).max())
    cos, sin = scale * np.cos(placement.roll), scale * np.sin(placement.roll)
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    middle = (np.array([WIDTH, HEIGHT]) - 1) / 2 + FACE_PX * np.array(placement.shift)
    matrix[:, 2] = middle - matrix[:, :2] @ centre
    frame = cv2.warpAffine(
        photograph.image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return frame, photograph.points_px @ matrix[:, :2].T + matrix[:, 2]


def empty_scene(number: int) -> np.ndarray:
    """Return a ``(480, 640, 3)`` uint8 frame without a face: one of six kinds of patterns."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    waves = np.sin(columns / rng.uniform(5, 40) + rows / rng.uniform(5, 40))
    coarse = rng.uniform(0, 255, (12, 16, 3)).astype(np.float32)
    grey = (
        np.full((HEIGHT, WIDTH), 90.0, np.float32),
        rng.uniform(0, 255, (HEIGHT, WIDTH)).astype(np.float32),
        columns * 255 / WIDTH,
        255.0 * ((columns // 40 + rows // 40) % 2),
        127 + 120 * waves,
    )
    if number % 6 < 5:
        return cv2.cvtColor(grey[number % 6].astype(np.uint8), cv2.COLOR_GRAY2BGR)
    blobs = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.clip(blobs, 0, 255).astype(np.uint8)


def scenes(person: int, other: int) -> Iterator[list[Shot]]:
    """Yield all scenes of a person; ``other`` is the person after a cut."""
    rng = np.random.default_rng(person)
    for shots in (
        *(_gaps(rng), _nod(rng, dropped=0.0), _nod(rng, dropped=_DROPPED)),
        *(_jumps(rng), _sizes(), _cuts(), _emptied(person)),
    ):
        people = {_PERSON: person, _OTHER: other}
        yield [replace(shot, person=people.get(shot.person, shot.person)) for shot in shots]


def _still(
    start: float, placement: Placement, n_frames: int, row: str = "", person: int = _PERSON
) -> list[Shot]:
    return [Shot(start + number / FPS, placement, person, row) for number in range(n_frames)]


def _gaps(rng: np.random.Generator) -> list[Shot]:
    """The face is somewhere else, in another size and angle, after 0.4 to 3 seconds without frames."""
    shots: list[Shot] = []
    time = 0.0
    for _ in range(8):
        place = Placement(
            (rng.uniform(-0.6, 0.6), rng.uniform(-0.4, 0.4)), rng.uniform(0.75, 1.3), rng.uniform(-0.25, 0.25)
        )
        shots += _still(time, place, _COUNTED_AFTER_EVENT, "gap" if shots else "")
        time += _COUNTED_AFTER_EVENT / FPS + rng.uniform(0.4, 3.0)
    return shots


def _nod(rng: np.random.Generator, dropped: float) -> list[Shot]:
    """Rest, two seconds of nodding at 2 Hz by 0.26 face sizes, rest; some frames are dropped."""
    name = "nod, 30 % dropped" if dropped else "nod"
    shots: list[Shot] = []
    for number in range(round((_REST + 3.0) * FPS)):
        time = number / FPS - _REST
        moves = 0.0 <= time < 2.0
        down = 0.26 * np.sin(2 * np.pi * 2.0 * time) if moves else 0.0
        row = "" if time < 0 else name if moves else f"rest after {name}"
        if rng.random() >= dropped:
            shots.append(Shot(number / FPS, Placement((0.0, down)), row=row))
    return shots


def _jumps(rng: np.random.Generator) -> list[Shot]:
    """The face jumps by half its size in any direction; the first frame after a jump has a row of its own."""
    shots, place = _still(0.0, Placement(), 10), np.zeros(2)
    for _ in range(8):
        angle = rng.uniform(0, 2 * np.pi)
        step = 0.5 * np.array([np.cos(angle), np.sin(angle)])
        place = place + step if np.abs(place + step).max() < 0.7 else place - step
        shift = float(place[0]), float(place[1])
        shots += _still(len(shots) / FPS, Placement(shift), 1, "first frame after a jump")
        shots += _still(len(shots) / FPS, Placement(shift), _COUNTED_AFTER_EVENT, "after a jump")
    return shots


def _sizes() -> list[Shot]:
    """The face grows and shrinks by a factor of 2.5 within half a second; then its size changes at once."""
    shots = _still(0.0, Placement(), 10)
    for number in range(60):
        scale = 2.5 ** (0.5 * np.sin(2 * np.pi * number / 30))
        shots.append(Shot(len(shots) / FPS, Placement(scale=scale), row="size"))
    for scale in (1.6, 0.8, 1.5, 1.0):
        shots += _still(len(shots) / FPS, Placement(scale=scale), 5, "size")
    return shots


def _cuts() -> list[Shot]:
    """Cuts between two people, in other places and sizes."""
    places = {_PERSON: Placement((-0.25, 0.0)), _OTHER: Placement((0.2, 0.1), 1.15)}
    shots = _still(0.0, places[_PERSON], 10)
    for cut in range(5):
        person = (_OTHER, _PERSON)[cut % 2]
        shots += _still(len(shots) / FPS, places[person], 10, "cut", person)
    return shots


def _emptied(seed: int) -> list[Shot]:
    """A face, then scenes without one, then the face again."""
    shots = _still(0.0, Placement(), 10)
    for number in range(6):
        shots += _still(len(shots) / FPS, Placement(), 4, "empty", -1 - number - 6 * seed)
    return shots + _still(len(shots) / FPS, Placement(), 5, "after empty")
