"""``vmc://HOST:PORT``: the VMC protocol over OSC, as avatar programs receive it (https://protocol.vmc.info).

One OSC bundle a frame holds, in this order: ``/VMC/Ext/OK``, ``/VMC/Ext/T``, the rotations of neck and head,
every coefficient and preset as ``/VMC/Ext/Blend/Val``, and ``/VMC/Ext/Blend/Apply``.

Rotations are in Unity's left-handed axes of the avatar: x to its right, y up, z forwards. These are livefan's
axes of the head with all three signs changed, which leaves the numbers of a rotation matrix as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from livefan.core.face_measures import HeadPose
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
        yield from self._bones(measured.pose)
        for name, value in self._blend_values(measured).items():
            yield self._message("/VMC/Ext/Blend/Val", "sf", name, value)
        yield self._message("/VMC/Ext/Blend/Apply", "")

    def _blend_values(self, measured: MeasuredFace) -> dict[str, float]:
        """Return coefficients and presets; the options ``arkit`` and ``presets`` choose one of the two."""
        values = coefficients(measured)
        chosen = self.address.options or {"arkit", "presets"}
        arkit = values if "arkit" in chosen else {}
        return {**arkit, **(preset_values(values) if "presets" in chosen else {})}

    def _bones(self, pose: HeadPose) -> Iterator[bytes]:
        if math.isnan(pose.yaw):
            return
        turn = quaternion(rotation(pose))
        for bone, share in (("Neck", _NECK_SHARE), ("Head", 1 - _NECK_SHARE)):
            numbers = root_of(turn, share).tolist()
            yield self._message("/VMC/Ext/Bone/Pos", "sfffffff", bone, 0.0, 0.0, 0.0, *numbers)

    def _message(self, address: str, types: str, *values: Any) -> bytes:
        """Return an OSC message with its length, as a bundle holds it; each type is one letter."""
        osc = self._osc
        written = (self._writers[each](value) for each, value in zip(types, values, strict=True))
        message = osc.write_string(address) + osc.write_string("," + types) + b"".join(written)
        length: bytes = osc.write_int(len(message))
        return length + message
