"""Pieces of bytes, some in memory and the rest in a file, come back as they went in."""

import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.repos.committing.pieces import Pieces


@given(st.lists(st.binary(max_size=40)), st.integers(0, 200))
def test_pieces_come_back_in_their_order_and_by_their_number(given: list[bytes], limit: int) -> None:
    pieces = Pieces(limit)
    for piece in given:
        pieces.append(piece)

    assert list(pieces) == given
    assert [pieces[number] for number in reversed(range(len(pieces)))] == given[::-1]


def test_pieces_can_be_read_while_more_come() -> None:
    pieces = Pieces(0)
    pieces.append(b"one")
    reading = iter(pieces)

    first = next(reading)
    pieces.append(b"two")

    assert [first, *reading] == [b"one", b"two"]


def test_where_no_file_can_be_made_pieces_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    pieces = Pieces(0)

    pieces.append(b"one")

    assert list(pieces) == [b"one"]
