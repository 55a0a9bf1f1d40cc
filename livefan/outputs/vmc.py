"""``vmc://HOST:PORT``: the VMC protocol over OSC, as avatar programs receive it (https://protocol.vmc.info).

One OSC bundle a frame holds, in this order: ``/VMC/Ext/OK``, ``/VMC/Ext/T``, the rotations of neck, head and,
while the gaze is known, eyes, every coefficient and preset as ``/VMC/Ext/Blend/Val``, and
``/VMC/Ext/Blend/Apply``.

Rotations are in Unity's left-handed axes of the avatar: x to its right, y up, z forwards. These are livefan's
axes of the head with all three signs changed, which leaves the numbers of a rotation matrix as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from livefan.core.face_measures import Gaze, HeadPose
from livefan.measures.gaze import rotation
from livefan.outputs.address import Address
from livefan.outputs.coefficients import coefficients
from livefan.outputs.frame_result import FrameResult, MeasuredFace
from livefan.outputs.missing import missing_library
from livefan.outputs.rotation import quaternion, root_of
from livefan.outputs.udp import UdpOutput
from livefan.outputs.vrm_presets import preset_values

_NECK_SHARE = 0.4
"""Share of the head's rotation that the neck takes; the head, which is local to the neck, takes the rest."""

_SETS = frozenset({"arkit", "presets"})
"""Options that choose a set of names."""


class VmcOutput(UdpOutput):
    """Sends the face with the lowest id; without a face, ``/VMC/Ext/OK`` and the time alone."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        try:
            from pythonosc.parsing import osc_types
        except ImportError as error:
            raise missing_library(address, "python-osc") from error
        # The builders of python-osc parse each message that they write, which takes most of their time.
        self._osc: Any = osc_types
        self._writers: dict[str, Callable[[Any], bytes]] = {
            "i": osc_types.write_int,
            "f": osc_types.write_float,
            "s": osc_types.write_string,
        }
        self._started_at: float | None = None

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        captured_at = result.frame.captured_at
        if self._started_at is None:
            self._started_at = captured_at
        osc = self._osc
        parts = [osc.write_string("#bundle"), osc.write_date(osc.IMMEDIATELY)]
        parts.append(self._message("/VMC/Ext/OK", "i", 1))
        parts.append(self._message("/VMC/Ext/T", "f", captured_at - self._started_at))
        if result.first is not None:
            parts += self._of_face(result.first)
        return self.send_datagram(b"".join(parts))

    def _of_face(self, measured: MeasuredFace) -> Iterator[bytes]:
        for bone, turn in _bones(measured.pose, measured.gaze):
            yield self._message("/VMC/Ext/Bone/Pos", "sfffffff", bone, 0.0, 0.0, 0.0, *turn.tolist())
        for name, value in self._blend_values(measured).items():
            yield self._message("/VMC/Ext/Blend/Val", "sf", name, value)
        yield self._message("/VMC/Ext/Blend/Apply", "")

    def _blend_values(self, measured: MeasuredFace) -> dict[str, float]:
        """Return coefficients and presets; the options ``arkit`` and ``presets`` choose one of the two.

        Names are those of VRM 0, or with the option ``vrm1`` of VRM 1. Both together would collide where a
        receiver ignores the case of names.
        """
        values, options = coefficients(measured), self.address.options
        vrm1 = "vrm1" in options
        chosen = options & _SETS or _SETS
        arkit = {name if vrm1 else _capitalised(name): value for name, value in values.items()}
        presets = preset_values(values, vrm1=vrm1)
        return {**(arkit if "arkit" in chosen else {}), **(presets if "presets" in chosen else {})}

    def _message(self, address: str, types: str, *values: Any) -> bytes:
        """Return an OSC message with its length, as a bundle holds it; each type is one letter."""
        osc = self._osc
        written = (self._writers[each](value) for each, value in zip(types, values, strict=True))
        message = osc.write_string(address) + osc.write_string("," + types) + b"".join(written)
        length: bytes = osc.write_int(len(message))
        return length + message


def _bones(pose: HeadPose, gaze: Gaze | None) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the quaternion ``(x, y, z, w)`` of each known bone, local to its parent: neck, head, and eyes."""
    if math.isnan(pose.yaw):
        return
    head = rotation(pose)
    turn = quaternion(head)
    yield "Neck", root_of(turn, _NECK_SHARE)
    yield "Head", root_of(turn, 1 - _NECK_SHARE)
    if gaze is not None:
        yield "LeftEye", _eye(head, gaze.left_yaw, gaze.left_pitch)
        yield "RightEye", _eye(head, gaze.right_yaw, gaze.right_pitch)


def _eye(head: np.ndarray, yaw: float, pitch: float) -> np.ndarray:
    """Return the quaternion of an eye in the axes of the avatar's head.

    Args:
        head: ``(3, 3)`` rotation of the head to the camera.
        yaw, pitch: direction of the eye in the axes of the camera, see :class:`Gaze`.
    """
    across, up = math.radians(yaw), math.radians(pitch)
    direction = (math.sin(across) * math.cos(up), -math.sin(up), -math.cos(across) * math.cos(up))
    x, y, z = (-head.T @ direction).tolist()
    about_y, about_x = math.atan2(x, z) / 2, -math.asin(max(-1.0, min(1.0, y))) / 2
    return np.array(
        [
            math.cos(about_y) * math.sin(about_x),
            math.sin(about_y) * math.cos(about_x),
            -math.sin(about_y) * math.sin(about_x),
            math.cos(about_y) * math.cos(about_x),
        ]
    )


def _capitalised(name: str) -> str:
    """Return ARKit's name of a coefficient as Unity's ``ARKitBlendShapeLocation`` spells it: ``JawOpen``."""
    return name[0].upper() + name[1:]
