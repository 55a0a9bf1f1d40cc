"""Real-time face landmarks with MobileFAN.

The names below are imported when first used, so that ``import livefan`` and the command line's
``--help`` answer at once.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from livefan.core.version import __version__ as __version__

logging.getLogger(__name__).addHandler(logging.NullHandler())  # the host decides where the log goes

if TYPE_CHECKING:
    from livefan.core.errors import LivefanError as LivefanError
    from livefan.core.frame import Face as Face
    from livefan.core.frame import Frame as Frame
    from livefan.core.landmarks import SCHEMES as SCHEMES
    from livefan.drawing.faces import OverlayStyle as OverlayStyle
    from livefan.drawing.faces import draw_faces as draw_faces
    from livefan.formats.reader import load_annotations as load_annotations
    from livefan.io.capture_thread import CaptureThread as CaptureThread
    from livefan.io.open import open_source as open_source
    from livefan.networks.checkpoint import load_weights as load_weights
    from livefan.tracking.pipeline import Pipeline as Pipeline

_HOMES = {
    "open_source": "io.open",
    "CaptureThread": "io.capture_thread",
    "LivefanError": "core.errors",
    "Face": "core.frame",
    "Frame": "core.frame",
    "OverlayStyle": "drawing.faces",
    "draw_faces": "drawing.faces",
    "Pipeline": "tracking.pipeline",
    "SCHEMES": "core.landmarks",
    "load_annotations": "formats.reader",
    "load_weights": "networks.checkpoint",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'livefan' has no attribute {name!r}")
    return getattr(import_module(f"livefan.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
