"""A checksum over rows or objects in whatever order they come.

Two databases do not sort texts alike, so the digests of the single items are
added up instead of hashed in a row: the sum of their 256-bit digests.
"""

from collections.abc import Sequence

import blake3
import msgspec

_MODULUS = 1 << 256
_BYTES = 32


def of_row(values: Sequence[object]) -> int:
    """Returns the digest of a row, alike for every database that it may come from."""
    plain = [_plain(value) for value in values]
    return int.from_bytes(blake3.blake3(msgspec.msgpack.encode(plain)).digest())


def of_object(key: str, data: bytes) -> int:
    """Returns the digest of an object under its key."""
    return int.from_bytes(blake3.blake3(key.encode() + b"\0" + blake3.blake3(data).digest()).digest())


def added(sum: bytes, digests: int) -> bytes:
    """Returns a sum of digests with more of them in it."""
    return ((int.from_bytes(sum) + digests) % _MODULUS).to_bytes(_BYTES)


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, memoryview):
        return bytes(value)
    return value
