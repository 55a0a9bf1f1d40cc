"""Addresses of outputs."""

import socket

import pytest

from livefan.core.errors import LivefanError
from livefan.outputs.address import parse_address, resolve


@pytest.mark.parametrize(
    ("text", "host", "port", "leaves"),
    [
        ("openseeface://", "127.0.0.1", 11573, False),
        ("vmc://192.168.0.7", "192.168.0.7", 39539, True),
        ("udp+json://localhost:9000", "localhost", 9000, False),
        ("ws://0.0.0.0:8000", "0.0.0.0", 8000, True),
        ("WS://[::1]:8000", "::1", 8000, False),
        (" vmc://:5000/", "127.0.0.1", 5000, False),
    ],
)
def test_host_and_port_have_defaults(text: str, host: str, port: int, leaves: bool):
    address = parse_address(text)
    assert (address.host, address.port, address.leaves_machine) == (host, port, leaves)
    assert parse_address(str(address)).port == port


@pytest.mark.parametrize(
    "text",
    [
        "vmc://127.0.0.1:39539?arkit",
        "vmc://127.0.0.1:39539?presets&vrm1",
        "camera:///dev/video7?clean",
        "camera://",
    ],
)
def test_text_of_an_address_has_its_options(text: str):
    assert str(parse_address(text)) == text


def test_streams_and_devices_have_names():
    assert parse_address("lsl://Face of P01").name == "Face of P01"
    assert parse_address("lsl://face").leaves_machine
    camera = parse_address("camera:///dev/video7?clean")
    assert (camera.name, camera.options) == ("/dev/video7", {"clean"})
    assert not camera.leaves_machine


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:11573",
        "http://127.0.0.1:80",
        "vmc://127.0.0.1:port",
        "vmc://127.0.0.1:99999",
        "vmc://127.0.0.1:0",
        "vmc://127.0.0.1:1/path",
        "vmc://me@host",
        "vmc://host?clean",
        "ws://::1:8765",
        "vmc://two hosts",
        "ws://[::1",
    ],
)
def test_wrong_address_gives_one_line_with_an_example(text: str):
    with pytest.raises(LivefanError) as error:
        parse_address(text)
    message = str(error.value)
    assert "\n" not in message
    assert "use " in message
    assert "integer" not in message
    assert "://" in message.rpartition("use ")[2]


def test_unknown_host_is_named():
    with pytest.raises(
        LivefanError, match=r"vmc://no\.such\.host\.invalid:39539: the host .* check its name"
    ):
        resolve(parse_address("vmc://no.such.host.invalid"), socket.SOCK_DGRAM)
