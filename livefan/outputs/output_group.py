"""Several outputs of one session."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from livefan.core.errors import LivefanError
from livefan.core.landmarks import LandmarkScheme
from livefan.outputs.address import KINDS, parse_address
from livefan.outputs.base import Output, Read
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.sender import Sender, Statistics


def make_output(text: str) -> Output:
    """Return the output of an address, not opened.

    Raises:
        LivefanError: if the address cannot be parsed, or a library is missing.
    """
    address = parse_address(text)
    module, _, name = KINDS[address.kind].output.partition(".")
    output: Output = getattr(import_module(f"livefan.outputs.{module}"), name)(address)
    return output


class OutputGroup:
    """The outputs of one session; for use from any thread, except that one thread opens and closes.

    Examples:
        >>> from livefan.outputs.output_group import OutputGroup
        >>> outputs = OutputGroup()
        >>> outputs.open_all(["udp+json://127.0.0.1:11574"])
        >>> [statistics.address for statistics in outputs.statistics()]
        ['udp+json://127.0.0.1:11574']
        >>> outputs.close()
    """

    def __init__(self) -> None:
        self._senders: tuple[Sender, ...] = ()

    def open_all(self, addresses: Iterable[str]) -> None:
        """Open outputs, all or none: every address is parsed before the first is opened.

        Raises:
            LivefanError: if an address is wrong or given twice, a library is missing, or an output does not
                open.
        """
        made = [make_output(text) for text in addresses]
        wanted = [output.address for output in (*(each.output for each in self._senders), *made)]
        receivers = [address.receiver for address in wanted]
        for address in wanted:
            if receivers.count(address.receiver) > 1:
                raise LivefanError(f"{address}: is given twice; leave one out")
        opened: list[Output] = []
        try:
            for output in made:
                opened.append(output)
                output.open()
        except BaseException:
            for output in opened:
                output.close()
            raise
        senders = tuple(Sender(output) for output in made)
        for sender in senders:
            sender.start()
        self._senders += senders

    @property
    def reads(self) -> frozenset[Read]:
        """The parts of results that any of the outputs reads."""
        return frozenset[Read]().union(*(sender.output.reads for sender in self._senders))

    def prepare(self, scheme: LandmarkScheme) -> None:
        """Prepare the outputs for results of a scheme, before the first result.

        Raises:
            LivefanError: if an output cannot send results of the scheme.
        """
        for sender in self._senders:
            sender.output.prepare(scheme)

    def offer(self, result: FrameResult) -> None:
        """Offer a result to all outputs; returns at once."""
        for sender in self._senders:
            sender.offer(result)

    def statistics(self) -> list[Statistics]:
        """Return the state of each output."""
        return [sender.statistics() for sender in self._senders]

    def close_one(self, address: str) -> None:
        """Close the output of an address, if it is open."""
        for sender in self._senders:
            if str(sender.output.address) == address:
                self._senders = tuple(each for each in self._senders if each is not sender)
                sender.stop()

    def close(self) -> list[Statistics]:
        """Send the waiting results, and close all outputs; return their last state."""
        for sender in self._senders:
            sender.stop()
        last, self._senders = self.statistics(), ()
        return last

    def __bool__(self) -> bool:
        """Return whether any output is open."""
        return bool(self._senders)
