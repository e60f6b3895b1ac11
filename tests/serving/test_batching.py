import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.serving.batching import Batcher


class Doubler:
    """A model that doubles, cannot double a negative number, and remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def __call__(self, rows: Sequence[int]) -> list[Any]:
        self.calls.append(list(rows))
        if any(row < 0 for row in rows):
            raise ArithmeticError(rows)
        return [row * 2 for row in rows]


async def ask(model: Doubler, requests: Sequence[Sequence[int]], *, inline_rows: int = 100) -> list[Any]:
    with ThreadPoolExecutor(1) as threads:
        batcher = Batcher(model, threads=threads, inline_rows=inline_rows)
        return await asyncio.gather(*map(batcher.predictions, requests), return_exceptions=True)


def test_rows_of_one_tick_share_one_call() -> None:
    model = Doubler()

    answers = asyncio.run(ask(model, [[1], [2, 3], [4]]))

    assert answers == [[2], [4, 6], [8]]
    assert model.calls == [[1, 2, 3, 4]]


def test_rows_of_the_next_tick_are_another_call() -> None:
    model = Doubler()

    async def twice() -> None:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(model, threads=threads, inline_rows=100)
            await batcher.predictions([1])
            await batcher.predictions([2])

    asyncio.run(twice())

    assert model.calls == [[1], [2]]


def test_a_request_that_the_model_fails_on_leaves_its_neighbours_alone() -> None:
    answers = asyncio.run(ask(Doubler(), [[1], [-2], [3]]))

    assert (answers[0], answers[2]) == ([2], [6])
    assert isinstance(answers[1], ArithmeticError)


def test_a_long_table_is_predicted_off_the_loop_while_others_are_answered() -> None:
    model = Doubler()

    answers = asyncio.run(ask(model, [[1, 2, 3], [4]], inline_rows=2))

    assert answers == [[2, 4, 6], [8]]
    assert sorted(model.calls) == [[1, 2, 3], [4]]


def test_many_small_requests_that_are_long_together_go_off_the_loop_too() -> None:
    answers = asyncio.run(ask(Doubler(), [[1], [2], [-1], [3]], inline_rows=2))

    assert [answers[0], answers[1], answers[3]] == [[2], [4], [6]]
    assert isinstance(answers[2], ArithmeticError)


def test_a_client_that_went_away_does_not_disturb_the_others() -> None:
    async def one_leaves() -> list[Any]:
        with ThreadPoolExecutor(1) as threads:
            batcher = Batcher(Doubler(), threads=threads, inline_rows=100)
            leaving = asyncio.ensure_future(batcher.predictions([1]))
            staying = asyncio.ensure_future(batcher.predictions([2]))
            await asyncio.sleep(0)
            leaving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaving
            return await staying

    assert asyncio.run(one_leaves()) == [4]


@given(
    requests=st.lists(st.lists(st.integers(-1, 9), min_size=1, max_size=6), min_size=1, max_size=8),
    inline_rows=st.integers(1, 12),
)
def test_together_says_what_alone_would(requests: list[list[int]], inline_rows: int) -> None:
    answers = asyncio.run(ask(Doubler(), requests, inline_rows=inline_rows))

    for rows, answer in zip(requests, answers, strict=True):
        if min(rows) < 0:
            assert isinstance(answer, ArithmeticError)
        else:
            assert answer == [row * 2 for row in rows]
