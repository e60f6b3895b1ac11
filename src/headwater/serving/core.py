"""The data plane's core: one asynchronous function from a request to its answer.

A prediction goes: route, token, endpoint, query, body, rows, model, log,
answer. Each step either goes on or ends the request with a `Refusal`; whatever
else is raised becomes `INTERNAL` with an id that the log holds. The answer
leaves when its record is durable.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec

from headwater.clock import Clock, SystemClock, rfc3339
from headwater.features import RowProblem, RowsRefused
from headwater.ids import PredictionId, UlidSource
from headwater.serving.answers import Answer, Problem, Refusal, encode
from headwater.serving.batching import Batcher
from headwater.serving.bodies import Row, media_type
from headwater.serving.endpoint import Endpoint, Served
from headwater.serving.errors import EndpointNotFound
from headwater.serving.guard import Guard, TokenVerifier
from headwater.serving.messages import Limits, Request, Response
from headwater.serving.query import read_query
from headwater.serving.recorder import Recorder
from headwater.serving.rows import RowReader, Table
from headwater.serving.sink import PredictionRecord, PredictionSink
from headwater.telemetry import logger

_PREDICT = "/predict/"
_THREADS = 2
_MOST_PLANS = 64


class Plan(msgspec.Struct, frozen=True):
    """How one version answers for one choice of targets."""

    reader: RowReader
    batcher: Batcher[Row]


class App:
    """Answers requests to a fixed set of endpoints; started and stopped once, on one event loop."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        *,
        sink: PredictionSink,
        tokens: TokenVerifier | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            endpoints: What to serve.
            sink: Where every answered prediction is kept; this app alone uses it.
            tokens: Who may ask; none lets everybody, for this machine alone.
            limits: How much a request may ask for.
            clock: Wall time of ids and records.
        """
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._guard = Guard(tokens, clock=self._clock)
        self._sink = sink
        self._ids = UlidSource()
        self._in_flight = 0
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="predict")
        self._recorder = Recorder(sink)

    @property
    def is_open(self) -> bool:
        """Whether anybody may ask, without a token."""
        return self._guard.is_open

    def endpoint(self, name: str) -> Endpoint:
        """Returns an endpoint by name.

        Raises:
            EndpointNotFound: There is none.
        """
        try:
            return self.endpoints[name]
        except KeyError:
            raise EndpointNotFound(name, list(self.endpoints)) from None

    async def start(self) -> None:
        """Starts the log, loads every endpoint's version where there is one, and watches for others."""
        await self._recorder.start()
        loop = asyncio.get_running_loop()
        for endpoint in self.endpoints.values():
            await loop.run_in_executor(self._threads, endpoint.refresh)
            endpoint.start()

    async def stop(self) -> None:
        """Ends the watching and flushes the log; no request may be under way."""
        loop = asyncio.get_running_loop()
        for endpoint in self.endpoints.values():
            await loop.run_in_executor(self._threads, endpoint.stop)
        await self._recorder.stop()
        self._threads.shutdown(wait=False)

    async def handle(self, request: Request) -> Response:
        """Returns the answer to a request; never raises for anything that a client can send."""
        try:
            return await self._route(request)
        except Refusal as refusal:
            return self.refuse(refusal)
        except Exception:  # noqa: BLE001 - the outermost door: the log holds what happened, the client an id
            return self._broken()

    def refuse(self, refusal: Refusal, served: Served | None = None) -> Response:
        """Returns the answer of a request that ended early."""
        answer = Answer(
            success=False,
            message=refusal.message,
            code=refusal.code,
            errors=refusal.errors,
            model=None if served is None else served.predictor.model,
            version=None if served is None else served.predictor.version,
            id=self._next_id(),
        )
        return answer.response(*refusal.headers)

    async def _route(self, request: Request) -> Response:
        path = request.path
        if path.startswith(_PREDICT) and "/" not in path[len(_PREDICT) :]:
            _allow(request.method, "POST")
            return await self._predict_within_limits(path[len(_PREDICT) :], request)
        if path == "/healthz":
            _allow(request.method, "GET", "HEAD")
            return Answer(success=True, message="alive", code="OK", id=self._next_id()).response()
        if path == "/readyz":
            _allow(request.method, "GET", "HEAD")
            return self._ready()
        raise Refusal(
            "NO_SUCH_ENDPOINT",
            f"There is nothing at {path[:200]!r}; predictions are at {_PREDICT}<endpoint>.",
        )

    def _ready(self) -> Response:
        waiting = [endpoint.name for endpoint in self.endpoints.values() if endpoint.served is None]
        if waiting:
            raise Refusal("NOT_READY", f"No version to serve yet: {', '.join(waiting)}.")
        return Answer(success=True, message="ready", code="OK", id=self._next_id()).response()

    async def _predict_within_limits(self, name: str, request: Request) -> Response:
        await self._guard.admit(request.headers.get("authorization"), name)
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            raise Refusal("NO_SUCH_ENDPOINT", f"There is no endpoint {name[:200]!r}.")
        if self._in_flight >= self.limits.in_flight:
            raise Refusal(
                "OVERLOADED", "Too many requests at once; try again soon.", headers=(("retry-after", "1"),)
            )
        served = endpoint.served
        if served is None:
            raise Refusal(
                "NOT_READY",
                f"{endpoint.model}@{endpoint.environment} has no version to serve yet.",
                headers=(("retry-after", "1"),),
            )
        self._in_flight += 1
        try:
            return await self._predict(endpoint.name, served, request)
        except Refusal as refusal:
            return self.refuse(refusal, served)
        except Exception:  # noqa: BLE001 - as in `handle`, with the version's name in the answer
            return self._broken(served)
        finally:
            self._in_flight -= 1

    async def _predict(self, endpoint: str, served: Served, request: Request) -> Response:
        predictor = served.predictor
        options = read_query(request.query, predictor.targets)
        kind = media_type(request.headers.get("content-type"), request.headers.get("content-encoding"))
        plan = self._plan(served, options.targets)
        table = await self._table(plan.reader, request.body, kind)
        if table.problems and not (options.is_partial and table.is_list and table.rows):
            raise Refusal.of(table.problems, limit=self.limits.problems, is_list=table.is_list)
        try:
            predictions = await plan.batcher.predictions(table.rows) if table.rows else []
        except RowsRefused as refused:
            problems = [_problem(problem, table) for problem in refused.problems]
            raise Refusal.of(problems, limit=self.limits.problems, is_list=table.is_list) from None
        return await self._answer(endpoint, served, table, predictions)

    async def _table(self, reader: RowReader, body: bytes, kind: Literal["json", "csv"]) -> Table:
        if len(body) <= self.limits.inline_bytes:
            table = reader.read_right(body, kind)
            if table is not None:
                return table
        # Saying all that is wrong takes much longer than reading what is right.
        if len(body) <= self.limits.inline_wrong_bytes:
            return reader.read(body, kind)
        return await asyncio.get_running_loop().run_in_executor(self._threads, reader.read, body, kind)

    async def _answer(self, endpoint: str, served: Served, table: Table, predictions: list[Any]) -> Response:
        predictor = served.predictor
        if len(predictions) > self.limits.inline_rows:
            loop = asyncio.get_running_loop()
            text = await loop.run_in_executor(self._threads, _encoded, predictions, table)
        else:
            text = _encoded(predictions, table)
        prediction = msgspec.Raw(text)
        # Nothing is awaited between the id and the recorder, so ids reach the log in ascending order.
        now_ms = self._clock.now_ms()
        record = PredictionRecord(
            id=PredictionId(self._ids.next(now_ms)),
            endpoint=endpoint,
            model=predictor.model,
            version=predictor.version,
            commit=served.commit,
            time=rfc3339(now_ms),
            input=table.given if table.is_list else table.given[0],
            answer=prediction,
        )
        await self._recorder.durable(record)
        problems = table.problems[: self.limits.problems]
        return Answer(
            success=True,
            message=f"{len(table.rows)} of {len(table.given)} rows were predicted" if problems else "ok",
            code="OK",
            errors=problems,
            prediction=prediction,
            model=predictor.model,
            version=predictor.version,
            id=record.id,
        ).response()

    def _plan(self, served: Served, targets: tuple[str, ...] | None) -> Plan:
        plan: Plan | None = served.plans.get(targets)
        if plan is None:
            predictor = served.predictor

            def predict(rows: Sequence[Row]) -> list[Any]:
                return predictor.predict_rows(rows, targets)

            if len(served.plans) >= _MOST_PLANS:
                served.plans.clear()
            plan = served.plans[targets] = Plan(
                RowReader(predictor.schema, predictor.needed(targets), self.limits),
                Batcher(predict, threads=self._threads, inline_rows=self.limits.inline_rows),
            )
        return plan

    def _broken(self, served: Served | None = None) -> Response:
        incident = self._next_id()
        logger("serving").error("request failed", id=incident, exc_info=True)
        return Answer(
            success=False,
            message=f"Something went wrong here; the log holds it under {incident}.",
            code="INTERNAL",
            model=None if served is None else served.predictor.model,
            version=None if served is None else served.predictor.version,
            id=incident,
        ).response()

    def _next_id(self) -> str:
        return self._ids.next(self._clock.now_ms())


def _problem(problem: RowProblem, table: Table) -> Problem:
    """Returns what a model has against a row that the schema let pass, under the row's place in the request."""
    row = problem.row if problem.row is None or table.places is None else table.places[problem.row]
    return Problem(row, problem.field, problem.code, problem.message)


def _encoded(predictions: list[Any], table: Table) -> bytes:
    if not table.is_list:
        return encode(predictions[0])
    if table.places is None:
        return encode(predictions)
    spread: list[Any] = [None] * len(table.given)  # a row that was refused keeps its place
    for place, prediction in zip(table.places, predictions, strict=True):
        spread[place] = prediction
    return encode(spread)


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise Refusal(
            "METHOD_NOT_ALLOWED",
            f"Use {allowed[0]} here, not {method[:20]}.",
            headers=(("allow", ", ".join(allowed)),),
        )
