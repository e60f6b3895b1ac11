"""A relay before a server that counts round trips: how often a client spoke after it had been answered."""

import socket
import threading
from typing import Self


class Relay:
    """Passes bytes between clients and a server of this machine; `round_trips` counts those of all clients."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.round_trips = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open += [client, server]
            answered = threading.Event()
            answered.set()
            for source, sink in ((client, server), (server, client)):
                arguments = (source, sink, answered, source is client)
                threading.Thread(target=self._pass, args=arguments, daemon=True).start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, answered: threading.Event, asks: bool
    ) -> None:
        while True:
            try:
                data = source.recv(1 << 20)
            except OSError:
                data = b""
            if asks and data and answered.is_set():
                with self._lock:
                    self.round_trips += 1
                answered.clear()
            if not asks:
                answered.set()
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return
