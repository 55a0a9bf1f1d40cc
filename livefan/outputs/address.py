"""Addresses of outputs, such as ``vmc://127.0.0.1:39539``, ``lsl://face`` or ``camera://``."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from livefan.core.errors import LivefanError

THIS_MACHINE = "127.0.0.1"


@dataclass(frozen=True)
class Kind:
    """A kind of address.

    Attributes:
        output: module and class in this package; imported only when an address of this kind is used.
        example: an address, for help and errors.
        port: the default port; None if the address has a name rather than a host and a port.
        options: words that may follow ``?``.
    """

    output: str
    example: str
    port: int | None = None
    options: frozenset[str] = frozenset()


KINDS = {
    "openseeface": Kind("openseeface.OpenSeeFaceOutput", "openseeface://127.0.0.1:11573", 11573),
    "vmc": Kind("vmc.VmcOutput", "vmc://127.0.0.1:39539", 39539, frozenset({"arkit", "presets", "vrm1"})),
    "udp+json": Kind("udp_json.UdpJsonOutput", "udp+json://127.0.0.1:11574", 11574),
    "ws": Kind("websocket.WebSocketOutput", "ws://127.0.0.1:8765", 8765),
    "lsl": Kind("lsl.LslOutput", "lsl://livefan"),
    "camera": Kind("virtual_camera.VirtualCameraOutput", "camera://", options=frozenset({"clean"})),
}
"""All outputs, by the part of an address before ``://``. A further output is a module and an entry here."""


@dataclass(frozen=True)
class Address:
    """A parsed address.

    Attributes:
        kind: the part before ``://``, one of :data:`KINDS`.
        host, port: for kinds with a port; a host is a name or an IP address.
        name: for the other kinds, name of the stream (``lsl``) or device (``camera``); may be empty.
        options: the words after ``?``.
    """

    kind: str
    host: str = ""
    port: int = 0
    name: str = ""
    options: frozenset[str] = frozenset()

    def __str__(self) -> str:
        options = f"?{'&'.join(sorted(self.options))}" if self.options else ""
        if KINDS[self.kind].port is None:
            return f"{self.kind}://{self.name}{options}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}{options}"

    @property
    def receiver(self) -> tuple[object, ...]:
        """What receives the output: options change it for a virtual camera only, which draws or does not."""
        options = self.options if self.kind == "camera" else frozenset()
        return self.kind, self.host, self.port, self.name, options

    @property
    def leaves_machine(self) -> bool:
        """Whether other machines can receive the output."""
        if self.kind == "camera":
            return False
        return self.kind == "lsl" or not is_this_machine(self.host)


def is_this_machine(host: str) -> bool:
    """Return whether a host is a loopback address or ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parse_address(text: str) -> Address:
    """Parse the address of an output.

    Raises:
        LivefanError: if the address has no known kind, or a wrong host, port or option.
    """
    name, separator, _ = text.partition("://")
    name = name.strip().lower()
    if not separator or name not in KINDS:
        known = ", ".join(f"{each}://" for each in KINDS)
        raise LivefanError(f"{text!r} is not the address of an output; use one of {known}")
    kind = KINDS[name]

    def wrong(reason: str) -> LivefanError:
        return LivefanError(f"{text}: {reason}; use an address such as {kind.example}")

    try:
        parts = urlsplit(text.strip())
    except ValueError as error:
        raise wrong(str(error)) from None
    try:
        port = parts.port
    except ValueError:  # its message is about Python's integers
        port = 0
    options = frozenset(word for word, _ in parse_qsl(parts.query, keep_blank_values=True))
    for option in options - kind.options:
        known = f"the options are {', '.join(sorted(kind.options))}" if kind.options else "it has no options"
        raise wrong(f"unknown option {option!r}, {known}")
    if parts.fragment or parts.username is not None:
        raise wrong("only a host and a port are allowed")
    if kind.port is None:
        return Address(name, name=(parts.netloc + parts.path).strip(), options=options)
    if parts.path.strip("/"):
        raise wrong(f"unexpected {parts.path!r} after the port")
    if port == 0:
        raise wrong("the port is no number from 1 to 65535, or an IPv6 address lacks its brackets")
    host = parts.hostname or THIS_MACHINE
    if any(character.isspace() for character in host):
        raise wrong(f"{host!r} is not a host name")
    return Address(name, host, port or kind.port, options=options)


def resolve(address: Address, kind: socket.SocketKind) -> tuple[socket.AddressFamily, tuple]:
    """Return the address family and the socket address of a host; IPv4 is preferred.

    Args:
        kind: ``socket.SOCK_DGRAM`` or ``socket.SOCK_STREAM``.

    Raises:
        LivefanError: if the name of the host does not resolve.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=kind)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LivefanError(
            f"{address}: the host {address.host!r} cannot be found ({reason}); check its name"
        ) from error
    family, _, _, _, place = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, place
