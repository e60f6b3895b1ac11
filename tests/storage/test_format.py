"""The package writes and reads what docs/format says, as frozen in vectors made by the reference."""

import json
from typing import Any

import msgspec
import pytest
import zstandard

from headwater.errors import InvalidInput
from headwater.storage import (
    CommitRecord,
    FileEntry,
    Pointer,
    RecordedProvenance,
    RecordedTrees,
    Tombstone,
    UnknownFormat,
    content_hash,
    digest_of,
)
from headwater.storage import records as record_codec
from headwater.storage.block import Damaged, Kind, Packer, Sections, payload_of, sections_of
from headwater.storage.chunker import split
from headwater.storage.node import Node, encode_identity, encode_location
from headwater.storage.segment import SegmentBuilder, listed_blocks
from headwater.storage.shape import FORMAT
from tests.storage.reference import content, make_vectors, recipes
from tests.storage.reference.make_vectors import load
from tests.storage.reference.recipes import FILE_TREES, MAP_TREES, stream
from tests.storage.reference.trees import File, Value
from tests.storage.workbench import Grove

KINDS = {"file": Kind.FILE_NODE, "map": Kind.MAP_NODE}


@pytest.mark.parametrize("name", sorted(make_vectors.VECTORS.keys() - make_vectors.SLOW))
def test_the_reference_still_makes_the_frozen_vectors(name: str) -> None:
    made = json.loads(json.dumps(make_vectors.VECTORS[name]()))

    assert made == load(name)


@pytest.mark.large
@pytest.mark.parametrize("name", sorted(make_vectors.SLOW))
def test_the_reference_still_makes_the_frozen_chunks(name: str) -> None:
    assert json.loads(json.dumps(make_vectors.VECTORS[name]())) == load(name)


@pytest.mark.parametrize("vector", load("boundaries"), ids=lambda vector: f"level {vector['level']}")
def test_boundaries_are_those_of_the_format(vector: dict[str, Any]) -> None:
    keys = [b"%d" % n for n in range(400)] + ["ü/é".encode(), b"x" * 1024, b"\xff"]

    is_boundary = FORMAT.boundaries(vector["level"])

    assert [key.hex() for key in keys if is_boundary(key)] == vector["keys"]


@pytest.mark.parametrize("vector", load("nodes"), ids=lambda vector: f"{vector['kind']} {vector['level']}")
def test_a_node_reads_and_writes_as_the_format_says(vector: dict[str, Any]) -> None:
    kind, hash = KINDS[vector["kind"]], bytes.fromhex(vector["hash"])
    sections = Sections(bytes.fromhex(vector["identity"]), bytes.fromhex(vector["location"]))

    block = Packer().block(kind, hash, *sections)
    node = Node(kind, hash, sections_of(block, kind, hash))

    assert block[5:21].hex() == vector["location_checksum"]
    assert node.level == vector["level"]
    assert encode_identity(kind, node.level, node.rows()) == sections.identity
    assert encode_location(kind, node.level, node.rows()) == sections.location
    assert [node.row(at) for at in range(node.count)] == node.rows()


@pytest.mark.parametrize("vector", load("roots"), ids=lambda vector: f"{vector['kind']} {vector['recipe']}")
def test_golden_roots_stay_as_they_are(vector: dict[str, Any]) -> None:
    kind = KINDS[vector["kind"]]
    recipe: Any = (FILE_TREES if kind is Kind.FILE_NODE else MAP_TREES)[vector["recipe"]]
    grove = Grove(kind)

    tree = grove.build(map(_row, sorted(recipe, key=lambda entry: entry.key)))

    assert tree.root_hash.hex() == vector["root"]
    assert grove.blocks.written == sum(vector["nodes"])
    assert tree.totals == (len(recipe), sum(entry.size for entry in recipe))


@pytest.mark.parametrize("vector", load("digests"), ids=lambda vector: vector["folder"])
def test_folder_digests_are_roots_of_trees_of_their_own(vector: dict[str, Any]) -> None:
    recipe = sorted(FILE_TREES[vector["recipe"]], key=lambda entry: entry.key)
    tree: Any = Grove().build(map(_row, recipe))
    below = [entry for entry in map(_entry, recipe) if entry.path.startswith(vector["folder"] + "/")]

    assert tree.folder_digest(vector["folder"]).hex() == vector["digest"]
    assert tree.folder_counts(vector["folder"])[0] == vector["files"]
    assert digest_of(iter(below)).hex() == vector["digest"]


@pytest.mark.parametrize(("name", "vector"), load("cuts").items())
def test_chunks_end_where_the_format_says(name: str, vector: dict[str, Any]) -> None:
    data = bytes(vector["size"]) if vector["seed"] is None else stream(vector["seed"], vector["size"])

    assert [len(chunk) for chunk in split(data)] == vector["chunks"]


