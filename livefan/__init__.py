"""Real-time face landmarks with MobileFAN.

Examples:
    Print the landmarks of every face of a recording:

    >>> import livefan
    >>> with livefan.Pipeline() as pipeline, livefan.open_source("clip.mp4") as source:
    ...     for frame in source:
    ...         for face in pipeline.process(frame):
    ...             print(frame.index, face.track_id, face.points_px.shape)
    0 1 (68, 2)
    1 1 (68, 2)
    2 1 (68, 2)
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from livefan.core.version import __version__

logging.getLogger(__name__).addHandler(logging.NullHandler())  # the host decides where the log goes

if TYPE_CHECKING:
    from livefan.core.errors import LivefanError
    from livefan.core.frame import Face, Frame
    from livefan.core.landmarks import SCHEMES
    from livefan.drawing.faces import OverlayStyle, draw_faces
    from livefan.formats.reader import load_annotations
    from livefan.io.capture_thread import CaptureThread
    from livefan.io.open import open_source
    from livefan.networks.checkpoint import load_weights
    from livefan.tracking.pipeline import Pipeline

__all__ = [
    "SCHEMES",
    "CaptureThread",
    "Face",
    "Frame",
    "LivefanError",
    "OverlayStyle",
    "Pipeline",
    "__version__",
    "draw_faces",
    "load_annotations",
    "load_weights",
    "open_source",
]

_MODULES = {
    "CaptureThread": "io.capture_thread",
    "Face": "core.frame",
    "Frame": "core.frame",
    "LivefanError": "core.errors",
    "OverlayStyle": "drawing.faces",
    "Pipeline": "tracking.pipeline",
    "SCHEMES": "core.landmarks",
    "draw_faces": "drawing.faces",
    "load_annotations": "formats.reader",
    "load_weights": "networks.checkpoint",
    "open_source": "io.open",
}
"""The module of each public name, imported on first use so that ``import livefan`` is fast."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'livefan' has no attribute {name!r}")
    return getattr(import_module(f"livefan.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
