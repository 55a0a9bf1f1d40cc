"""The thread of an output: it never delays the session, and ends in order."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from livefan.core.errors import LivefanError
from livefan.outputs.address import parse_address
from livefan.outputs.base import Output
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.output_group import OutputGroup
from livefan.outputs.sender import WAITING_FRAMES, Sender

Make = Callable[..., FrameResult]


class Recording(Output):
    """Keeps the results; waits at a gate before each."""

    def __init__(self) -> None:
        super().__init__(parse_address("vmc://10.0.0.9"))
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.indices: list[int] = []
        self.failure: Exception | None = None
        self.closed = threading.Event()

    def open(self) -> None:
        pass

    def send(self, result: FrameResult) -> int:
        self.entered.set()
        self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        self.indices.append(result.frame.index)
        return 1

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def output() -> Recording:
    return Recording()


@pytest.fixture
def sender(output: Recording) -> Iterator[Sender]:
    made = Sender(output)
    made.start()
    yield made
    output.gate.set()
    made.stop()
    assert output.closed.wait(10)


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_blocked_output_keeps_the_newest_frames(sender: Sender, output: Recording, result: Make):
    sender.offer(result(0))
    assert output.entered.wait(10)
    for index in range(1, 101):
        sender.offer(result(index))
    output.gate.set()
    until(lambda: output.indices[-1:] == [100])
    assert output.indices == [0, *range(101 - WAITING_FRAMES, 101)]
    assert sender.statistics().dropped == 100 - WAITING_FRAMES


def test_statistics_name_rate_latency_and_other_machines(sender: Sender, output: Recording, result: Make):
    output.gate.set()
    for index in range(5):
        sender.offer(result(index))
    until(lambda: sender.statistics().frames == 5)
    statistics = sender.statistics()
    assert statistics.packets == 5
    assert statistics.packets_per_s > 0
    assert 0 < statistics.after_model_s <= statistics.latency_s < 10
    assert "vmc://10.0.0.9:39539" in statistics.line()
    assert "sent to other machines" in statistics.line()


def test_network_error_is_shown_and_the_next_frame_is_tried(sender: Sender, output: Recording, result: Make):
    output.gate.set()
    output.failure = OSError(101, "Network is unreachable")
    sender.offer(result(0))
    until(lambda: sender.statistics().error)
    assert "(Network is unreachable)" in sender.statistics().line()
    output.failure = None
    sender.offer(result(1))
    until(lambda: output.indices == [1])
    until(lambda: sender.statistics().error == "")


def test_final_error_ends_the_output_alone(sender: Sender, output: Recording, result: Make):
    output.gate.set()
    output.failure = LivefanError("vmc://10.0.0.9: wrong landmarks; choose other weights")
    sender.offer(result(0))
    assert output.closed.wait(10)
    assert sender.statistics().ended
    assert sender.statistics().line() == "vmc://10.0.0.9: wrong landmarks; choose other weights"
    sender.offer(result(1))  # is ignored


def test_waiting_frames_are_sent_before_the_end(sender: Sender, output: Recording, result: Make):
    sender.offer(result(0))
    assert output.entered.wait(10)
    for index in range(1, 5):
        sender.offer(result(index))
    threading.Timer(0.1, output.gate.set).start()
    sender.stop(timeout=10)
    assert output.indices == [0, 1, 2, 3, 4]
    assert output.closed.is_set()


def test_address_given_twice_is_refused(outputs: OutputGroup):
    with pytest.raises(LivefanError, match="given twice"):
        outputs.open_all(["udp+json://", "udp+json://127.0.0.1:11574"])
    outputs.open_all(["udp+json://"])
    with pytest.raises(LivefanError, match="given twice"):
        outputs.open_all(["udp+json://"])
    outputs.close_one("udp+json://127.0.0.1:11574")
    outputs.open_all(["udp+json://"])
    assert len(outputs.statistics()) == 1
