"""``vmc://HOST:PORT``: the VMC protocol over OSC, as avatar programs receive it (https://protocol.vmc.info).

One OSC bundle a frame holds, in this order: ``/VMC/Ext/OK``, ``/VMC/Ext/T``, the rotations of neck and head,
every coefficient and preset as ``/VMC/Ext/Blend/Val``, and ``/VMC/Ext/Blend/Apply``.

Rotations are in Unity's left-handed axes of the avatar: x to its right, y up, z forwards. These are livefan's
axes of the head with all three signs changed, which leaves the numbers of a rotation matrix as they are.
"""

from __future__ import annotations

import math
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
            from pythonosc import osc_bundle_builder, osc_message_builder
        except ImportError as error:
            raise missing_library(address, "python-osc", "output") from error
        self._bundle: Any = osc_bundle_builder.OscBundleBuilder
        self._immediately = osc_bundle_builder.IMMEDIATELY
        self._message: Any = osc_message_builder.OscMessageBuilder
        self._started_at: float | None = None

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        captured_at = result.frame.captured_at
        if self._started_at is None:
            self._started_at = captured_at
        bundle = self._bundle(self._immediately)
        self._add(bundle, "/VMC/Ext/OK", (1, "i"))
        self._add(bundle, "/VMC/Ext/T", (captured_at - self._started_at, "f"))
        if result.measured:
            self._add_face(bundle, min(result.measured, key=lambda each: each.face.track_id))
        return self.send_datagram(bundle.build().dgram)

    def _add_face(self, bundle: Any, measured: MeasuredFace) -> None:
        self._add_bones(bundle, measured.pose)
        for name, value in self._blend_values(measured).items():
            self._add(bundle, "/VMC/Ext/Blend/Val", (name, "s"), (value, "f"))
        self._add(bundle, "/VMC/Ext/Blend/Apply")

    def _blend_values(self, measured: MeasuredFace) -> dict[str, float]:
        """Return coefficients and presets; the options ``arkit`` and ``presets`` choose one of the two."""
        values = coefficients(measured)
        chosen = self.address.options or {"arkit", "presets"}
        arkit = values if "arkit" in chosen else {}
        return {**arkit, **(preset_values(values) if "presets" in chosen else {})}

    def _add_bones(self, bundle: Any, pose: HeadPose) -> None:
        if math.isnan(pose.yaw):
            return
        turn = quaternion(rotation(pose))
        for bone, share in (("Neck", _NECK_SHARE), ("Head", 1 - _NECK_SHARE)):
            numbers = (0.0, 0.0, 0.0, *root_of(turn, share).tolist())
            self._add(bundle, "/VMC/Ext/Bone/Pos", (bone, "s"), *((number, "f") for number in numbers))

    def _add(self, bundle: Any, address: str, *arguments: tuple[Any, str]) -> None:
        message = self._message(address)
        for value, kind in arguments:
            message.add_arg(value, kind)
        bundle.add_content(message.build())
