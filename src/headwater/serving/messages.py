"""What reaches the core and what leaves it: plain structs, no server's types.

An adapter (ASGI now, others by option) builds a `Request` and sends a
`Response`; everything between can be tested without a socket.
"""

from collections.abc import Mapping

import msgspec


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, read to its end.

    `path` is percent-decoded, `query` is not; header names are lower-case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Response(msgspec.Struct, frozen=True):
    """One HTTP response; its body is always JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Limits(msgspec.Struct, frozen=True):
    """How much one request, and all of them together, may ask for.

    Requests of up to `inline_rows` rows and `inline_bytes` bytes (of up to
    `inline_wrong_bytes` where something is wrong with them) are handled on the
    event loop, where rows of one tick share a model call; larger ones on a
    thread, so that nobody waits for them. At most `problems` bad fields are
    listed in one answer, else a small body could ask for a huge answer.
    """

    body_bytes: int = 16 * 1024 * 1024
    body_wait_s: float = 30.0
    rows: int = 100_000
    problems: int = 10_000
    in_flight: int = 1024
    inline_rows: int = 256
    inline_bytes: int = 64 * 1024
    inline_wrong_bytes: int = 1024
