"""What an executor promises, wherever it runs calls."""

from concurrent.futures import Future
from typing import Protocol

import msgspec


class PureCall(msgspec.Struct, frozen=True):
    """A call that needs nothing but its payload and may be repeated.

    `call` is a name that the executor knows as `module:function`; the function
    is `(payload: bytes, scratch: Path) -> bytes`, with an empty folder of its
    own that is removed afterwards.
    """

    call: str
    payload: bytes


class Executor(Protocol):
    """Runs pure calls in other processes.

    Every executor promises:
    - A call runs in a process without the catalog and without secrets.
    - What the function raises comes back as `CallFailed`, on that future only.
    - A process that dies gives `CallLost`, on the future of its call only,
      and is replaced.
    - Futures not begun when the executor is closed get `ExecutorClosed`, those
      running `CallLost`.
    - Methods may be called from many threads at once.
    """

    def submit(self, call: PureCall) -> Future[bytes]:
        """Queues a call and returns at once."""
        ...

    def close(self) -> None:
        """Ends all processes and waits for their end; what ran is lost."""
        ...
