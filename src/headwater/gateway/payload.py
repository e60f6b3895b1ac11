"""The body of a request as the bytes that were meant: taken out of chunks, and checked to its end.

Clients send a body as it is, or in chunks that each carry a signature, or in
chunks with a checksum behind the last. Whatever a request says of its body -
length, SHA-256, MD5, checksums, signatures - is checked while it is read, and
the read that would return the end raises instead. So who reads to the end
and then commits, commits only what was meant.

Source: AWS, "Signature calculations for the authorization header:
transferring payload in multiple chunks", and "... with trailing headers".
"""

import hashlib
import hmac
import io
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

from headwater.gateway.checksums import ALGORITHMS, Checksum
from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import RawBody, S3Request
from headwater.gateway.signature import EMPTY_SHA256, UNSIGNED, Signed, sha256, sign, string_to_sign

MOST_BYTES = 5 * 1024**3  # of one PUT, as S3 has it
_LONGEST_LINE = 16 * 1024
_PIECE = 1 << 18
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_STREAMED = "STREAMING-"
_MODES = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}


class Payload(io.RawIOBase):
    """A body to read once; `size` is how many bytes it will give."""

    def __init__(self, request: S3Request, signed: Signed, key: bytes) -> None:
        """Reads nothing yet.

        Raises:
            S3Refusal: A header about the body is missing or makes no sense.
        """
        headers = request.headers
        self._raw: RawBody = request.body
        self._chunks: _Chunks | None = None
        self._sha256: str | None = None
        length = _length(headers.get("content-length"), what="Content-Length")
        if signed.payload.startswith(_STREAMED):
            length = _length(headers.get("x-amz-decoded-content-length"), what="x-amz-decoded-content-length")
            self._chunks = _Chunks(request.body, signed, key)
        elif signed.payload != UNSIGNED:
            if not _HEX_64.fullmatch(signed.payload):
                raise S3Refusal("InvalidArgument", "x-amz-content-sha256 is none of the forms that S3 has.")
            self._sha256 = signed.payload
        if length > MOST_BYTES:
            raise S3Refusal(
                "EntityTooLarge", f"One request takes at most {MOST_BYTES} bytes; use several parts."
            )
        self.size = length
        self._left = length
        self._md5 = _digest(headers.get("content-md5"), 16, "Content-MD5")
        self._wanted = _wanted(request)
        self._running: dict[str, Checksum] = {name: ALGORITHMS[name]() for name in self._wanted}
        self._hash = hashlib.sha256() if self._sha256 is not None else None
        self._md5_hash = hashlib.md5(usedforsecurity=False) if self._md5 is not None else None
        self._is_over = False

    @property
    def checksums(self) -> dict[str, str]:
        """The headers of the checksums that the body was found to have."""
        return {
            f"x-amz-checksum-{name}": b64encode(running.digest()).decode()
            for name, running in self._running.items()
        }

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Returns up to `size` bytes; less only at the end.

        Raises:
            S3Refusal: The body is not what the request says.
        """
        pieces: list[bytes] = []
        left = self._left if size < 0 else min(size, self._left)
        while left:
            piece = self._some(min(left, _PIECE))
            if not piece:
                raise S3Refusal("IncompleteBody", "The body has less bytes than its headers say.")
            self._note(piece)
            pieces.append(piece)
            left -= len(piece)
        if not self._left:
            self._finish()
        return b"".join(pieces)

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fills a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        return self._raw.read(size) if self._chunks is None else self._chunks.read(size)

    def _note(self, piece: bytes) -> None:
        self._left -= len(piece)
        for running in (self._hash, self._md5_hash, *self._running.values()):
            if running is not None:
                running.update(piece)

    def _finish(self) -> None:
        if self._is_over:
            return
        if self._some(1):
            raise S3Refusal("IncompleteBody", "The body has more bytes than its headers say.")
        if self._hash is not None and self._hash.hexdigest() != self._sha256:
            raise S3Refusal("XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
        if self._md5_hash is not None and self._md5_hash.digest() != self._md5:
            raise S3Refusal("BadDigest", "The body does not have the MD5 that the request names.")
        trailers = {} if self._chunks is None else self._chunks.trailers
        for name, running in self._running.items():
            wanted = self._wanted[name] or _digest(
                trailers.get(f"x-amz-checksum-{name}"), len(running.digest()), f"x-amz-checksum-{name}"
            )
            if running.digest() != wanted:
                raise S3Refusal("BadDigest", f"The body does not have the {name} that the request names.")
        self._is_over = True


class _Chunks:
    """Takes the bytes out of `aws-chunked` and checks the signature of each chunk."""

    def __init__(self, raw: RawBody, signed: Signed, key: bytes) -> None:
        if signed.payload not in _MODES:
            raise S3Refusal("NotImplemented", f"Bodies of the form {signed.payload} are not supported.")
        self._is_signed, self._has_trailer = _MODES[signed.payload]
        self._raw, self._signed, self._key = raw, signed, key
        self._buffer = b""
        self._left = 0
        self._before, self._named = signed.signature, ""
        self._hash = hashlib.sha256()
        self._state = "first"
        self.trailers: dict[str, str] = {}

    def read(self, size: int) -> bytes:
        if self._state == "over":
            return b""
        if not self._left:
            self._next()
            if self._state == "over":
                return b""
        piece = self._take(min(size, self._left))
        self._left -= len(piece)
        if self._is_signed:
            self._hash.update(piece)
        return piece

    def _next(self) -> None:
        """Goes to the next chunk, ending the one before."""
        if self._state == "inside":
            self._expect_line_end()
            self._check_chunk()
        head = self._line()
        digits, _, extension = head.partition(";")
        try:
            self._left = int(digits, 16)
        except ValueError:
            raise _incomplete("a chunk does not say its length") from None
        if not 0 <= self._left <= MOST_BYTES:
            raise _incomplete("a chunk is too long")
        self._named = extension.removeprefix("chunk-signature=")
        self._state = "inside"
        if not self._left:
            self._check_chunk()
            self._end()

    def _end(self) -> None:
        hashed = b""
        while line := self._line(may_end=True):
            name, _, value = line.partition(":")
            self.trailers[name.strip().lower()] = value.strip()
            if name.strip().lower() != "x-amz-trailer-signature":
                hashed += f"{name.strip().lower()}:{value.strip()}\n".encode()
        if self._is_signed and self._has_trailer:
            text = string_to_sign("AWS4-HMAC-SHA256-TRAILER", self._signed, self._before, sha256(hashed))
            self._compare(sign(self._key, text), self.trailers.get("x-amz-trailer-signature", ""))
        self._state = "over"

    def _check_chunk(self) -> None:
        if self._is_signed:
            hashes = (self._before, EMPTY_SHA256, self._hash.hexdigest())
            wanted = sign(self._key, string_to_sign("AWS4-HMAC-SHA256-PAYLOAD", self._signed, *hashes))
            self._compare(wanted, self._named)
            self._before, self._hash = wanted, hashlib.sha256()

    def _compare(self, wanted: str, given: str) -> None:
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise S3Refusal(
                "SignatureDoesNotMatch", "A chunk of the body does not have the signature it names."
            )

    def _take(self, size: int) -> bytes:
        if not self._buffer:
            self._buffer = self._raw.read(_PIECE)
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        if not piece:
            raise _incomplete("it ends within a chunk")
        return piece

    def _line(self, *, may_end: bool = False) -> str:
        while b"\n" not in self._buffer:
            more = self._raw.read(_PIECE)
            if not more and may_end and not self._buffer:
                return ""
            if not more or len(self._buffer) > _LONGEST_LINE:
                raise _incomplete("a chunk's head does not end")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r").decode("latin-1")

    def _expect_line_end(self) -> None:
        if self._line():
            raise _incomplete("a chunk is longer than it says")


def read_small(request: S3Request, signed: Signed, key: bytes, limit: int) -> bytes:
    """Returns a body that must be short, such as an XML document.

    Raises:
        S3Refusal: It is longer, or not what the request says of it.
    """
    payload = Payload(request, signed, key)
    if payload.size > limit:
        raise S3Refusal("MaxMessageLengthExceeded", f"The body may have at most {limit} bytes.")
    return payload.read()


def _wanted(request: S3Request) -> dict[str, bytes | None]:
    """Returns the checksums that are named, with their values; none for one that comes in the trailer."""
    headers = request.headers
    wanted: dict[str, bytes | None] = {}
    for name, make in ALGORITHMS.items():
        if f"x-amz-checksum-{name}" in headers:
            header = f"x-amz-checksum-{name}"
            wanted[name] = _digest(headers[header], len(make().digest()), header)
    for trailer in headers.get("x-amz-trailer", "").split(","):
        name = trailer.strip().lower().removeprefix("x-amz-checksum-")
        if name in ALGORITHMS:
            wanted.setdefault(name, None)
        elif name:
            raise S3Refusal("NotImplemented", f"The trailer {trailer.strip()!r} is not supported.")
    return wanted


def _digest(text: str | None, size: int, what: str) -> bytes | None:
    if text is None:
        return None
    try:
        found = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        found = b""
    if len(found) != size:
        raise S3Refusal("InvalidDigest", f"{what} must be {size} bytes as base64.")
    return found


def _length(text: str | None, *, what: str) -> int:
    if text is None:
        raise S3Refusal("MissingContentLength", f"The header {what} is needed.")
    if not (text.isascii() and text.isdecimal()):
        raise S3Refusal("InvalidArgument", f"{what} is no number.")
    return int(text)


def _incomplete(why: str) -> S3Refusal:
    return S3Refusal("IncompleteBody", f"The body is not what its headers say: {why}.")
