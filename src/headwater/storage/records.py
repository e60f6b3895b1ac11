"""Commit records and tombstones: what the catalog would need to have a commit again.

The order of the fields is the format (docs/format/commits.md). What they mean
is the business of the floors that write them.
"""

from typing import Literal

import msgspec

from headwater.storage import hashing
from headwater.storage.block import Kind
from headwater.storage.errors import UnknownFormat
from headwater.storage.values import Pointer

VERSION = 1


class RecordedProvenance(msgspec.Struct, frozen=True, array_like=True):
    """One thing that went into a commit, by id."""

    kind: Literal["commit", "code", "request", "evidence"]
    repo: str
    id: str
    role: str


class RecordedTrees(msgspec.Struct, frozen=True, array_like=True):
    """The roots of a commit's trees; none for an empty one."""

    output: bytes | None = None
    meta: bytes | None = None
    owner: bytes | None = None
    index: bytes | None = None
    unfinished: bytes | None = None

    @classmethod
    def of(
        cls,
        output: Pointer | None,
        meta: Pointer | None = None,
        owner: Pointer | None = None,
        index: Pointer | None = None,
        unfinished: Pointer | None = None,
    ) -> "RecordedTrees":
        """Takes pointers, as a commit record holds them."""
        roots = (output, meta, owner, index, unfinished)
        return cls(*[None if root is None else root.encode() for root in roots])


class CommitRecord(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A commit when it is final."""

    version: int = VERSION
    id: str
    set: str
    repo: str
    repo_kind: str
    branch: str
    parent: str | None
    state: Literal["finished", "failed", "covered"]
    created_ms: int
    author: str
    message: str
    metadata: dict[str, str]
    provenance: tuple[RecordedProvenance, ...]
    trees: RecordedTrees
    files: int
    size: int


class Tombstone(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What is left of a commit whose contents were removed; `trees` holds hashes, for there are no places."""

    version: int = VERSION
    id: str
    set: str
    repo: str
    repo_kind: str
    branch: str
    parent: str | None
    created_ms: int
    purged_ms: int
    by: str
    reason: str
    provenance: tuple[RecordedProvenance, ...]
    trees: RecordedTrees
    files: int
    size: int


_encoder = msgspec.msgpack.Encoder(order="sorted")


def encode(record: CommitRecord | Tombstone) -> tuple[Kind, bytes, bytes]:
    """Returns the kind of block, the hash and the bytes of a record."""
    data = _encoder.encode(record)
    if isinstance(record, CommitRecord):
        return Kind.COMMIT_RECORD, hashing.domain_hash(hashing.COMMIT_RECORD, data), data
    return Kind.TOMBSTONE, hashing.domain_hash(hashing.TOMBSTONE, data), data


def decode_commit(data: bytes | memoryview) -> CommitRecord:
    """Returns the commit record that `encode` wrote.

    Raises:
        UnknownFormat: It was written by a newer version.
    """
    _check_version("A commit record", data)
    return msgspec.msgpack.decode(data, type=CommitRecord)


def decode_tombstone(data: bytes | memoryview) -> Tombstone:
    """Returns the tombstone that `encode` wrote.

    Raises:
        UnknownFormat: It was written by a newer version.
    """
    _check_version("A tombstone", data)
    return msgspec.msgpack.decode(data, type=Tombstone)


def _check_version(what: str, data: bytes | memoryview) -> None:
    fields = msgspec.msgpack.decode(data, type=list[msgspec.Raw])
    version = msgspec.msgpack.decode(fields[0], type=int) if fields else 0
    if version != VERSION:
        raise UnknownFormat(what, version=version)
