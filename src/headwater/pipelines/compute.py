"""Runs the datums of one job on an executor and accepts what they produced.

Each accepted result is durable at once, together with a check that this
coordinator may still act for the job: if it dies, its successor finds the
result and runs only what is missing. A datum whose process died is tried
again; one whose function reported a mistake is not, for it would report it
again. What the machine is to blame for ends the attempt, not the job.

Results that arrive together are accepted together, and unused reservations go
to the next call, so the catalog is asked once per arrival and not per datum.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from headwater.execution import CallFailed, CallLost, PureCall
from headwater.pipelines import store
from headwater.pipelines.calls import CallError, CallInput, CallPayload, CallResult
from headwater.pipelines.errors import DatumFailed, DatumInterrupted, shortened
from headwater.pipelines.hold import Hold
from headwater.pipelines.parts import Parts
from headwater.pipelines.plan import Step
from headwater.pipelines.reserve import Reserve
from headwater.storage import PortableOutput, Reservation, ReservationSpent
from headwater.telemetry import logger

_POLL_S = 0.5
_AT_ONCE = 32  # how many datums are handed out where the spec does not say; more than a pool has processes
_SEGMENTS, _MORE, _MOST_SEGMENTS = 16, 8, 8_192


class _Try(NamedTuple):
    step: Step
    tried: int = 1
    segments: int = _SEGMENTS


class _Running(NamedTuple):
    attempt: _Try
    reservation: Reservation


@dataclass(frozen=True)
class Fresh:
    """What a datum produced in this job: its output as written by the call, and statistics."""

    output: PortableOutput
    stats: bytes


class Compute:
    """The running datums of one job."""

    def __init__(
        self, parts: Parts, hold: Hold, reserve: Reserve, *, tries: int, parallelism: int = 0
    ) -> None:
        """Starts with what an earlier coordinator of this job has accepted already."""
        self._parts, self._hold, self._reserve = parts, hold, reserve
        self._executor, self._tries, self._at_once = parts.executor(), tries, parallelism or _AT_ONCE
        self._waiting: deque[_Try] = deque()
        self._running: dict[Future[bytes], _Running] = {}
        with parts.catalog.read() as conn:
            self._accepted = {part.datum_key: part for part in store.parts_of(conn, hold.job)}
        self._count = len(self._accepted)

    def run(self, steps: Sequence[Step]) -> tuple[dict[bytes, Fresh], list[DatumFailed]]:
        """Runs the given steps; returns results by datum key and the failures, all of them.

        Raises:
            DatumInterrupted: The machine could not; what is accepted stays for the next attempt.
            LeaseLost, Lost, Stopping: The coordinator may not go on.
        """
        done: dict[bytes, Fresh] = {}
        failed: dict[bytes, DatumFailed] = {}
        for step in steps:
            part = self._accepted.get(step.key)
            if part is not None and part.memo_key == step.memo:
                done[step.key] = Fresh(msgspec.msgpack.decode(part.output, type=PortableOutput), part.stats)
            else:
                self._waiting.append(_Try(step))
        try:
            while self._waiting or self._running:
                self._hand_out()
                finished, _ = wait(self._running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                self._hold.look()
                self._take(finished, done, failed)
        finally:
            self._abandon()
        return done, [failed[step.key] for step in steps if step.key in failed]

    def _hand_out(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            attempt = self._waiting.popleft()
            datum = attempt.step.datum
            reservation = self._reserve.take(attempt.segments)
            payload = CallPayload(
                store=self._parts.storage.objects_url,
                inputs=tuple(CallInput(item.input, item.path, item.file) for item in datum.inputs),
                params=datum.params,
                reservation=reservation,
            )
            call = PureCall(call=datum.call, payload=msgspec.msgpack.encode(payload))
            self._running[self._executor.submit(call)] = _Running(attempt, reservation)

    def _take(
        self, finished: set[Future[bytes]], done: dict[bytes, Fresh], failed: dict[bytes, DatumFailed]
    ) -> None:
        fresh: dict[bytes, tuple[Step, Fresh]] = {}
        interrupted = None
        for future in finished:
            attempt, reservation = self._running.pop(future)
            step = attempt.step
            outcome = self._outcome(step, future)
            if isinstance(outcome, Fresh):
                fresh[step.key] = (step, outcome)
                written = frozenset(segment.id for segment in outcome.output.segments)
                self._reserve.give_back(reservation, written)
            elif outcome is None and attempt.tried < self._tries:
                self._waiting.append(attempt._replace(tried=attempt.tried + 1))
            elif outcome is None:
                failed[step.key] = _failure(step, _died(attempt.tried))
            elif outcome.machine:
                interrupted = DatumInterrupted(step.datum.label, message=outcome.message, hint=outcome.hint)
            elif outcome.kind == ReservationSpent.kind and attempt.segments < _MOST_SEGMENTS:
                self._waiting.append(attempt._replace(segments=attempt.segments * _MORE))
            else:
                failed[step.key] = _failure(step, outcome)
                if outcome.stage != "writing":
                    self._reserve.give_back(reservation)
        self._accept(list(fresh.values()))
        done |= {key: one for key, (_, one) in fresh.items()}
        if interrupted is not None:
            raise interrupted

    def _outcome(self, step: Step, future: Future[bytes]) -> Fresh | CallError | None:
        """Returns what came of a call; none where its process died."""
        try:
            result = msgspec.msgpack.decode(future.result(), type=CallResult)
        except CallLost:
            return None
        except CallFailed as failure:
            logger("headwater.pipelines").warning(
                "datum raised", job=self._hold.job, datum=step.datum.label, traceback=failure.traceback
            )
            return CallError(
                kind="code-failed",
                message=failure.message,
                hint="The worker's log has the traceback.",
                details=[],
                stage="writing",  # not known, so its segments may hold something
            )
        if result.error is not None:
            return result.error
        assert result.output is not None, "a call without an error has an output"
        return Fresh(result.output, result.stats)

    def _accept(self, results: Sequence[tuple[Step, Fresh]]) -> None:
        parts = [
            store.Part(step.key, step.memo, msgspec.msgpack.encode(fresh.output), fresh.stats)
            for step, fresh in results
        ]
        if parts:
            with self._hold.write() as conn:
                store.add_parts(conn, self._hold.job, parts)
                self._count += len(parts)
                store.change_job(conn, self._hold.job, run=self._count)

    def _abandon(self) -> None:
        """Lets go of what has not ended: calls that wait are not begun, of others nobody takes the answer."""
        for future, running in self._running.items():
            if future.cancel():
                self._reserve.give_back(running.reservation)
        self._running.clear()
        self._waiting.clear()


def _died(tried: int) -> CallError:
    return CallError(
        kind="worker-died",
        message=f"the process that computed it died {tried} times.",
        hint="It may need more memory than there is; the worker's log says how it ended.",
        details=[],
    )


def _failure(step: Step, told: CallError) -> DatumFailed:
    return DatumFailed(
        shortened(step.datum.label),
        kind=told.kind,
        message=told.message,
        hint=told.hint,
        details=told.details,
    )
