"""Outputs that send UDP datagrams."""

from __future__ import annotations

import socket
from contextlib import closing, suppress

from livefan.core.errors import LivefanError
from livefan.outputs.address import Address, resolve
from livefan.outputs.base import Output

LARGEST_DATAGRAM = 65507
"""Bytes of the largest UDP datagram over IPv4."""


class UdpOutput(Output):
    """Base of outputs that send UDP datagrams; a missing receiver is no error."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._socket: socket.socket | None = None
        self._place: tuple = ()

    def open(self) -> None:
        """See :meth:`livefan.outputs.base.Output.open`."""
        family, self._place = resolve(self.address, socket.SOCK_DGRAM)
        try:
            with closing(socket.socket(family, socket.SOCK_DGRAM)) as trial:
                trial.connect(self._place)  # sends nothing; fails if there is no route
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            with suppress(OSError):  # the default of macOS limits a datagram to 9216 bytes
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST_DATAGRAM)
        except OSError as error:
            reason = error.strerror or error
            raise LivefanError(
                f"{self.address}: cannot be sent to ({reason}); check host and network"
            ) from error

    def send_datagram(self, data: bytes) -> int:
        """Send a datagram; return 1.

        Raises:
            OSError: if it could not be sent.
        """
        assert self._socket is not None
        with suppress(ConnectionRefusedError):  # reported for an earlier datagram; nobody receives now
            self._socket.sendto(data, self._place)
        return 1

    def close(self) -> None:
        """See :meth:`livefan.outputs.base.Output.close`."""
        if self._socket is not None:
            self._socket.close()
