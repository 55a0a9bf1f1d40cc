"""Effects of the mouse on the picture. All places are ``(2,)`` pixels of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from livefan.gui.player import Player
from livefan.live.paint_thread import Painted
from livefan.live.pane import Pane
from livefan.live.view_state import LARGEST_ZOOM, Layout, Spot

_GRIP_PX = 14
_CLICK_PX = 4


class PictureMouse:
    """Zooms and moves the picture, moves the edge of a wipe, and selects landmarks and faces.

    Args:
        player: its view is changed.
        painted: returns the picture on the screen, or None.
    """

    def __init__(self, player: Player, painted: Callable[[], Painted | None]) -> None:
        self._player = player
        self._painted = painted
        self._dragged: np.ndarray | None = None
        self._pressed: np.ndarray | None = None
        self._wiping = False

    def magnify(self, factor: float, about: np.ndarray | None = None) -> None:
        """Multiply the magnification; the image at a place, by default at the centre, does not move."""
        panes = self._panes
        pane = self._pane(about) if about is not None else next(iter(panes), None)
        if pane is None:
            return
        zoom = float(np.clip(self._zoom * factor, 1.0, LARGEST_ZOOM))
        factor = zoom / self._zoom
        middle = _middle(pane)
        place = middle if about is None else about
        kept = pane.to_image(*place)
        centre = kept + np.linalg.solve(pane.matrix[:, :2] * factor, middle - place)
        self._centre_on(pane, centre, zoom)

    def press(self, place: np.ndarray) -> None:
        """Start to drag the picture or the edge of the wipe."""
        self._dragged = self._pressed = place
        self._wiping = self._is_on_edge(place)

    def release(self, place: np.ndarray) -> None:
        """End dragging; a click on a face makes it the face of the close-up."""
        pressed = self._pressed
        if pressed is not None and not self._wiping and np.abs(place - pressed).sum() < _CLICK_PX:
            self._choose_face(place)
        self._dragged, self._pressed, self._wiping = None, None, False

    def move(self, place: np.ndarray) -> bool:
        """Drag, or mark the landmark under the pointer; return whether the pointer is on a wipe's edge."""
        if self._wiping:
            width = self._width
            self._player.change_view(wipe=float(np.clip(place[0] / max(1, width), 0.0, 1.0)))
            return True
        if self._dragged is not None:
            self._drag(self._dragged, place - self._dragged)
            self._dragged = place
            return False
        pane = self._pane(place)
        self._player.change_view(spot=self._spot_at(pane, place) if pane is not None else None)
        return self._is_on_edge(place)

    def _spot_at(self, pane: Pane, place: np.ndarray) -> Spot | None:
        """Return the landmark at a place of a pane; the second pane shows the second model."""
        spot = pane.spot_at(*place)
        side = next(number for number, each in enumerate(self._panes) if each is pane)
        return replace(spot, side=side) if spot is not None else None

    def _choose_face(self, place: np.ndarray) -> None:
        pane = self._pane(place)
        if pane is None or len(pane.result.faces) < 2:
            return
        x, y = pane.to_image(*place)
        for face in pane.result.faces:
            left, top, right, bottom = face.box_px
            if left <= x <= right and top <= y <= bottom:
                self._player.pictures.follow_face(face.track_id)
                return

    def _drag(self, start: np.ndarray, moved: np.ndarray) -> None:
        pane = self._pane(start)
        if pane is not None and self._zoom > 1:
            self._centre_on(pane, pane.to_image(*(_middle(pane) - moved)), self._zoom)

    def _centre_on(self, pane: Pane, centre_px: np.ndarray, zoom: float) -> None:
        height, width = pane.result.frame.image.shape[:2]
        share = np.clip((centre_px + 0.5) / (width, height), 0.0, 1.0)
        self._player.change_view(zoom=zoom, centre=(float(share[0]), float(share[1])), close_up=False)

    @property
    def _zoom(self) -> float:
        """The magnification on the screen; a close-up chooses its own."""
        view, painted = self._player.view, self._painted()
        return painted.view.zoom if painted is not None and view.close_up else view.zoom

    @property
    def _width(self) -> int:
        """Width of the picture on the screen in pixels."""
        painted = self._painted()
        return painted.picture.image.shape[1] if painted is not None else 1

    def _is_on_edge(self, place: np.ndarray) -> bool:
        painted = self._painted()
        if painted is None or painted.picture.layout is not Layout.WIPE:
            return False
        return bool(abs(place[0] - self._player.view.wipe * self._width) <= _GRIP_PX)

    @property
    def _panes(self) -> tuple[Pane, ...]:
        painted = self._painted()
        return painted.picture.panes if painted is not None else ()

    def _pane(self, place: np.ndarray) -> Pane | None:
        x, y = place
        for pane in self._panes:
            if pane.left <= x < pane.left + pane.width and pane.top <= y < pane.top + pane.height:
                return pane
        return None


def _middle(pane: Pane) -> np.ndarray:
    return np.array([pane.left + pane.width / 2, pane.top + pane.height / 2])
