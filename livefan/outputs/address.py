"""Addresses of outputs, such as ``vmc://127.0.0.1:39539``, ``lsl://face`` or ``camera://``."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from livefan.core.errors import LivefanError

THIS_MACHINE = "127.0.0.1"

DEFAULT_PORTS = {"openseeface": 11573, "vmc": 39539, "udp+json": 11574, "ws": 8765}
"""Ports of the outputs that have a host."""

EXAMPLES = {
    "openseeface": "openseeface://127.0.0.1:11573",
    "vmc": "vmc://127.0.0.1:39539",
    "udp+json": "udp+json://127.0.0.1:11574",
    "ws": "ws://127.0.0.1:8765",
    "lsl": "lsl://livefan",
    "camera": "camera://",
}
"""An address of each kind, for help and errors."""

_NAMED = ("lsl", "camera")
_OPTIONS = {"vmc": frozenset({"arkit", "presets"}), "camera": frozenset({"clean"})}


@dataclass(frozen=True)
class Address:
    """A parsed address.

    Attributes:
        text: the address as given.
        kind: the part before ``://``.
        host, port: for the kinds of :data:`DEFAULT_PORTS`; a host is a name or an IP address.
        name: name of the stream (``lsl``) or device (``camera``); may be empty.
        options: the words after ``?``: ``clean`` (camera), ``arkit`` and ``presets`` (vmc).
    """

    text: str
    kind: str
    host: str = ""
    port: int = 0
    name: str = ""
    options: frozenset[str] = frozenset()

    def __str__(self) -> str:
        if self.kind in _NAMED:
            return f"{self.kind}://{self.name}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"

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
    kind, separator, _ = text.partition("://")
    kind = kind.strip().lower()
    if not separator or kind not in EXAMPLES:
        known = ", ".join(EXAMPLES.values())
        raise LivefanError(f"{text!r} is not the address of an output; use one such as {known}")
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise _wrong(text, kind, str(error)) from None
    options = frozenset(word for word, _ in parse_qsl(parts.query, keep_blank_values=True))
    for option in options - _options_of(kind):
        raise _wrong(text, kind, f"unknown option {option!r}")
    if parts.fragment or parts.username is not None:
        raise _wrong(text, kind, "only a host and a port are allowed")
    if kind in _NAMED:
        name = (parts.netloc + parts.path).strip()
        return Address(text, kind, name=name, options=options)
    if parts.path.strip("/"):
        raise _wrong(text, kind, f"unexpected {parts.path!r} after the port")
    if port == 0:
        raise _wrong(text, kind, "port 0 is not a port")
    host = parts.hostname or THIS_MACHINE
    if any(character.isspace() for character in host):
        raise _wrong(text, kind, f"{host!r} is not a host name")
    return Address(text, kind, host, port or DEFAULT_PORTS[kind], options=options)


def _options_of(kind: str) -> frozenset[str]:
    return _OPTIONS.get(kind, frozenset())


def _wrong(text: str, kind: str, reason: str) -> LivefanError:
    return LivefanError(f"{text}: {reason}; use an address such as {EXAMPLES[kind]}")


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
