"""Hashes of docs/format/README.md."""

from blake3 import blake3


def plain(data: bytes) -> bytes:
    return blake3(data).digest()


def derived(domain: str, data: bytes) -> bytes:
    return blake3(data, derive_key_context=f"headwater 2026 {domain} v1").digest()


def number(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little")


def column(values: list[int], width: int) -> bytes:
    return b"".join(number(value, width) for value in values)
