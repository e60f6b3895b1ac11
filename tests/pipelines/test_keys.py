"""The keys of datums are those of docs/format, to the byte."""

from typing import Any

import pytest

from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, DatumInput, Members
from headwater.storage import PortableFile
from tests.storage.reference.make_vectors import load

VECTORS = load("keys")


def seen(name: str, repo: str, branch: str, path: str, hash: bytes, *, reference: bool = False) -> DatumInput:
    return DatumInput(name, repo, branch, path, hash, PortableFile(hash, 0, False, ()), reference)


def datum(*inputs: DatumInput, part: str, code: str = "", identity: bytes = b"") -> Datum:
    return Datum("label", inputs, "call", b"params", identity, code, part)


@pytest.mark.parametrize("vector", VECTORS["datum"])
def test_datum_keys_are_those_of_the_format(vector: dict[str, Any]) -> None:
    one = datum(
        *(seen(name, repo, branch, path, bytes(32)) for name, repo, branch, path in vector["files"]),
        part=vector["part"],
    )

    assert datum_key(one).hex() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["memo"])
def test_memo_keys_are_those_of_the_format(vector: dict[str, Any]) -> None:
    files = [seen(name, "any", "any", path, bytes.fromhex(hash)) for name, path, hash in vector["files"]]
    identity = bytes.fromhex(vector["settings"])
    one = datum(*files, part=vector["part"], code=vector["code"], identity=identity)

    assert memo_key(one, vector["salt"]).hex() == vector["key"]


def test_keys_of_groups_are_those_of_the_format() -> None:
    vector = VECTORS["group"]
    name = tuple(bytes.fromhex(field) for field in vector["name"])
    group = Members(name, bytes.fromhex(vector["digest"]), 2, 10, lambda: iter(()))
    one = Datum("label", (group,), "call", b"params", b"", "")

    assert datum_key(one).hex() == vector["datum"]
    assert memo_key(one, "0123").hex() == vector["memo"]


def test_code_that_is_left_out_is_the_empty_field() -> None:
    one = datum(part="", code="abcd")

    assert memo_key(one, "s", with_code=False) == memo_key(datum(part="", code=""), "s")


def test_a_reference_is_in_the_datum_key_and_not_in_the_memo_key() -> None:
    data = seen("data", "r", "main", "a", bytes(32))
    before, after = (seen("model", "m", "main", "b", bytes([n]) * 32, reference=True) for n in (1, 2))

    assert memo_key(datum(data, before, part=""), "s") == memo_key(datum(data, after, part=""), "s")
    assert datum_key(datum(data, before, part="")) != datum_key(datum(data, part=""))
