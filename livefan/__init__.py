"""Real-time face landmarks with MobileFAN.

The names below are imported when first used, so that ``import livefan`` and the command line's
``--help`` answer at once.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# The matrices here are as small as a face's landmarks. numpy's threads gain nothing on them, but would spin
# on a second core while they wait for the next one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from livefan.annotation.reader import load_annotations as load_annotations
    from livefan.capture import CaptureThread as CaptureThread
    from livefan.capture import open_source as open_source
    from livefan.errors import LivefanError as LivefanError
    from livefan.frame import Face as Face
    from livefan.frame import Frame as Frame
    from livefan.overlay import OverlayStyle as OverlayStyle
    from livefan.overlay import draw_faces as draw_faces
    from livefan.pipeline import Pipeline as Pipeline
    from livefan.scheme import SCHEMES as SCHEMES
    from livefan.weights import load_weights as load_weights

__version__ = "0.1.0"

_HOMES = {
    "open_source": "capture",
    "CaptureThread": "capture",
    "LivefanError": "errors",
    "Face": "frame",
    "Frame": "frame",
    "OverlayStyle": "overlay",
    "draw_faces": "overlay",
    "Pipeline": "pipeline",
    "SCHEMES": "scheme",
    "load_annotations": "annotation.reader",
    "load_weights": "weights",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'livefan' has no attribute {name!r}")
    return getattr(import_module(f"livefan.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
