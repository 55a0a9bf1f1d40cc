"""``ws://HOST:PORT``: a WebSocket server that sends one JSON object a frame to every client."""

from __future__ import annotations

import logging
import math
import re
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from livefan.core.errors import LivefanError
from livefan.outputs.address import Address, resolve
from livefan.outputs.base import Output
from livefan.outputs.frame_result import FrameResult
from livefan.outputs.json_message import READS, json_message
from livefan.outputs.missing import missing_library
from livefan.outputs.newest_items import NewestItems

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

_WAITING_MESSAGES = 8
"""Messages that wait for a client; a further one replaces the oldest."""
_LONGEST_SEND_S = 10.0
"""A client that takes longer for one message is dropped."""
_GRACE_S = 0.5
"""Time that clients have for the last messages when the output closes."""

_ORIGINS = (None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"))
"""Accepted clients: programs, which send no origin, and pages of this machine. Else any web site that is open
in a browser could receive the landmarks."""


class _Client:
    """A client and the messages that wait for it; its thread sends them, so that it delays nothing else."""

    def __init__(self, connection: ServerConnection) -> None:
        self.messages: NewestItems[str] = NewestItems(_WAITING_MESSAGES)
        self._connection = connection
        self._sending_since = math.inf

    def serve(self) -> None:
        """Send the messages until their end.

        Raises:
            ConnectionClosed: if the connection ends before.
        """
        while (message := self.messages.take()) is not None:
            self._sending_since = time.monotonic()
            self._connection.send(message)
            self._sending_since = math.inf

    def read_until_closed(self) -> None:
        """Discard what the client sends until its connection closes."""
        try:
            for _ in self._connection:
                pass
        except Exception:
            logging.getLogger(__name__).debug("a client broke off", exc_info=True)
        self.messages.end()

    @property
    def stuck(self) -> bool:
        """Whether the client takes too long for a message."""
        return time.monotonic() - self._sending_since > _LONGEST_SEND_S

    @property
    def connected(self) -> bool:
        """Whether the socket is open."""
        return self._connection.socket.fileno() >= 0

    def drop(self) -> None:
        """End the connection at once, which ends a send that waits for the client."""
        with suppress(OSError):  # it has ended by itself
            self._connection.socket.shutdown(socket.SHUT_RDWR)


class WebSocketOutput(Output):
    """Serves any number of WebSocket clients; messages of clients are ignored."""

    reads = READS

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        try:
            from websockets.sync import server
        except ImportError as error:
            raise missing_library(address, "websockets") from error
        self._library = server
        self._server: Any = None
        self._clients: set[_Client] = set()
        self._lock = threading.Lock()

    def open(self) -> None:
        """See :meth:`livefan.outputs.base.Output.open`."""
        family, place = resolve(self.address, socket.SOCK_STREAM)
        logger = logging.getLogger("livefan.websockets")
        logger.setLevel(logging.CRITICAL)  # a client that breaks off is no event of livefan
        try:
            listening = socket.create_server(place[:2], family=family)
            self._server = self._library.serve(
                self._serve, sock=listening, origins=list(_ORIGINS), compression=None, logger=logger
            )
        except OSError as error:
            reason = str(error.strerror or error).partition(" (while ")[0]  # it repeats the address
            raise LivefanError(
                f"{self.address}: cannot be opened ({reason}); choose another host or port"
            ) from error
        threading.Thread(target=self._server.serve_forever, name="websocket", daemon=True).start()

    def send(self, result: FrameResult) -> int:
        """See :meth:`livefan.outputs.base.Output.send`; a packet is a message to one client."""
        with self._lock:
            clients = tuple(self._clients)
        if clients:
            message = json_message(result)
            for client in clients:
                client.messages.put(message)
                if client.stuck:
                    client.drop()
        return len(clients)

    def close(self) -> None:
        """See :meth:`livefan.outputs.base.Output.close`."""
        with self._lock:
            clients = tuple(self._clients)
        for client in clients:
            client.messages.end()
        until = time.monotonic() + _GRACE_S
        while any(client.connected for client in clients) and time.monotonic() < until:
            time.sleep(0.01)
        for client in clients:
            client.drop()
        if self._server is not None:
            self._server.shutdown()

    def _serve(self, connection: ServerConnection) -> None:
        """Send messages to a client until it or the output ends."""
        from websockets.exceptions import ConnectionClosed

        client = _Client(connection)
        # A silent thread reads, which is how a lost client is noticed while no frame comes.
        threading.Thread(target=client.read_until_closed, daemon=True).start()
        with self._lock:
            self._clients.add(client)
        try:
            client.serve()
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._clients.discard(client)
