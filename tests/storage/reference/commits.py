"""Keys and records of docs/format/commits.md; MessagePack is written here by hand, as far as it is needed."""

from typing import Any

from tests.storage.reference.hashes import derived, number


def key(domain: str, fields: list[bytes]) -> bytes:
    return derived(domain, b"".join(number(len(field), 8) + field for field in fields))


def datum_key(part: str, files: list[tuple[str, str, str, str]]) -> bytes:
    return key("datum key", [part.encode(), *[text.encode() for file in files for text in file]])


def memo_key(salt: str, code: str, settings: bytes, part: str, files: list[tuple[str, str, bytes]]) -> bytes:
    fields = [salt.encode(), code.encode(), settings, part.encode()]
    for name, path, hash in files:
        fields += [name.encode(), path.encode(), hash]
    return key("memo key", fields)


def group_datum_key(part: str, name: list[bytes]) -> bytes:
    return key("datum key", [part.encode(), b"\0group", number(len(name), 4), *name])


def group_memo_key(salt: str, digest: bytes) -> bytes:
    return key("memo key", [salt.encode(), b"", b"", b"", b"\0group", digest])


def index_key(name: str, value: str, path: str) -> bytes:
    parts = [text.encode() for text in (name, value)]
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts) + path.encode()


def record_hash(domain: str, fields: list[Any]) -> bytes:
    return derived(domain, pack(fields))


def pack(value: Any) -> bytes:
    """Returns a value in MessagePack, in the shortest form."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, str):
        return _head(len(value.encode()), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + value.encode()
    if isinstance(value, bytes):
        return _head(len(value), 0, 0, (0xC4, 0xC5, 0xC6)) + value
    if isinstance(value, list):
        return _head(len(value), 0x90, 16, (0, 0xDC, 0xDD)) + b"".join(map(pack, value))
    names = sorted(value, key=str.encode)
    return _head(len(value), 0x80, 16, (0, 0xDE, 0xDF)) + b"".join(
        pack(name) + pack(value[name]) for name in names
    )


def _integer(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    for code, width in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if value < 256**width:
            return bytes([code]) + value.to_bytes(width, "big")
    raise OverflowError(value)


def _head(length: int, short: int, short_below: int, codes: tuple[int, int, int]) -> bytes:
    if length < short_below:
        return bytes([short + length])
    for code, width in zip(codes, (1, 2, 4), strict=True):
        if code and length < 256**width:
            return bytes([code]) + length.to_bytes(width, "big")
    raise OverflowError(length)
