"""A socket that carries frames: eight bytes of length, little endian, then the body.

Whoever waits for a frame may say how long; what has arrived by then is kept.
"""

import select
import socket
import struct

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 262_144
MOST_BYTES = 256 * 1024 * 1024


class ChannelClosed(Exception):
    """The other side is gone, or says what no frame can be."""


class Channel:
    """Frames over one socket; used by one thread."""

    def __init__(self, connection: socket.socket) -> None:
        """Takes the socket over."""
        self._socket = connection
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, body: bytes) -> None:
        """Sends a frame.

        Raises:
            ChannelClosed: The other side is gone.
        """
        try:
            self._socket.sendall(_LENGTH.pack(len(body)) + body)
        except OSError:
            raise ChannelClosed from None

    def receive(self, timeout_s: float | None = None) -> bytearray | None:
        """Returns the next frame; none where none is whole in time.

        Raises:
            ChannelClosed: The other side is gone.
        """
        wait_ms = None if timeout_s is None else round(timeout_s * 1000)
        while (body := self._whole()) is None:
            if not self._poll.poll(wait_ms):
                return None
            try:
                data = self._socket.recv(_READ_BYTES)
            except ConnectionError:
                raise ChannelClosed from None
            if not data:
                raise ChannelClosed
            self._buffer += data
        return body

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def _whole(self) -> bytearray | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > MOST_BYTES:
            raise ChannelClosed
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = self._buffer[_LENGTH.size : end]
        del self._buffer[:end]
        return body