def test_the_chunker_has_the_parameters_of_the_format() -> None:
    from pyfastcdc.py.constants import (
        GEAR,
        MASKS,
    )  # the library's own tables, to catch a release that changes them

    assert list(GEAR) == content.gear()
    assert (MASKS[23], MASKS[21]) == (content.S, content.L)


def test_pointers_and_segments_have_the_bytes_of_the_format() -> None:
    vector = load("segment")
    first, second = (Pointer.decode(bytes.fromhex(text)) for text in vector["pointers"])
    whole = bytes.fromhex(vector["segment"])
    builder = SegmentBuilder(vector["id"])

    builder.add(Kind.CONTENT, first.hash, whole[first.offset + 1 : first.offset + first.length])
    builder.add_block(second.hash, whole[second.offset : second.offset + second.length])

    assert bytes(builder.finished()) == whole
    assert builder.size == len(whole)
    assert [first.encode().hex(), second.encode().hex()] == vector["pointers"]
    assert [(block.kind, block.hash, block.offset, block.length) for block in listed_blocks(5, whole)] == [
        (Kind.CONTENT, first.hash, first.offset, first.length),
        (Kind.FILE_NODE, second.hash, second.offset, second.length),
    ]


@pytest.mark.parametrize("at", [0, 9, -1, -10, -40])
def test_a_flipped_byte_in_the_frame_of_a_segment_is_found(at: int) -> None:
    segment = bytearray.fromhex(load("segment")["segment"])
    segment[at] ^= 1

    with pytest.raises(Damaged):
        list(listed_blocks(5, bytes(segment)))


def test_a_pointer_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Pointer.decode(b"short")


def test_a_pointer_survives_msgpack() -> None:
    pointer = Pointer(content_hash(b"x"), 2**60, 16, 99)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(pointer), type=Pointer) == pointer


def test_records_have_the_bytes_of_the_format() -> None:
    vectors = load("records")
    root = Pointer(content_hash(b"root"), 9, 16, 200)
    provenance = (
        RecordedProvenance("commit", "iris", "0" * 32, "iris"),
        RecordedProvenance("code", "", "sha", "trainer"),
    )
    common: dict[str, Any] = {
        "id": "1" * 32, "set": "2" * 32, "repo": "iris", "repo_kind": "data", "branch": "main",
        "created_ms": 1_700_000_000_123, "provenance": provenance, "files": 150, "size": 2_700,
    }  # fmt: skip
    record = CommitRecord(
        **common, parent=None, state="finished", author="ann", message="März", metadata={"b": "2", "aa": "1"},
        trees=RecordedTrees.of(root),
    )  # fmt: skip
    tombstone = Tombstone(
        **common, parent="3" * 32, purged_ms=1_800_000_000_000, by="ann", reason="purge",
        trees=RecordedTrees(root.hash),
    )  # fmt: skip

    encoded = {
        name: record_codec.encode(one) for name, one in (("commit_record", record), ("tombstone", tombstone))
    }

    assert {name: data.hex() for name, (_, _, data) in encoded.items()} == {
        name: vector["bytes"] for name, vector in vectors.items()
    }
    assert {name: hash.hex() for name, (_, hash, _) in encoded.items()} == {
        name: vector["hash"] for name, vector in vectors.items()
    }
    assert record_codec.decode_commit(encoded["commit_record"][2]) == record
    assert record_codec.decode_tombstone(encoded["tombstone"][2]) == tombstone


def test_a_newer_version_of_anything_is_refused_by_name() -> None:
    node = bytearray.fromhex(load("nodes")[0]["identity"])
    node[0] = 2
    record = msgspec.msgpack.encode([2, "more", "than", "we", "know"])

    with pytest.raises(UnknownFormat, match="tree node has format version 2"):
        Node(Kind.FILE_NODE, bytes(32), Sections(bytes(node), b""))
    with pytest.raises(UnknownFormat, match="commit record has format version 2"):
        record_codec.decode_commit(record)


def test_a_packed_block_that_declares_too_much_is_not_unpacked() -> None:
    bomb = bytes([Kind.FILE_NODE << 4 | 1]) + zstandard.ZstdCompressor().compress(bytes(65 * recipes.MIB))

    with pytest.raises(Damaged, match="sensible size"):
        payload_of(bomb, Kind.FILE_NODE)


def _row(entry: File | Value) -> tuple[Any, ...]:
    if isinstance(entry, File):
        place = entry.place
        return (entry.key, entry.hash, entry.size, entry.flags, place.segment, place.offset, place.length)
    places = tuple(Pointer(hash, place.segment, place.offset, place.length) for hash, place in entry.pointers)
    return (entry.key, entry.value, places)


def _entry(file: File) -> FileEntry:
    return FileEntry(file.key.decode(), file.hash, file.size, bool(file.flags), None)
