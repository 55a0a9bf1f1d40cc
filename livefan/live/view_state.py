"""live.view_state."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from livefan.drawing.faces import OverlayStyle

LARGEST_ZOOM = 40.0


class Layout(StrEnum):
    """How two models are shown; with one model it is always ``SINGLE``."""

    SINGLE = "single"
    SIDE_BY_SIDE = "side-by-side"
    OVERLAID = "overlaid"
    WIPE = "wipe"
    DIFFERENCE = "difference"


@dataclass(frozen=True)
class Spot:
    """A landmark of a face, as pointed at."""

    track_id: int
    point: int


@dataclass(frozen=True)
class View:
    """How to look at a session.

    Attributes:
        layout: see :class:`Layout`.
        style: what is drawn of each face.
        overlay: whether anything is drawn at all.
        mirror: left and right changed, as in a mirror; what is written stays readable.
        wipe: where the first model ends and the second begins, as a share of the width.
        zoom: magnification over what fits the pane, from 1.
        centre: what is at the centre of the pane, as shares of the image's width and height.
        close_up: follow a face and show it large, whatever ``zoom`` and ``centre`` are; see
            :class:`livefan.live.close_up.CloseUp`.
        heatmaps: draw the heatmaps that a result carries.
        spot: draw the heatmap of this landmark alone, and its number.
        letters: how large letters are, over the usual, as on a screen of high resolution.
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
