"""``ws://HOST:PORT``: a WebSocket server that sends one JSON object a frame to every client."""

from __future__ import annotations

import logging
import re
import socket
import threading
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

_Messages = NewestItems[str]
"""Messages for one client; its thread sends them, so that a slow client delays nothing else."""

_ORIGINS = (None, re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"))
"""Accepted clients: programs, which send no origin, and pages of this machine. Else any web site that is open
in a browser could receive the landmarks."""


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
        self._clients: set[_Messages] = set()
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
                client.put(message)
        return len(clients)

    def close(self) -> None:
        """See :meth:`livefan.outputs.base.Output.close`."""
        with self._lock:
            clients = tuple(self._clients)
        for client in clients:
            client.end()
        if self._server is not None:
            self._server.shutdown()

    def _serve(self, connection: ServerConnection) -> None:
        """Send messages to a client until it or the output ends."""
        from websockets.exceptions import ConnectionClosed

        client = _Messages(_WAITING_MESSAGES)
        # A silent thread reads, which is how a lost client is noticed while no frame comes.
        reader = threading.Thread(target=_read_until_closed, args=(connection, client), daemon=True)
        reader.start()
        with self._lock:
            self._clients.add(client)
        try:
            while (message := client.take()) is not None:
                connection.send(message)
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._clients.discard(client)


def _read_until_closed(connection: ServerConnection, client: _Messages) -> None:
    """Discard the messages of a client until its connection closes."""
    try:
        for _ in connection:
            pass
    except Exception:
        logging.getLogger(__name__).debug("a client broke off", exc_info=True)
    client.end()
