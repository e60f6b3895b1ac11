import asyncio
import threading
from collections.abc import Sequence

import pytest

from headwater.ids import CommitId, PredictionId
from headwater.serving import PredictionRecord
from headwater.serving.recorder import Recorder
from tests.serving.conftest import Remembered


def record(number: int) -> PredictionRecord:
    return PredictionRecord(
        id=PredictionId(f"{number:026d}"),
        endpoint="iris",
        model="iris",
        version=1,
        commit=CommitId("c1"),
        time="2026-11-21T09:05:32.120Z",
        input={"a": number},
        answer=number,
    )


class Gated(Remembered):
    """Holds its first group back until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self.gate = threading.Event()

    def accept(self, records: Sequence[PredictionRecord]) -> None:
        self.has_begun.set()
        self.gate.wait()
        super().accept(records)


def test_records_of_one_tick_share_one_write(sink: Remembered) -> None:
    async def together() -> None:
        recorder = Recorder(sink)
        await asyncio.gather(*(recorder.durable(record(number)) for number in range(5)))
        await recorder.stop()

    asyncio.run(together())

    assert [[item.input["a"] for item in group] for group in sink.groups] == [[0, 1, 2, 3, 4]]


def test_records_that_come_during_a_write_share_the_next_one() -> None:
    sink = Gated()

    async def one_after_the_other() -> None:
        recorder = Recorder(sink)
        first = asyncio.ensure_future(recorder.durable(record(0)))
        await asyncio.to_thread(sink.has_begun.wait)
        others = [asyncio.ensure_future(recorder.durable(record(number))) for number in (1, 2)]
        await asyncio.sleep(0)
        assert not first.done()
        sink.gate.set()
        await asyncio.gather(first, *others)
        await recorder.stop()

    asyncio.run(one_after_the_other())

    assert [[item.input["a"] for item in group] for group in sink.groups] == [[0], [1, 2]]


def test_what_the_sink_refuses_is_raised_to_all_of_the_group_and_the_next_one_goes_on(
    sink: Remembered,
) -> None:
    async def full_once() -> None:
        recorder = Recorder(sink)
        sink.is_full = True
        outcomes = await asyncio.gather(
            *(recorder.durable(record(n)) for n in range(2)), return_exceptions=True
        )
        sink.is_full = False
        await recorder.durable(record(2))
        await recorder.stop()
        assert [type(outcome) for outcome in outcomes] == [OSError, OSError]

    asyncio.run(full_once())

    assert [item.input["a"] for item in sink.records] == [2]


def test_stopping_flushes_the_sink(sink: Remembered) -> None:
    async def start_and_stop() -> None:
        recorder = Recorder(sink)
        await recorder.start()
        await recorder.stop()

    asyncio.run(start_and_stop())

    assert sink.calls == ["start", "flush"]


def test_a_client_that_went_away_does_not_disturb_the_others() -> None:
    sink = Gated()

    async def one_leaves() -> None:
        recorder = Recorder(sink)
        leaving = asyncio.ensure_future(recorder.durable(record(0)))
        staying = asyncio.ensure_future(recorder.durable(record(1)))
        await asyncio.to_thread(sink.has_begun.wait)
        leaving.cancel()
        sink.gate.set()
        await staying
        with pytest.raises(asyncio.CancelledError):
            await leaving
        await recorder.stop()

    asyncio.run(one_leaves())

    assert len(sink.records) == 2
