"""Outputs by address: what is missing is named before anything is opened."""

import socket
import sys

import pytest

from livefan.core.errors import LivefanError
from livefan.outputs.address import KINDS
from livefan.outputs.output_group import OutputGroup, make_output


def test_every_kind_of_address_has_an_output():
    for name, kind in KINDS.items():
        address = make_output(kind.example).address
        assert address.kind == name
        assert str(address) == kind.example


@pytest.mark.parametrize(
    ("kind", "library", "package"),
    [
        ("vmc", "pythonosc", "python-osc"),
        ("ws", "websockets", "websockets"),
        ("lsl", "pylsl", "pylsl"),
        ("camera", "pyvirtualcam", "pyvirtualcam"),
    ],
)
def test_missing_library_is_one_line_with_the_package(
    kind: str, library: str, package: str, monkeypatch: pytest.MonkeyPatch
):
    """The package, not the extra: pip knows no extras of a livefan that runs from a clone."""
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    group = OutputGroup()
    with pytest.raises(LivefanError, match=rf"which is missing; run: .+ -m pip install {package}$"):
        group.open_all(["udp+json://", KINDS[kind].example])
    assert not group


def test_receiver_is_given_once_with_any_options():
    pytest.importorskip("pythonosc")
    group = OutputGroup()
    with pytest.raises(LivefanError, match=r"^vmc://127\.0\.0\.1:39539\?arkit: is given twice"):
        group.open_all(["vmc://?arkit", "vmc://?presets"])
    assert make_output("camera://").address.receiver != make_output("camera://?clean").address.receiver


def test_unknown_host_opens_nothing():
    group = OutputGroup()
    with pytest.raises(LivefanError, match="cannot be found"):
        group.open_all(["udp+json://", "vmc://no.such.host.invalid"])
    assert not group


def test_port_in_use_is_one_reason_and_opens_nothing():
    pytest.importorskip("websockets")
    group = OutputGroup()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(LivefanError, match=rf"^{address}: cannot be opened \([^()]+\); choose"):
            group.open_all(["udp+json://", address])
    assert not group
