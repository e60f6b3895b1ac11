"""What the trusted side and a launcher say to each other."""

import socket
import struct

import msgspec

from headwater.pipelines.runtime.launch.namespace import Bind

_LENGTH = struct.Struct("<Q")
_MOST_DESCRIPTORS = 8


class Program(msgspec.Struct, frozen=True, tag="program"):
    """Start a program in a session of its own, with the descriptors that come along at these numbers.

    `memory` limits its data segment, in bytes, 0 for no limit. With `root` it
    gets a file system of its own, in which the binds are seen below `/pfs`.
    """

    argv: list[str]
    environment: dict[str, str]
    folder: str
    descriptors: list[int]
    memory: int = 0
    root: str = ""
    binds: list[Bind] = []


class Probe(msgspec.Struct, frozen=True, tag="probe"):
    """Try whether a file system of its own can be had, mounting on this empty folder."""

    root: str


class Afterwards(msgspec.Struct, frozen=True, tag="afterwards"):
    """Run this when everything is to end and before it does; nothing for an empty one."""

    argv: list[str]


class Sweep(msgspec.Struct, frozen=True, tag="sweep"):
    """End the program and all that was started by it."""


class Started(msgspec.Struct, frozen=True, tag="started"):
    """The program runs."""

    pid: int


class NotStarted(msgspec.Struct, frozen=True, tag="not-started"):
    """It could not be started: what was tried, and what the system said."""

    step: str
    errno: int
    message: str


class Probed(msgspec.Struct, frozen=True, tag="probed"):
    """Why no file system of its own can be had; empty where it can."""

    refusal: str


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """The program ended: its wait status, and the most memory that it took."""

    status: int
    peak_bytes: int


class Swept(msgspec.Struct, frozen=True, tag="swept"):
    """Nothing that was started runs any more, except for so many processes that the kernel does not let go."""

    left: int


Order = Program | Probe | Afterwards | Sweep
Reply = Started | NotStarted | Probed | Exited | Swept

_decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)


def send_order(connection: socket.socket, order: Order, descriptors: list[int]) -> None:
    """Sends an order with open files.

    Raises:
        OSError: The launcher is gone.
    """
    body = msgspec.msgpack.encode(order)
    socket.send_fds(connection, [_LENGTH.pack(len(body))], descriptors)
    connection.sendall(body)


def receive_order(connection: socket.socket) -> tuple[Order, list[int]] | None:
    """Returns an order and the open files that came with it; none when whoever gives orders is gone."""
    try:
        head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_DESCRIPTORS)
        if not head:
            return None
        head += _exactly(connection, _LENGTH.size - len(head))
        (length,) = _LENGTH.unpack(head)
        return _decoder.decode(_exactly(connection, length)), descriptors
    except ConnectionError:
        return None


def send_reply(connection: socket.socket, reply: Reply) -> None:
    """Sends a reply; one that nobody hears is no matter, since the end of the connection is noticed elsewhere."""
    body = msgspec.msgpack.encode(reply)
    try:
        connection.sendall(_LENGTH.pack(len(body)) + body)
    except OSError:
        return


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        got = connection.recv(size - len(data))
        if not got:
            raise ConnectionError
        data += got
    return data
