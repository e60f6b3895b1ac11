"""What a pool and its child processes say to each other over a socket.

Frames are eight bytes of length, little endian, then msgpack. Results and
exceptions cross as plain values, never as pickles: a child runs the user's
code, and what it sends must not run anything here.
"""

import socket
import struct
from typing import Any

import msgspec

_LENGTH = struct.Struct("<Q")

# A line of this sign and a call's number ends what the call printed.
END_OF_OUTPUT = b"\x00\x00"


class Request(msgspec.Struct, frozen=True, tag="call"):
    """Run `target`, a `module:function`, with some of the GPUs where it names them."""

    number: int
    target: str
    payload: bytes
    scratch: str
    gpus: str | None = None


class Warm(msgspec.Struct, frozen=True, tag="warm"):
    """Import the modules of these targets before they are needed."""

    targets: list[str]


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """The function returned these bytes."""

    payload: bytes


class Raised(msgspec.Struct, frozen=True, tag="raised"):
    """The function raised; `kind` is set where it was an error of ours."""

    error_type: str
    message: str
    traceback: str
    kind: str | None = None
    hint: str = ""
    details: list[dict[str, Any]] = []


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """The process died before the call was done."""

    how: str


class Place(msgspec.Struct, frozen=True):
    """A folder of one machine, so that another machine can tell that it has not got it."""

    folder: str
    machine: str
    inode: int


class Order(msgspec.Struct, frozen=True):
    """What a node of a cluster is to run, and what its process is given."""

    name: str
    target: str
    payload: bytes
    environment: dict[str, str]
    place: Place | None = None


class Answer(msgspec.Struct, frozen=True):
    """What came of an order, and what it printed."""

    reply: Returned | Raised | Lost
    lines: list[str]


_decode_order: msgspec.msgpack.Decoder[Request | Warm] = msgspec.msgpack.Decoder(Request | Warm)
_decode_reply: msgspec.msgpack.Decoder[Returned | Raised] = msgspec.msgpack.Decoder(Returned | Raised)


def send(connection: socket.socket, message: Request | Warm | Returned | Raised) -> None:
    """Sends one frame.

    Raises:
        OSError: The other side is gone.
    """
    body = msgspec.msgpack.encode(message)
    connection.sendall(_LENGTH.pack(len(body)))
    connection.sendall(body)


def receive_order(connection: socket.socket) -> Request | Warm | None:
    """Returns what the pool asks for; none when it is gone."""
    body = _frame(connection)
    return None if body is None else _decode_order.decode(body)


def receive_reply(connection: socket.socket) -> Returned | Raised | None:
    """Returns what the child answers; none when it is gone."""
    body = _frame(connection)
    return None if body is None else _decode_reply.decode(body)


def _frame(connection: socket.socket) -> bytearray | None:
    head = _exactly(connection, _LENGTH.size)
    return None if head is None else _exactly(connection, _LENGTH.unpack(head)[0])


def _exactly(connection: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view, filled = memoryview(data), 0
    while filled < size:
        try:
            got = connection.recv_into(view[filled:])
        except ConnectionError:
            return None
        if got == 0:
            return None
        filled += got
    return data
