"""The thread of an output, and its statistics."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from livefan.core.errors import LivefanError
from livefan.core.rates import RateMeter
from livefan.outputs.base import Output
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.newest_items import NewestItems

_LOG = logging.getLogger(__name__)

WAITING_FRAMES = 8
"""Frames that wait for an output; a further one replaces the oldest."""

_LATENCIES = 1000
"""Frames over which the latency is taken."""


@dataclass(frozen=True)
class Statistics:
    """State of an output.

    Attributes:
        address: address of the output.
        leaves_machine: whether other machines can receive the output.
        packets: number of sent packets.
        packets_per_s: sent packets a second, now.
        frames: number of frames that were sent.
        dropped: number of frames that newer ones replaced, or that could not be sent.
        latency_s: 95th percentile of the seconds from capture to send; NaN before the first frame.
        after_model_s: 95th percentile of the seconds from the end of the model to send.
        error: the last failure; empty if the last frame was sent.
        ended: whether the output has ended because of the error.
    """

    address: str
    leaves_machine: bool
    packets: int
    packets_per_s: float
    frames: int
    dropped: int
    latency_s: float
    after_model_s: float
    error: str
    ended: bool

    def total(self) -> str:
        """Return the totals as one line."""
        parts = [f"{self.address}: {self.packets} packets of {self.frames} frames"]
        if not np.isnan(self.latency_s):
            latency, after = 1000 * self.latency_s, 1000 * self.after_model_s
            parts.append(f"latency p95 {latency:.1f} ms, {after:.1f} ms of it after the model")
        parts += [f"{self.dropped} frames dropped"] if self.dropped else []
        return ", ".join(parts)

    def line(self) -> str:
        """Return the state as one line."""
        if self.ended:
            return self.error
        parts = [f"{self.address}: {self.packets_per_s:.1f} packets/s"]
        if not np.isnan(self.latency_s):
            parts.append(f"latency p95 {1000 * self.latency_s:.0f} ms")
        if self.dropped:
            parts.append(f"{self.dropped} frames dropped")
        if self.leaves_machine:
            parts.append("sent to other machines")
        return ", ".join(parts) + (f" ({self.error})" if self.error else "")


class Sender:
    """Sends results to one output in a thread; offering a result never waits.

    Args:
        output: an opened output; this object closes it.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self._waiting: NewestItems[FrameResult] = NewestItems(WAITING_FRAMES)
        self._rate = RateMeter()
        self._latencies: deque[tuple[float, float]] = deque(maxlen=_LATENCIES)
        self._packets = self._frames = self._failed = 0
        self._error = ""
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"output {output.address}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, result: FrameResult) -> None:
        """Offer a result; if too many wait, it replaces the oldest."""
        self._waiting.put(result)

    def stop(self, timeout: float = 1.0) -> None:
        """Send the waiting results for at most ``timeout`` seconds, and end; the thread closes the output."""
        self._waiting.end()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self._waiting.clear()

    def statistics(self) -> Statistics:
        """Return the present state; may be called from any thread."""
        latency = after_model = float("nan")
        if recent := tuple(self._latencies):
            latency, after_model = (float(each) for each in np.percentile(np.array(recent), 95, axis=0))
        address = self.output.address
        return Statistics(
            str(address),
            address.leaves_machine,
            self._packets,
            self._rate.rate(),
            self._frames,
            self._waiting.dropped + self._failed,
            latency,
            after_model,
            self._error,
            self._ended,
        )

    def _run(self) -> None:
        try:
            while (result := self._waiting.take()) is not None:
                self._send(result)
        except LivefanError as error:
            self._end(str(error))
        except Exception as error:
            _LOG.exception("the output %s failed", self.output.address)
            self._end(f"{self.output.address}: internal error: {type(error).__name__}: {error}")
        finally:
            self.output.close()

    def _send(self, result: FrameResult) -> None:
        try:
            packets = self.output.send(result)
        except OSError as error:
            self._error = error.strerror or str(error)
            self._failed += 1
            return
        self._error = ""
        self._frames += 1
        now = time.perf_counter()
        self._latencies.append((now - result.frame.captured_at, now - result.finished_at))
        self._packets += packets
        for _ in range(packets):
            self._rate.tick()

    def _end(self, error: str) -> None:
        self._error, self._ended = error, True
        self._waiting.end()
        self._waiting.clear()
