"""``camera://``: a virtual camera with the drawn picture; ``camera://?clean`` shows the picture alone.

``camera:///dev/video7`` names the device; by default it is the first free one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from livefan.core.errors import LivefanError
from livefan.outputs.address import Address
from livefan.outputs.base import Output
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.missing import missing_library

_NOMINAL_FPS = 30.0
"""Frame rate that programs are told; frames are sent as they come."""

_TRIAL_SIZE = (640, 480)

_MENDS = {
    "linux": "install v4l2loopback (sudo apt install v4l2loopback-dkms), then run: "
    "sudo modprobe v4l2loopback exclusive_caps=1",
    "darwin": "install OBS 30 or newer, and start and stop its virtual camera once",
    "win32": "install OBS, which contains a virtual camera",
}


class VirtualCameraOutput(Output):
    """Sends the picture of every frame to a virtual camera of the system."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        try:
            import pyvirtualcam
        except ImportError as error:
            raise missing_library(address, "pyvirtualcam") from error
        self._library: Any = pyvirtualcam
        self._camera: Any = None
        self._clean = "clean" in address.options
        self.reads = frozenset() if self._clean else frozenset({"drawing"})
        self._size = (0, 0)

    def open(self) -> None:
        """See :meth:`livefan.outputs.base.Output.open`."""
        self._start(_TRIAL_SIZE)

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        picture = result.frame.image if self._clean else result.drawn
        if result.size != self._size:
            self._start(result.size)
        self._camera.send(np.ascontiguousarray(picture))
        return 1

    def close(self) -> None:
        """See :meth:`livefan.outputs.base.Output.close`."""
        if self._camera is not None:
            self._camera.close()
        self._camera, self._size = None, (0, 0)

    def _start(self, size: tuple[int, int]) -> None:
        """Open the device for pictures of a size, in pixels."""
        self.close()
        width, height = size
        try:
            self._camera = self._library.Camera(
                width,
                height,
                _NOMINAL_FPS,
                fmt=self._library.PixelFormat.BGR,
                device=self.address.name or None,
            )
        except (RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())
            mend = _MENDS.get(sys.platform, "install a virtual camera")
            raise LivefanError(f"{self.address}: no virtual camera ({reason}); {mend}") from error
        self._size = size
