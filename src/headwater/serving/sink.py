"""Where answered predictions go: a protocol, so that serving need not know who keeps them."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from headwater.ids import CommitId, PredictionId


class PredictionRecord(msgspec.Struct, frozen=True):
    """One answered request: what was asked, what was said, and which model version said it.

    `commit` is that of the version in the model's repo, `time` is RFC 3339 in
    UTC. `input` is one row or a list of them as they were sent, `answer` the
    `prediction` of the answer.
    """

    id: PredictionId
    endpoint: str
    model: str
    version: int
    commit: CommitId
    time: str
    input: Any
    answer: Any


class PredictionSink(Protocol):
    """Keeps every prediction that leaves an endpoint.

    Every sink promises:
    - What `accept` returned from survives the death of the process and of the
      machine; what it raised on was not answered.
    - A record is kept exactly once.
    - `accept`, `flush` and `close` may be called from any thread; records of
      one server come in ascending order of their ids.
    """

    def start(self) -> None:
        """Called when a server starts: takes over what one that was killed has left."""
        ...

    def accept(self, records: Sequence[PredictionRecord]) -> None:
        """Returns once all records are durable."""
        ...

    def flush(self) -> None:
        """Brings everything accepted so far to where it can be found by others."""
        ...

    def close(self) -> None:
        """Flushes and lets go of files and threads."""
        ...
