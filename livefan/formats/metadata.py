"""What the data of an annotation says of itself, in a file beside it: whence, by what, in which units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from livefan.core.landmarks import LandmarkScheme, scheme_by_name
from livefan.networks.checkpoint_info import WeightFile

UNITS = {
    "pts": "presentation timestamp in units of time_base, exact",
    "time_s": "seconds: pts x time_base",
    "damage": "empty, 'gap' (frames lost right before this one) or 'errors' (shown with errors)",
    "track_id": "the same number for the same face over the recording, from 1; empty on frames without one",
    "found": "'forwards' (followed as the recording runs), 'backwards' (followed back from where it was "
    "found later) or 'filled' (not seen on this frame, put between its neighbours in time)",
    "points": "image pixels, pixel centres at integers, origin at the centre of the top left pixel of the "
    "upright picture; raw as measured, else smoothed",
    "left, top, right, bottom": "image pixels, bounds of the landmarks",
    "confidence": "in [0, 1], for each landmark; 0 where filled",
    "yaw_deg, pitch_deg, roll_deg": "degrees; positive where the nose points to the right of the picture, "
    "where it points up, where the head leans clockwise on the screen",
    "x_mm, y_mm, z_mm": "millimetres from the camera to the point between the eyes: right, down, away; for a "
    "face with 90 mm between the outer eye corners and a focal length of the picture's longer side",
    "pose_residual_px": "pixels (their height where they are not square), root mean square distance from "
    "the generic face",
    "right_eye_opening, left_eye_opening, mouth_opening": "height over width as shown, 0 is shut; shut eyes "
    "are measured at 0.1 to 0.18, open ones at 0.2 to 0.5; left and right are the subject's",
}


@dataclass(frozen=True)
class Model:
    """What measured the landmarks.

    Attributes:
        weights: name of the weight file.
        sha256: of its content.
        architecture: of the network.
        runtime: what ran it.
    """

    weights: str
    sha256: str
    architecture: str
    runtime: str

    @classmethod
    def of(cls, file: WeightFile, runtime: str) -> Model:
        """A weight file, and what ran it."""
        architecture = f"{file.info.architecture} {file.info.width:g}"
        return cls(file.path.stem, file.sha256, architecture, runtime)


@dataclass(frozen=True)
class Header:
    """What is said of an annotation beside its data.

    Attributes:
        livefan: version that made it.
        recording: name of the recording.
        width, height: of the first frame in pixels, upright.
        fps: average frames a second, where known.
        time_base: seconds a unit of ``pts``.
        clock_start: seconds on the recording's own clock at which ``pts`` is 0.
        scheme: of the landmarks.
        model: what measured them.
        smoothing: how they were smoothed, and by which numbers.
        longest_gap_s: up to which length gaps were filled.
    """

    livefan: str
    recording: str
    width: int
    height: int
    fps: float | None
    time_base: Fraction
    clock_start: Fraction
    scheme: str
    model: Model
    smoothing: Mapping[str, Any]
    longest_gap_s: float
    units: Mapping[str, str] = field(default_factory=lambda: UNITS)

    @property
    def landmark_scheme(self) -> LandmarkScheme:
        """The scheme that :attr:`scheme` names."""
        return scheme_by_name(self.scheme)

    def seconds(self, tick: int) -> float:
        """A presentation timestamp in seconds."""
        return float(tick * self.time_base)

    def as_json(self) -> dict[str, Any]:
        """It as JSON can hold it."""
        return {
            **asdict(self),
            "time_base": str(self.time_base),
            "clock_start": str(self.clock_start),
            "landmarks": list(self.landmark_scheme.point_names),
        }

    def write(self, path: Path, **further: Any) -> None:
        """Write it as JSON, with what else is to be said."""
        path.write_text(json.dumps({**self.as_json(), **further}, indent=1) + "\n", encoding="utf-8")
