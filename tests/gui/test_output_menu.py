"""The menu of outputs to other programs, and their indicator."""

import json
import math
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtGui import QAction
from windows import Driven, paused_at_end

from livefan.gui.actions.outputs import AddOutput, SwitchOutput
from livefan.gui.output_menu import OutputIndicator, indicator_text
from livefan.gui.window import MainWindow
from livefan.outputs.output_group import OutputGroup
from livefan.outputs.sender import Statistics


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(30)
        yield made


def entry(window: MainWindow, address: str) -> QAction:
    """Return the entry of an address in the menu, as it is when the menu opens."""
    window.outputs.aboutToShow.emit()
    return next(each for each in window.outputs.actions() if each.text().endswith(address))


def opened(window: MainWindow) -> list[str]:
    return [each.address for each in window.player.outputs.statistics()]


def test_output_is_added_sends_every_frame_and_is_switched_off(
    drive: Driven, images: Path, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    address = f"udp+json://127.0.0.1:{receiver.getsockname()[1]}"
    window = drive.open()
    assert opened(window) == []  # nothing is sent by default
    indicator = window.findChild(OutputIndicator)
    assert indicator is not None
    assert not indicator.isVisible()
    monkeypatch.setattr(window.context.dialogs, "enter_output", lambda: address)
    window.context.run(AddOutput())
    drive.until(lambda: opened(window) == [address])
    assert entry(window, address).isChecked()
    window.player.watch(str(images))
    drive.until(lambda: window.player.running)
    frames = [json.loads(receiver.recv(65535)) for _ in range(6)]
    assert [frame["frame"] for frame in frames] == list(range(6))
    assert all(len(frame["faces"]) == 1 for frame in frames)
    drive.until(indicator.isVisible)
    assert indicator.text().startswith("→ udp+json")
    assert address in indicator.toolTip()
    entry(window, address).trigger()
    drive.until(lambda: opened(window) == [])
    drive.until(lambda: not indicator.isVisible())
    assert not entry(window, address).isChecked()  # it can be switched on again


def test_output_is_switched_off_and_on_with_its_options(drive: Driven, receiver: socket.socket):
    pytest.importorskip("pythonosc")
    address = f"vmc://127.0.0.1:{receiver.getsockname()[1]}?arkit"
    window = drive.open()
    window.context.run(SwitchOutput(address))
    drive.until(lambda: opened(window) == [address])
    shown = entry(window, address)
    assert shown.isChecked()
    shown.trigger()
    drive.until(lambda: opened(window) == [])
    shown.trigger()
    drive.until(lambda: opened(window) == [address])


def test_outputs_of_the_command_line_are_adopted(drive: Driven, images: Path, receiver: socket.socket):
    group = OutputGroup()
    group.open_all([f"udp+json://127.0.0.1:{receiver.getsockname()[1]}"])
    window = paused_at_end(drive, images, outputs=group)
    assert [json.loads(receiver.recv(65535))["frame"] for _ in range(6)] == list(range(6))
    window.close()
    assert not group


def test_wrong_address_and_unknown_host_are_messages(drive: Driven, monkeypatch: pytest.MonkeyPatch):
    window = drive.open()
    for address, message in (
        ("http://x", "not the address of an output"),
        ("vmc://no.host.invalid", "found"),
    ):
        monkeypatch.setattr(window.context.dialogs, "enter_output", lambda address=address: address)
        window.context.run(AddOutput())
        drive.until(lambda message=message: message in window.player.messages.shown.text)
    assert opened(window) == []


def test_indicator_names_other_machines_and_errors():
    def state(address: str, *, leaves: bool, error: str = "") -> Statistics:
        return Statistics(address, leaves, 10, 24.6, 10, 0, math.nan, math.nan, error, False)

    shown = [state("vmc://192.168.0.7:39539", leaves=True), state("ws://127.0.0.1:8765", leaves=False)]
    assert indicator_text(shown) == "→ vmc://192.168.0.7:39539 25/s   ws 25/s"
    two = [state(f"vmc://127.0.0.1:{port}", leaves=False) for port in (39539, 39540)]
    assert indicator_text(two) == "→ vmc:39539 25/s   vmc:39540 25/s"
    lost = state("vmc://192.168.0.7:39539", leaves=True, error="Network is unreachable")
    assert indicator_text([lost]) == "→ vmc://192.168.0.7:39539 Network is unreachable"
    assert indicator_text([]) == ""
