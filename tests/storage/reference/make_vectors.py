"""Writes the test vectors: `python -m tests.storage.reference.make_vectors`.

They are frozen. Run this only for a new version of the format, whose vectors
go beside those of the old one.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.storage.reference import commits, content, recipes, segments, trees
from tests.storage.reference.hashes import plain
from tests.storage.reference.trees import Child, File, Place, Value

FOLDER = Path(__file__).parents[1] / "vectors"


def boundaries() -> Any:
    keys = [b"%d" % n for n in range(400)] + ["ü/é".encode(), b"x" * 1024, b"\xff"]
    return [
        {"level": level, "keys": [key.hex() for key in keys if trees.is_boundary(level, key)]}
        for level in (0, 1, 2, 255)
    ]


def nodes() -> Any:
    files = [
        File(b"a", plain(b"a"), 1, 0, Place(1, 16, 2)),
        File(b"b/c.txt", plain(b""), 0, 1),
        File("ü".encode(), plain(b"u"), 2**40, 0, Place(2**40, 2**31, 99)),
    ]
    children = [Child(b"k", plain(b"1"), 64, 9_000, Place(7, 16, 500)), Child(b"zz", plain(b"2"), 3, 2**50)]
    entries = [
        Value(b"\x00", b"\x91\x01"),
        Value(b"key", b"\x92\x01\xc0", ((plain(b"p"), Place(3, 4, 5)), (plain(b"q"), Place(6, 7, 8)))),
    ]
    made = []
    for kind, level, given in (
        ("file", 0, files),
        ("file", 1, children),
        ("map", 0, entries),
        ("map", 3, children),
    ):
        hash = trees.node_hash(kind, level, given)
        location = trees.location(kind, level, given)
        made.append(
            {
                "kind": kind,
                "level": level,
                "identity": trees.identity(kind, level, given).hex(),
                "location": location.hex(),
                "hash": hash.hex(),
                "location_checksum": trees.location_checksum(hash, location).hex(),
            }
        )
    return made


def roots() -> Any:
    made = []
    for kind, recipe in (("file", recipes.FILE_TREES), ("map", recipes.MAP_TREES)):
        for name, entries in recipe.items():
            built = trees.build(kind, list(entries))
            shape = [len(level) for level in built.levels]
            made.append({"kind": kind, "recipe": name, "root": built.root.hex(), "nodes": shape})
    return made


def digests() -> Any:
    made = []
    for name, prefixes in (("folders 10,000", ["3", "3/part-0", "96", "nowhere"]), ("words", ["b", "日本"])):
        for prefix in prefixes:
            below = [e for e in recipes.FILE_TREES[name] if e.key.startswith(prefix.encode() + b"/")]
            root = trees.build("file", below).root.hex()
            made.append({"recipe": name, "folder": prefix, "files": len(below), "digest": root})
    return made


def contents() -> Any:
    found = {}
    for name, size in recipes.CONTENTS.items():
        data = recipes.stream(name, size)
        lengths = content.cuts(data) if size > content.SMALL else []
        found[name] = {"size": size, "chunks": lengths, "hash": content.content_hash(data, lengths).hex()}
    return found


def cuts() -> Any:
    found = {
        name: {"seed": seed, "size": size, "chunks": content.cuts(recipes.stream(seed, size))}
        for name, (seed, size) in recipes.STREAMS.items()
    }
    zeros = content.cuts(bytes(recipes.ZEROS))
    return found | {"zeros": {"seed": None, "size": recipes.ZEROS, "chunks": zeros}}


def segment() -> Any:
    files = [File(b"a.txt", plain(b"A fine film."), 12, 0, Place(5, 16, 13))]
    hash, data = trees.node_hash("file", 0, files), b"A fine film."
    node = segments.sections(hash, trees.identity("file", 0, files), trees.location("file", 0, files))
    blocks = [
        (plain(data), segments.block(segments.CONTENT, data)),
        (hash, segments.block(segments.FILE_NODE, node)),
    ]
    return {
        "id": 5,
        "segment": segments.segment(5, blocks).hex(),
        "pointers": [
            segments.pointer(plain(data), Place(5, 16, 13)).hex(),
            segments.pointer(hash, Place(5, 29, len(blocks[1][1]))).hex(),
        ],
    }


def keys() -> Any:
    files = [("reviews", "reviews", "main", "1.txt"), ("model", "models/iris", "prod", "manifest.json")]
    seen = [("reviews", "1.txt", plain(b"1")), ("model", "manifest.json", plain(b"2"))]
    return {
        "datum": [
            {"part": part, "files": given, "key": commits.datum_key(part, given).hex()}
            for part, given in (("", []), ("", files), ("label", files[:1]), ("", [("a", "b", "c", "d/e")]))
        ],
        "memo": [
            {
                "salt": salt,
                "code": code,
                "settings": settings.hex(),
                "part": part,
                "files": [(name, path, hash.hex()) for name, path, hash in given],
                "key": commits.memo_key(salt, code, settings, part, given).hex(),
            }
            for salt, code, settings, part, given in (
                ("", "", b"", "", []),
                ("0123", "abcd", b'{"depth":6}', "label", seen),
                ("0123", "", b"", "", seen[:1]),
            )
        ],
        "group": {
            "name": [b"mark".hex(), b"2024".hex()],
            "digest": plain(b"members").hex(),
            "datum": commits.group_datum_key("", [b"mark", b"2024"]).hex(),
            "memo": commits.group_memo_key("0123", plain(b"members")).hex(),
        },
        "index": commits.index_key("reviews", "2024", "a/b.txt").hex(),
    }


def records() -> Any:
    root = segments.pointer(plain(b"root"), Place(9, 16, 200))
    provenance = [["commit", "iris", "0" * 32, "iris"], ["code", "", "sha", "trainer"]]
    record = [
        1, "1" * 32, "2" * 32, "iris", "data", "main", None, "finished", 1_700_000_000_123, "ann", "März",
        {"b": "2", "aa": "1"}, provenance, [root, None, None, None, None], 150, 2_700,
    ]  # fmt: skip
    tombstone = [
        1, "1" * 32, "2" * 32, "iris", "data", "main", "3" * 32, 1_700_000_000_123, 1_800_000_000_000, "ann",
        "purge", provenance, [plain(b"root"), None, None, None, None], 150, 2_700,
    ]  # fmt: skip
    return {
        domain.replace(" ", "_"): {
            "bytes": commits.pack(fields).hex(),
            "hash": commits.record_hash(domain, fields).hex(),
        }
        for domain, fields in (("commit record", record), ("tombstone", tombstone))
    }


VECTORS: dict[str, Callable[[], Any]] = {
    "boundaries": boundaries,
    "nodes": nodes,
    "roots": roots,
    "digests": digests,
    "contents": contents,
    "cuts": cuts,
    "segment": segment,
    "keys": keys,
    "records": records,
}
SLOW = {"contents", "cuts"}


def load(name: str) -> Any:
    """Returns frozen vectors."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, make in VECTORS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
