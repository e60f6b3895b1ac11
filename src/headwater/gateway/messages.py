"""A request and a response of the gateway as plain values, without a server around them.

A body comes as something to read from and goes as bytes or as an open file,
so that neither direction ever holds a whole object.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

XML = "application/xml"


class RawBody(Protocol):
    """The bytes of a request as they come over the wire."""

    def read(self, size: int) -> bytes:
        """Returns at least one byte and at most `size`; nothing at the end."""
        ...


@dataclass(frozen=True)
class S3Request:
    """One request.

    Args:
        method: In capitals.
        path: Decoded, beginning with a slash.
        query: Names and values, decoded, in their order.
        headers: By lower-case name; several of one name are joined by commas.
        body: What it carries.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: RawBody

    def param(self, name: str) -> str | None:
        """Returns the value of a query parameter; empty where it stands without one."""
        return next((value for key, value in self.query if key == name), None)

    def has(self, name: str) -> bool:
        """Tells whether a query parameter is there."""
        return self.param(name) is not None


@dataclass(frozen=True)
class FileSpan:
    """A part of an open file, to be sent and then closed."""

    file: BinaryIO
    size: int


@dataclass(frozen=True)
class S3Response:
    """What is answered; `length` is that of the body, or of the body that a HEAD leaves out."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileSpan = b""
    length: int | None = None
    must_close: bool = False
