"""What a call reports: the function's own mistakes apart from those of the machine."""

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from headwater.db import Catalog
from headwater.errors import InvalidInput, Unavailable
from headwater.pipelines.calls import datum_call
from headwater.pipelines.sets import DatumCall, DatumResult, SetPayload, SetResult
from headwater.storage import Reservation, Storage, open_store

Function = Callable[[bytes, Path, Path], bytes]


def called(function: Function, store: str, scratch: Path, reservation: Reservation) -> DatumResult:
    payload = SetPayload(store, b"", (), (DatumCall(b"key", "datum", ()),), reservation)
    scratch.mkdir()
    result = datum_call(function)(msgspec.msgpack.encode(payload), scratch)
    (datum,) = msgspec.msgpack.decode(result, type=SetResult).results
    return datum


def nothing(params: bytes, inputs: Path, out: Path) -> bytes:
    return b""


def mistaken(params: bytes, inputs: Path, out: Path) -> bytes:
    raise InvalidInput("No.", hint="Yes.")


def unavailable(params: bytes, inputs: Path, out: Path) -> bytes:
    raise Unavailable("The function's server is away.", hint="Start it.")


def full(params: bytes, inputs: Path, out: Path) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


def large(params: bytes, inputs: Path, out: Path) -> bytes:
    (out / "large").write_bytes(bytes(300_000))
    return b""


@pytest.mark.parametrize(
    ("function", "kind", "machine"),
    [
        (mistaken, "invalid-input", False),
        (unavailable, "unavailable", False),
        (full, "machine-unavailable", True),
    ],
)
def test_a_report_says_whether_the_machine_is_to_blame(
    tmp_path: Path, function: Function, kind: str, machine: bool
) -> None:
    error = called(function, "memory:", tmp_path / "scratch", Reservation((), 0)).error

    assert error is not None
    assert (error.kind, error.machine, error.stage) == (kind, machine, "function")


def test_a_store_that_cannot_be_written_is_the_machines_fault(tmp_path: Path) -> None:
    with_room = tmp_path / "objects"
    catalog = Catalog.create(f"sqlite:///{tmp_path / 'catalog.db'}")
    reservation = Storage(catalog, open_store("memory:")).reserve(1)
    catalog.close()
    with_room.write_text("a file where the store's folder should be")

    error = called(large, f"file:{with_room}", tmp_path / "scratch", reservation).error

    assert error is not None
    assert (error.kind, error.machine) == ("storage-unavailable", True)


def test_an_output_beyond_its_reservation_is_reported_by_its_own_kind(tmp_path: Path) -> None:
    error = called(large, f"file:{tmp_path / 'objects'}", tmp_path / "scratch", Reservation((), 0)).error

    assert error is not None
    assert (error.kind, error.stage) == ("reservation-spent", "writing")


def test_a_call_without_statistics_has_a_result(tmp_path: Path) -> None:
    result = called(nothing, "memory:", tmp_path / "scratch", Reservation((), 0))

    assert (result.error, result.stats) == (None, b"")
