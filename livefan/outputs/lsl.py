"""``lsl://NAME``: an outlet of the Lab Streaming Layer, for laboratories (https://labstreaminglayer.org).

The stream has the type ``Face``, an irregular rate and float32 channels. The description holds label, unit
and type of each channel. Each frame gives one sample, with the time of capture on LSL's clock. A frame
without a face gives NaN, with ``face`` 0. LSL announces the stream on the local network.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from livefan.core.landmarks import LandmarkScheme
from livefan.measures.expressions import NAMES
from livefan.outputs.address import Address
from livefan.outputs.base import Output
from livefan.outputs.coefficients import coefficients
from livefan.outputs.frame_result import FrameResult, MeasuredFace
from livefan.outputs.missing import missing_library

_DEFAULT_NAME = "livefan"
_EYES = ("right_eye", "left_eye")


def clock_offset(other_clock: Callable[[], float]) -> float:
    """Return the seconds that another clock is ahead of :func:`time.perf_counter`.

    Of three comparisons the shortest counts: a thread that is interrupted between both clocks is wrong by
    the length of the interruption.
    """
    compared = []
    for _ in range(3):
        before, other, after = time.perf_counter(), other_clock(), time.perf_counter()
        compared.append((after - before, other - (before + after) / 2))
    return min(compared)[1]


class Channel(NamedTuple):
    """Label, unit and type of a channel, in the words of LSL's description."""

    label: str
    unit: str
    type: str


_CONFIGURATIONS = ("lsl_api.cfg", "~/lsl_api/lsl_api.cfg", "/etc/lsl_api/lsl_api.cfg")
"""Places where LSL looks for a configuration, after the variable LSLAPICFG."""


def _silence(library: Any) -> None:
    """Let LSL print warnings and errors alone, unless the user has configured it."""
    configured = os.environ.get("LSLAPICFG") or any(
        Path(each).expanduser().is_file() for each in _CONFIGURATIONS
    )
    if not configured and hasattr(library, "set_config_content"):
        library.set_config_content("[log]\nlevel = -1\n")


def channels(scheme: LandmarkScheme) -> list[Channel]:
    """Return the channels of a stream, in order. Left and right are the person's."""
    named = [
        Channel("face", "none", "ID"),
        *(Channel(f"box_{side}", "pixels", "Box") for side in ("left", "top", "right", "bottom")),
        *(Channel(angle, "degrees", "HeadPose") for angle in ("yaw", "pitch", "roll")),
        *(Channel(axis, "millimeters", "HeadPose") for axis in ("x", "y", "z")),
        *(
            Channel(f"{part}_aspect_ratio", "ratio", "AspectRatio")
            for part in ("right_eye", "left_eye", "mouth")
        ),
    ]
    named += [
        Channel(f"{eye}_gaze_{angle}", "degrees", "Gaze") for eye in _EYES for angle in ("yaw", "pitch")
    ]
    named += [
        Channel(f"{eye.replace('eye', 'pupil')}_{axis}", "pixels", "Pupil") for eye in _EYES for axis in "xy"
    ]
    named += [Channel(name, "normalized", "Expression") for name in NAMES]
    for point in scheme.point_names:
        named += [Channel(f"{point}_{axis}", "pixels", "Landmark") for axis in "xy"]
    return named + [
        Channel(f"{point}_confidence", "normalized", "Confidence") for point in scheme.point_names
    ]


def sample(measured: MeasuredFace | None, scheme: LandmarkScheme) -> list[float]:
    """Return the values of the channels for a face; NaN without one."""
    if measured is None:
        return [0.0] + [float("nan")] * (len(channels(scheme)) - 1)
    face, pose, ratios, gaze = measured.face, measured.pose, measured.ratios, measured.gaze
    unknown = float("nan")
    directions = (
        [unknown] * 4 if gaze is None else [gaze.right_yaw, gaze.right_pitch, gaze.left_yaw, gaze.left_pitch]
    )
    values = coefficients(measured)
    return [
        float(face.track_id),
        *face.box_px.tolist(),
        *(pose.yaw, pose.pitch, pose.roll, *pose.translation_mm),
        *(ratios.right_eye, ratios.left_eye, ratios.mouth),
        *directions,
        *([unknown] * 4 if measured.pupils_px is None else measured.pupils_px.ravel().tolist()),
        *(values.get(name, unknown) for name in NAMES),
        *np.asarray(face.points_px, np.float64).ravel().tolist(),
        *face.confidence.tolist(),
    ]


class LslOutput(Output):
    """Sends the face with the lowest id."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        try:
            import pylsl
        except (ImportError, OSError, RuntimeError) as error:  # the last: its native library is missing
            raise missing_library(address, "pylsl") from error
        self._library: Any = pylsl
        _silence(pylsl)
        self._outlet: Any = None
        self._scheme: LandmarkScheme | None = None

    def open(self) -> None:
        """See :meth:`livefan.outputs.base.Output.open`; the scheme tells the channels."""

    def prepare(self, scheme: LandmarkScheme) -> None:
        """Announce the stream, so that inlets can connect before the first frame."""
        if self._scheme != scheme:
            self._outlet = self._new_outlet(scheme)
            self._scheme = scheme

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        self.prepare(result.scheme)
        captured_at = result.frame.captured_at + clock_offset(self._library.local_clock)
        self._outlet.push_sample(sample(result.first, result.scheme), captured_at)
        return 1

    def close(self) -> None:
        """See :meth:`livefan.outputs.base.Output.close`."""
        self._outlet = self._scheme = None

    def _new_outlet(self, scheme: LandmarkScheme) -> Any:
        name = self.address.name or _DEFAULT_NAME
        listed = channels(scheme)
        library = self._library
        info = library.StreamInfo(
            name,
            "Face",
            len(listed),
            library.IRREGULAR_RATE,
            library.cf_float32,
            f"livefan:{name}:{platform.node()}",  # by which an inlet finds the stream again
        )
        description = info.desc()
        description.append_child_value("manufacturer", "livefan")
        description.append_child_value("scheme", scheme.name)
        parent = description.append_child("channels")
        for channel in listed:
            child = parent.append_child("channel")
            for field, value in channel._asdict().items():
                child.append_child_value(field, value)
        return library.StreamOutlet(info)
