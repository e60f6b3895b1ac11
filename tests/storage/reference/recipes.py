"""What the vectors are made of: trees and bytes that a few words describe, so that anybody can make them again."""

from blake3 import blake3

from tests.storage.reference.hashes import plain
from tests.storage.reference.trees import File, Place, Value, is_boundary

MIB = 1024 * 1024


def stream(seed: str, size: int) -> bytes:
    """Returns bytes without a pattern: the extended output of BLAKE3 of the seed."""
    return blake3(seed.encode()).digest(size)


def numbered(count: int) -> list[File]:
    """Files 0000000.txt and on; every seventh may be run."""
    return [
        File(
            b"%07d.txt" % n,
            plain(b"%d" % n),
            n % 1000,
            int(n % 7 == 0),
            Place(1 + n // 100, 16 + n, 1 + n % 1000),
        )
        for n in range(count)
    ]


def folders(count: int) -> list[File]:
    """Files in 97 folders with names of several lengths, two deep in some."""
    made = []
    for n in range(count):
        folder = f"{n % 97}/part-{n % 5}" if n % 97 < 10 else f"{n % 97}"
        made.append(File(f"{folder}/{n}.csv".encode(), plain(b"%d" % n), n))
    return made


def crowded(count: int) -> list[File]:
    """Files of which none ends a run on level 0, so that runs are split at the cap."""
    made: list[File] = []
    n = 0
    while len(made) < count:
        key = b"c/%d" % n
        if not is_boundary(0, key):
            made.append(File(key, plain(key), 1))
        n += 1
    return made


def words() -> list[File]:
    """Files with names outside ASCII, and such that sort between a folder and what is in it."""
    names = ["a", "a.txt", "b/a", "b-c", "b.c", "b/ä", "b/é", "日本/語.txt", "z" * 255, "😀", "b0"]
    return [File(name.encode(), plain(name.encode()), len(name)) for name in sorted(names, key=str.encode)]


def values(count: int) -> list[Value]:
    """Values under keys without a pattern, every third with a pointer beside it."""
    made = []
    for n in range(count):
        pointers = ((plain(b"%d" % n), Place(1 + n, 16, 100)),) if n % 3 == 0 else ()
        made.append(Value(plain(b"key %d" % n), b"\x92\x01\xcd" + n.to_bytes(2, "big"), pointers))
    return sorted(made, key=lambda value: value.key)


FILE_TREES = {
    "empty": [],
    "one file": numbered(1),
    "numbered 64": numbered(64),
    "numbered 1,000": numbered(1_000),
    "numbered 20,000": numbered(20_000),
    "folders 10,000": folders(10_000),
    "crowded 5,000": crowded(5_000),
    "words": words(),
}
MAP_TREES = {"empty": [], "values 1": values(1), "values 300": values(300), "values 10,000": values(10_000)}

CONTENTS = {"nothing": 0, "a byte": 1, "just small": MIB, "just large": MIB + 1, "several chunks": 9 * MIB}
STREAMS = {"random": ("random", 40 * MIB), "odd": ("odd", 5 * MIB + 1), "least": ("least", MIB)}
ZEROS = 40 * MIB
