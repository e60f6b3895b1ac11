"""The hash domains of the format, one function or context each.

Plain BLAKE3 is for contents, so that anybody can check them with any tool;
everything else is hashed in a domain of its own, so that bytes of one sort
can never pass as another. See docs/format/README.md.
"""

from blake3 import blake3

FILE_NODE = "headwater 2026 file node v1"
MAP_NODE = "headwater 2026 map node v1"
LARGE_FILE = "headwater 2026 large file v1"
LOCATION = "headwater 2026 location v1"
FOOTER = "headwater 2026 footer v1"
COMMIT_RECORD = "headwater 2026 commit record v1"
TOMBSTONE = "headwater 2026 tombstone v1"

HASH_BYTES = 32
CHECKSUM_BYTES = 16
BOUNDARY_CONSTANT = b"headwater/tree/1"


def content_hash(data: bytes | bytearray | memoryview) -> bytes:
    """Returns the hash of a small file or a chunk."""
    return blake3(data).digest()


def domain_hash(context: str, data: bytes | bytearray | memoryview) -> bytes:
    """Returns the hash of bytes in one of the domains above."""
    return blake3(data, derive_key_context=context).digest()


def checksum(context: str, first: bytes, second: bytes | bytearray | memoryview) -> bytes:
    """Returns the 16-byte checksum of two byte strings that belong together."""
    return blake3(first, derive_key_context=context).update(second).digest(CHECKSUM_BYTES)


EMPTY_CONTENT = content_hash(b"")
