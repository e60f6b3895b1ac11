"""The bytes of the index, which later versions must read: keys, values, digests."""

from blake3 import blake3

from headwater.pipelines.kind import Members
from headwater.pipelines.spec import FilesInput, GroupInput, JoinInput
from headwater.storage import content_hash
from tests.pipelines.inputs.workbench import Bench

GROUP = GroupInput(
    of=(
        FilesInput(name="r", repo="r", glob="/(?)*", group_by="$1"),
        FilesInput(name="s", repo="s", glob="/(?)*", group_by="$1", reference=True),
    )
)
JOIN = JoinInput(of=(FilesInput(name="r", repo="r", glob="/(?)*", join_on="$1"), GROUP))
STATE = {"r": {"a1": 1}, "s": {"ax": 2}}  # the file a1 holds "1" and is said to have 11 bytes
A1 = f"9401c420{content_hash(b'1').hex()}0bc2"
MARK = "ab6d641576dcf9db8b046c88496927ec09ff38c58b73320158bd9c3a39211f5b"


def field(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data


def test_the_index_and_the_digest_of_a_group_are_as_the_format_says(bench: Bench) -> None:
    planner = bench.planner(GROUP, bench.trees(STATE))

    ((members,),) = [datum.inputs for datum in planner.every()]

    index = planner.index()
    assert index is not None
    assert isinstance(members, Members)
    rows = [(key.hex(), value.hex()) for key, value in index.items()]
    assert rows == [
        ("00000100016100006131", A1),
        ("00000100016180016178", "9401c000c2"),
        ("000003000161", "940102010b"),
    ]
    writer = bench.storage.writer()
    seen = writer.edit_map(bench.storage.map_tree(None), [tuple(map(bytes.fromhex, rows[0]))])  # type: ignore[list-item]
    hasher = blake3(derive_key_context="headwater 2026 group digest v1")
    hasher.update(field(b"\0\0") + field(b"r") + field(b"\0\1") + field(b"s") + field(b"a") + seen.root_hash)
    assert members.digest == hasher.digest()
    assert members.digest.hex() == "f3d8d4f9827acf666deb8fccdff522d4585906c3403d9a0aa272ce4bf5ff90b5"
    assert members.name == (bytes.fromhex(MARK), b"a")


def test_the_index_of_a_join_with_a_group_is_as_the_format_says(bench: Bench) -> None:
    planner = bench.planner(JOIN, bench.trees(STATE))

    assert len(list(planner.every())) == 1

    index = planner.index()
    assert index is not None
    joined = [(key.hex(), value.hex()) for key, value in index.items() if key[:2] == b"\0\1"]
    place = "2180a08a817f50f4f502a84550761afe03a0693959382a6cfc19a508b104ba65"
    group = "92019193ffa161c4200e411cedc4a8bc5912f32ad24cbe0c187f6c6f9e6c64c04f551df44a514df4e2"
    assert joined == [
        ("00010100016100006131", A1),
        ("0001010001610001" + place, group),
    ]
    assert index.root_hash.hex() == "067fd780c43b562c11affed52ffcd36b4d943e0ffed376e2e4b57aed0cf84979"
