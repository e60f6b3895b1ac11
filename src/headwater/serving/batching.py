"""Predicts rows that arrive in one tick of the event loop with one call of the model.

A call for 32 rows costs hardly more than a call for one. No timer is needed:
the first row of a tick asks the loop to run the model after everything else
that is ready now, and by then the other requests of the tick have joined.
Nobody waits for a row that may never come.

Knows rows and a function over them; not what a model is.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")

Prediction = Any  # what the model says about one row, ready to become JSON


class _Request(Generic[Row]):
    """The rows of one request and who waits for their predictions."""

    __slots__ = ("future", "rows")

    def __init__(self, rows: Sequence[Row], future: "asyncio.Future[list[Prediction]]") -> None:
        self.rows = rows
        self.future = future


class Batcher(Generic[Row]):
    """Collects the rows of one tick for one model and one choice of targets.

    Belongs to one event loop. `predict` must be safe to call from several
    threads at once.
    """

    def __init__(
        self, predict: Callable[[Sequence[Row]], list[Prediction]], *, threads: Executor, inline_rows: int
    ) -> None:
        """Starts empty.

        Args:
            predict: One prediction per row, in order.
            threads: Where calls run that would hold up the loop.
            inline_rows: Most rows of a call on the loop itself.
        """
        self._predict = predict
        self._threads = threads
        self._inline_rows = inline_rows
        self._waiting: list[_Request[Row]] = []
        self._running: set[asyncio.Future[None]] = set()

    async def predictions(self, rows: Sequence[Row]) -> list[Prediction]:
        """Returns one prediction per row.

        Raises:
            Exception: What the model raised for these rows; other requests of
                the tick are not touched by it.
        """
        loop = asyncio.get_running_loop()
        if len(rows) > self._inline_rows:
            return await loop.run_in_executor(self._threads, self._predict, rows)
        request = _Request(rows, loop.create_future())
        self._waiting.append(request)
        if len(self._waiting) == 1:
            loop.call_soon(self._tick, loop)
        return await request.future

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        requests, self._waiting = self._waiting, []
        if sum(len(request.rows) for request in requests) <= self._inline_rows:
            for request, outcome in zip(requests, self._outcomes(requests), strict=True):
                _settle(request, outcome)
            return
        work = loop.run_in_executor(self._threads, self._outcomes, requests)
        finish = asyncio.ensure_future(_settle_later(requests, work))
        self._running.add(finish)
        finish.add_done_callback(self._running.discard)

    def _outcomes(self, requests: Sequence[_Request[Row]]) -> "list[list[Prediction] | Exception]":
        if len(requests) > 1:
            rows = [row for request in requests for row in request.rows]
            together = self._attempt(rows)
            if not isinstance(together, Exception):
                return _split(together, [len(request.rows) for request in requests])
        # One alone, or a call that failed: find out whose rows it was.
        return [self._attempt(request.rows) for request in requests]

    def _attempt(self, rows: Sequence[Row]) -> "list[Prediction] | Exception":
        try:
            return self._predict(rows)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for these rows
            return error


def _split(predictions: list[Prediction], sizes: Sequence[int]) -> "list[list[Prediction] | Exception]":
    parts: list[list[Prediction] | Exception] = []
    start = 0
    for size in sizes:
        parts.append(predictions[start : start + size])
        start += size
    return parts


async def _settle_later(
    requests: Sequence[_Request[Row]], work: "asyncio.Future[list[list[Prediction] | Exception]]"
) -> None:
    try:
        outcomes: Sequence[list[Prediction] | Exception] = await work
    except Exception as error:  # noqa: BLE001 - handed to everybody who waits
        outcomes = [error] * len(requests)
    for request, outcome in zip(requests, outcomes, strict=True):
        _settle(request, outcome)


def _settle(request: _Request[Row], outcome: "list[Prediction] | Exception") -> None:
    if request.future.done():  # its client went away
        return
    if isinstance(outcome, Exception):
        request.future.set_exception(outcome)
    else:
        request.future.set_result(outcome)
