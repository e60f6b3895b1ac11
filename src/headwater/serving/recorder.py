"""Hands answered predictions to the sink and holds each answer until its record is durable.

A durable write costs a sync of the disk, and many can share one. While one
write is under way on the sink's thread, records of other requests gather and
go with the next. The event loop never waits for the disk.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from headwater.serving.sink import PredictionRecord, PredictionSink


class Recorder:
    """Groups the records of one event loop; use it from that loop only."""

    def __init__(self, sink: PredictionSink) -> None:
        """Starts with nothing to write."""
        self._sink = sink
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predictions")
        self._waiting: list[tuple[PredictionRecord, asyncio.Future[None]]] = []
        self._is_writing = False

    async def start(self) -> None:
        """Lets the sink take over what a killed server has left."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._sink.start)

    async def durable(self, record: PredictionRecord) -> None:
        """Returns once the record is kept; calls must come in ascending order of ids.

        Raises:
            Exception: What the sink raised; the record is not kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((record, future))
        if not self._is_writing:
            self._is_writing = True
            loop.call_soon(self._write, loop)
        await future

    async def stop(self) -> None:
        """Writes what waits, then lets the sink flush; requests must have ended."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._sink.flush)
        self._thread.shutdown(wait=False)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._waiting = self._waiting, []
        if not group:
            self._is_writing = False
            return
        work = loop.run_in_executor(self._thread, self._sink.accept, [record for record, _ in group])
        work.add_done_callback(lambda done: self._written(loop, group, done))

    def _written(
        self,
        loop: asyncio.AbstractEventLoop,
        group: Sequence[tuple[PredictionRecord, "asyncio.Future[None]"]],
        done: "asyncio.Future[None]",
    ) -> None:
        self._write(loop)
        error = done.exception()
        for _, future in group:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
