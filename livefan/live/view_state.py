"""View of a live session: layout, overlay, zoom and selected landmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from livefan.drawing.faces import OverlayStyle

LARGEST_ZOOM = 40.0


class Layout(StrEnum):
    """Arrangement of two models in the picture; always ``SINGLE`` with one model."""

    SINGLE = "single"
    SIDE_BY_SIDE = "side-by-side"
    OVERLAID = "overlaid"
    WIPE = "wipe"
    DIFFERENCE = "difference"


@dataclass(frozen=True)
class Spot:
    """The selected landmark of a face.

    Attributes:
        track_id: id of the face by the model of ``side``.
        point: index of the landmark.
        side: 0 for the first model, 1 for the second.
    """

    track_id: int
    point: int
    side: int = 0


@dataclass(frozen=True)
class View:
    """View of a session.

    Attributes:
        layout: see :class:`Layout`.
        style: parts and colours of the overlay.
        overlay: whether faces are drawn.
        mirror: whether the image is mirrored; text stays readable.
        wipe: boundary between the first and the second model, as a share of the width.
        zoom: magnification of the image that fits the pane, from 1.
        centre: image position at the centre of the pane, as shares of the image's width and height.
        close_up: follow a face and show it large; ``zoom`` and ``centre`` are ignored; see
            :class:`livefan.live.close_up.CloseUp`.
        heatmaps: whether the heatmaps of a result are drawn.
        spot: selected landmark; its number, and of the heatmaps its own, are drawn.
        letters: factor of the size of letters, for screens of high resolution.
    """

    layout: Layout = Layout.SINGLE
    style: OverlayStyle = field(default_factory=OverlayStyle)
    overlay: bool = True
    mirror: bool = False
    wipe: float = 0.5
    zoom: float = 1.0
    centre: tuple[float, float] = (0.5, 0.5)
    close_up: bool = False
    heatmaps: bool = False
    spot: Spot | None = None
    letters: float = 1.0
