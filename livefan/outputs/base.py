"""The protocol of an output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from livefan.core.landmarks import LandmarkScheme
from livefan.outputs.address import Address
from livefan.outputs.frame_result import FrameResult

Read = Literal["expressions", "reliability", "drawing"]
"""A part of a result: what the expression head or the reliability head gives, or the image with the faces."""


class Output(ABC):
    """Sends the results of a session to one address.

    A subclass imports its optional library in ``__init__``, opens sockets and devices in :meth:`open`, and
    raises a :class:`~livefan.core.errors.LivefanError` from either. :class:`livefan.outputs.sender.Sender`
    calls :meth:`send` in a thread of its own, so that a slow receiver delays nothing else.

    Args:
        address: the address to send to.

    Attributes:
        reads: the parts of results that the output reads beside landmarks, confidences and the clean image.

    Raises:
        LivefanError: if a library is missing.
    """

    reads: frozenset[Read] = frozenset({"expressions"})

    def __init__(self, address: Address) -> None:
        self.address = address

    @abstractmethod
    def open(self) -> None:
        """Resolve the host, bind the port or open the device.

        Raises:
            LivefanError: if this fails.
        """

    def prepare(self, scheme: LandmarkScheme) -> None:  # noqa: B027
        """Get ready for results of a scheme; called after :meth:`open`, if the scheme is known by then.

        Raises:
            LivefanError: if no result of the scheme can be sent.
        """

    @abstractmethod
    def send(self, result: FrameResult) -> int:
        """Send the result of a frame; return the number of packets, which may be 0.

        Raises:
            OSError: if a packet could not be sent; the next frame is tried again.
            LivefanError: if no later frame can be sent either.
        """

    @abstractmethod
    def close(self) -> None:
        """Release sockets and devices; also called if :meth:`open` failed."""
