"""The metadata of an annotation: schema version, recording, model, settings and units.

``NAME.livefan.json`` beside the data holds them. Parquet and COCO files hold them too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme, scheme_by_name
from livefan.networks.checkpoint_info import WeightFile

SCHEMA_VERSION = 4
"""Version of the columns and of the metadata; see :mod:`livefan.formats.columns` for its history."""
METADATA_SUFFIX = ".livefan.json"

UNITS = {
    "recording": "name of the recording",
    "image": "file name of the image; empty for a frame of a video",
    "frame": "number of the frame, from 0",
    "pts": "presentation timestamp in units of time_base, exact",
    "time_s": "seconds: pts x time_base",
    "damage": "empty, 'gap' (frames are missing before this one) or 'errors' (the picture was decoded with "
    "errors)",
    "frame_width, frame_height": "size of the upright picture in pixels",
    "track_id": "the same number for the same face over the recording, from 1; empty where there is no face",
    "found": "'forwards' (tracked forwards in time), 'backwards' (tracked back from a later detection), "
    "'filled' (not measured on this frame, interpolated in time) or 'unsure' (may be in a wrong place)",
    "points": "image pixels; pixel centres at integers, origin at the centre of the top left pixel of "
    "the upright picture; raw as measured, else smoothed",
    "left, top, right, bottom": "image pixels, bounds of the landmarks",
    "confidence": "probability that the landmark is within 5 % of the size of the face of its place; 0 where "
    "filled; empty if the model gives none",
    "yaw_deg, pitch_deg, roll_deg": "degrees; positive where the nose points to the right of the picture, "
    "where the nose points up, where the head leans clockwise on the screen",
    "x_mm, y_mm, z_mm": "millimetres from the camera to the point between the eyes: right, down, away; for a "
    "face with 90 mm between the outer eye corners and a focal length of the picture's longer side",
    "pose_residual_px": "pixels (of their height if they are not square), root mean square distance between "
    "the landmarks and the projected generic face",
    "right_eye_opening, left_eye_opening, mouth_opening": "aspect ratio (height over width as displayed); 0 "
    "is closed; closed eyes measure 0.1 to 0.18, open eyes 0.2 to 0.5; left and right are the subject's",
    "browDownLeft to noseSneerRight": "expression coefficients in [0, 1], named as in ARKit; left and right "
    "are the subject's; without cheekPuff and tongueOut",
    "right_iris_x to left_iris_y": "image pixels, centres of the irises",
    "right_gaze_yaw_deg to left_gaze_pitch_deg": "degrees in the axes of the camera; positive where the eye "
    "looks to the right of the picture, and where it looks up",
    "blink_start_s, blink_duration_s": "seconds, the start on the clock of time_s; the same for all frames "
    "of a blink, empty between blinks; a closure of more than a second is no blink",
    "blink_right_depth, blink_left_depth": "largest eyeBlinkRight and eyeBlinkLeft during the blink, in "
    "[0, 1]; not measured from the neutral face",
    "presence": "probability that there is a face, in [0, 1]; empty where filled",
    "LANDMARK_occluded": "probability that a hand, hair or an object covers the landmark, in [0, 1]; empty "
    "where filled",
}


@dataclass(frozen=True)
class ModelInfo:
    """The network that measured the landmarks.

    Attributes:
        weights: name of the weight file.
        sha256: hash of the weight file.
        architecture: architecture and width of the network; of a model of another project its program.
        runtime: runtime and precision.
    """

    weights: str
    sha256: str
    architecture: str
    runtime: str

    @classmethod
    def of(cls, file: WeightFile, runtime: str) -> ModelInfo:
        """Describe a weight file and the runtime that executes it."""
        architecture = f"{file.info.architecture} {file.info.width:g}"
        return cls(file.path.stem, file.sha256, architecture, runtime)


@dataclass(frozen=True)
class Metadata:
    """The metadata of one annotation.

    Attributes:
        livefan: version of livefan that wrote the annotation.
        recording: name of the recording; see :func:`recording_name`.
        width, height: size of the first upright frame in pixels.
        fps: mean frame rate in frames per second, if known.
        time_base: seconds per unit of ``pts``.
        clock_start: seconds on the recording's own clock at which ``pts`` is 0.
        scheme: name of the landmark scheme.
        model: the network.
        smoothing: method and parameters of the smoothing.
        longest_gap_s: gaps up to this many seconds are filled.
        schema_version: see :data:`SCHEMA_VERSION`.
        fps_assumed: whether the times of the frames are assumed, because the recording states none.
        photographs: whether the frames are independent photographs, each with faces of its own.
        measures: further measures in the data, keys of :data:`livefan.formats.columns.MEASURES`.
        neutral: whether expressions are measured from the neutral expression of each face: that of its first
            second, or in a live recording of a second that the user chose.
    """

    livefan: str
    recording: str
    width: int
    height: int
    fps: float | None
    time_base: Fraction
    clock_start: Fraction
    scheme: str
    model: ModelInfo
    smoothing: Mapping[str, Any]
    longest_gap_s: float
    units: Mapping[str, str] = field(default_factory=lambda: UNITS)
    schema_version: int = SCHEMA_VERSION
    fps_assumed: bool = False
    photographs: bool = False
    measures: tuple[str, ...] = ()
    neutral: bool = False

    @property
    def landmark_scheme(self) -> LandmarkScheme:
        """The scheme that :attr:`scheme` names."""
        return scheme_by_name(self.scheme)

    def seconds(self, pts: int) -> float:
        """Convert a presentation timestamp to seconds."""
        return float(pts * self.time_base)

    def as_json(self) -> dict[str, Any]:
        """Return the metadata as values that JSON can hold, the schema version first."""
        return {
            "schema_version": self.schema_version,
            **asdict(self),
            "time_base": str(self.time_base),
            "clock_start": str(self.clock_start),
            "landmarks": list(self.landmark_scheme.point_names),
        }

    def write(self, path: Path, **further: Any) -> None:
        """Write the metadata and further entries as a JSON file."""
        path.write_text(json.dumps({**self.as_json(), **further}, indent=1) + "\n", encoding="utf-8")


def recording_name(path: str | Path) -> str:
    """Return the file name of a recording; bytes that are not UTF-8 become question marks."""
    return Path(path).name.encode("utf-8", "replace").decode("utf-8")


def metadata_path(path: Path, suffix: str) -> Path:
    """Return the path of the metadata of a data file that ends in ``suffix``."""
    return path.with_name(path.name[: -len(suffix)] + METADATA_SUFFIX)


def read_metadata(path: Path, suffix: str) -> dict[str, Any]:
    """Return the metadata beside a data file that ends in ``suffix``.

    Raises:
        LivefanError: if the metadata file does not exist or has a newer schema.
    """
    beside = metadata_path(path, suffix)
    if not beside.is_file():
        raise LivefanError(
            f"{beside}: missing; it describes the columns of {path.name}; put it beside that file"
        )
    values = dict(json.loads(beside.read_text(encoding="utf-8")))
    check_schema_version(values, path)
    return values


def check_schema_version(values: Mapping[str, Any], path: Path) -> None:
    """Raise LivefanError if metadata have a newer schema than this livefan reads.

    Files of schema version 1 have no ``schema_version``.
    """
    version = values.get("schema_version", 1)
    if version > SCHEMA_VERSION:
        raise LivefanError(
            f"{path}: has schema version {version}, this livefan reads up to {SCHEMA_VERSION}; update livefan"
        )
