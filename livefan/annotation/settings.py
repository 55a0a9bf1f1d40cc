"""The settings of an annotation."""

from __future__ import annotations

from dataclasses import dataclass, field

from livefan.annotation.codecs import VideoFormat
from livefan.core.resources import DEFAULT_WEIGHTS
from livefan.drawing.faces import OverlayStyle
from livefan.runtimes.base import RuntimeChoice
from livefan.tracking.kalman import DEFAULT_STRENGTH


@dataclass(frozen=True)
class AnnotationSettings:
    """The settings of an annotation.

    Attributes:
        weights: weight file of the network, a path or the name of a bundled one.
        runtime: runtime, precision and threads.
        smoothing: strength of the smoothing, from 0 (none) to 1.
        max_faces: largest number of faces that are tracked at a time.
        longest_gap: gaps up to this many seconds are filled.
        sequence: whether a folder of images holds the frames of one recording, in the order of their names,
            rather than independent photographs.
        style: parts of the overlay that are drawn.
        video: codec and quality of the video.
        measures: further measures in the data, keys of :data:`livefan.formats.columns.MEASURES`.
        neutral: take the first second of each face for its neutral expression, and measure expressions from
            it; no effect on photographs.
    """

    weights: str = DEFAULT_WEIGHTS
    runtime: RuntimeChoice = field(default_factory=RuntimeChoice)
    smoothing: float = DEFAULT_STRENGTH
    max_faces: int = 5
    longest_gap: float = 0.5
    sequence: bool = False
    style: OverlayStyle = field(default_factory=OverlayStyle)
    video: VideoFormat = field(default_factory=VideoFormat)
    measures: tuple[str, ...] = ()
    neutral: bool = False
