"""An endpoint: one name that always answers with the model version its environment points to.

A thread looks at the environment's head a few times a second. A new version is
loaded, verified and tried with one row off the event loop; then one reference
is swapped. Requests under way keep the version they started with, so none
fails. A version that cannot be loaded changes nothing but what the endpoint
says about itself, and is tried again, less and less often.
"""

import math
import threading
from typing import Any, Protocol

from headwater.api.documents import EndpointInfo
from headwater.clock import Clock
from headwater.features import Field, Schema
from headwater.ids import CommitId
from headwater.models import Predictor
from headwater.serving.bodies import Row
from headwater.telemetry import logger

_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 60.0


class Served:
    """A loaded version: its predictor, and the commit of the version in the model's repo.

    `plans` is the core's: what it built for each choice of targets lives and
    dies with the version.
    """

    def __init__(self, predictor: Predictor, commit: CommitId) -> None:
        """Keeps both."""
        self.predictor = predictor
        self.commit = commit
        self.plans: dict[Any, Any] = {}


class ModelSource(Protocol):
    """Where an endpoint finds the version to serve."""

    def head(self) -> str | None:
        """Returns what changes when there is another version to serve; none before the first. Cheap."""
        ...

    def load(self, head: str) -> Served:
        """Returns the verified version that `head` stands for.

        Raises:
            Exception: It cannot be loaded; the one that serves now goes on.
        """
        ...


class Endpoint:
    """Serves one model of one environment under one name."""

    def __init__(
        self,
        name: str,
        source: ModelSource,
        *,
        model: str,
        environment: str,
        clock: Clock,
        poll_s: float = 0.25,
    ) -> None:
        """Loads nothing yet; `refresh` or `start` do."""
        self.name = name
        self.model = model
        self.environment = environment
        self.served: Served | None = None
        self.problem: str | None = None
        self._source = source
        self._clock = clock
        self._poll_s = poll_s
        self._head: str | None = None
        self._retry_at_s = 0.0
        self._retry_s = 0.0
        self._failed: str | None = None
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> str:
        """`ready`, `not-ready` before the first version, or `degraded` while a newer one cannot be loaded."""
        if self.served is None:
            return "not-ready"
        return "ready" if self.problem is None else "degraded"

    def info(self, url: str) -> EndpointInfo:
        """Returns what the endpoint is, as a document."""
        version = None if self.served is None else self.served.predictor.version
        return EndpointInfo(self.name, self.model, self.environment, version, url, self.state)

    def refresh(self) -> bool:
        """Looks for another version and swaps it in; returns whether it did. Never raises."""
        with self._turn:
            head = self._failed
            try:
                head = self._source.head()
                if head is None or head == self._head:
                    self.problem = self._failed = None
                    return False
                if not self._is_due(head):
                    return False
                served = self._source.load(head)
                served.predictor.predict_rows([example_row(served.predictor.schema)])
            except Exception as error:  # noqa: BLE001 - whatever is wrong with a version, the one before serves on
                self._failing(head, error)
                return False
            self.served, self._head, self.problem, self._failed = served, head, None, None
            self._retry_s = 0.0
        _log().info(
            "version swapped in", endpoint=self.name, version=served.predictor.version, commit=served.commit
        )
        return True

    def start(self) -> None:
        """Goes on looking for new versions until `stop`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name=f"endpoint-{self.name}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Looks no longer; what serves now stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_s):
            self.refresh()

    def _is_due(self, head: str) -> bool:
        return head != self._failed or self._clock.monotonic_s() >= self._retry_at_s

    def _failing(self, head: str | None, error: Exception) -> None:
        is_new = head != self._failed or self.problem is None
        self._retry_s = _FIRST_RETRY_S if is_new else min(self._retry_s * 2, _LAST_RETRY_S)
        self._retry_at_s = self._clock.monotonic_s() + self._retry_s
        self._failed, self.problem = head, str(error)
        if is_new:
            _log().error("version not loaded", endpoint=self.name, head=head, exc_info=True)


def example_row(schema: Schema) -> Row:
    """Returns a row that the schema accepts, to try a model with before anybody waits for it."""
    row: Row = {}
    for field in schema.fields:
        if field.default is not None:
            row[field.name] = field.default
        elif field.type == "boolean":
            row[field.name] = False
        elif field.type == "category":
            if (
                field.categories or field.required
            ):  # no training row had any: a missing one is all that is known
                row[field.name] = next(iter(field.categories), "")
        else:
            row[field.name] = _example_number(field)
    return row


def _example_number(field: Field) -> float:
    if field.min is not None:
        return field.min if field.type == "number" else math.ceil(field.min)
    if field.max is not None:
        return field.max if field.type == "number" else math.floor(field.max)
    seen = field.observed_min or 0.0
    return seen if field.type == "number" else math.floor(seen)


def _log() -> Any:  # structlog's loggers have no useful static type
    return logger("serving")
