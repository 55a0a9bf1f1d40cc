"""``udp+json://HOST:PORT``: one JSON object a frame, each in a UDP datagram."""

from __future__ import annotations

import errno

from livefan.outputs.frame_result import FrameResult
from livefan.outputs.json_message import READS, json_message
from livefan.outputs.udp import LARGEST_DATAGRAM, UdpOutput


class UdpJsonOutput(UdpOutput):
    """Sends one JSON object a frame in a datagram of UTF-8."""

    reads = READS

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`."""
        data = json_message(result).encode()
        if len(data) > LARGEST_DATAGRAM:
            raise OSError(errno.EMSGSIZE, "too many faces for a datagram; use ws://")
        return self.send_datagram(data)
