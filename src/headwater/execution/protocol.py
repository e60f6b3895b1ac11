"""What an executor promises, wherever it runs calls."""

from concurrent.futures import Future
from typing import Protocol

import msgspec


class Needs(msgspec.Struct, frozen=True):
    """What a call wants of the machine that it runs on: cores, bytes of memory, GPUs; parts of one are allowed.

    It is what is set aside, not a limit: nothing stops a call that takes more.
    """

    cpu: float = 1.0
    memory: int = 0
    gpu: float = 0.0


class PureCall(msgspec.Struct, frozen=True):
    """A call that needs nothing but its payload and may be repeated.

    `call` is a name that the executor knows as `module:function`; the function
    is `(payload: bytes, scratch: Path) -> bytes`, with an empty folder of its
    own that is removed afterwards. One without `needs` takes one of the
    places that the executor has.
    """

    call: str
    payload: bytes
    needs: Needs | None = None


class Executor(Protocol):
    """Runs pure calls in other processes.

    Every executor promises:
    - A call runs in a process without the catalog and without secrets.
    - What the function raises comes back as `CallFailed`, on that future only.
    - A process that dies gives `CallLost`, on the future of its call only,
      and is replaced.
    - A future that has not begun can be cancelled, and is then never run; one
      that may have begun cannot be cancelled, only stopped.
    - What a call printed was heard by the executor's log before its future has a result.
    - Futures not begun when the executor is closed get `ExecutorClosed`, those
      running `CallLost`.
    - Methods may be called from many threads at once.
    - `places` calls run at once, if none needs more than one core.

    `ExecutorContract` in `contract` has these as tests.
    """

    def submit(self, call: PureCall) -> Future[bytes]:
        """Queues a call and returns at once.

        Raises:
            InvalidInput: No call has this name.
            NeedsUnmet: There is no machine that has what it needs.
            ExecutorClosed: The executor is closed.
        """
        ...

    def stop(self, future: Future[bytes]) -> None:
        """Ends one call and returns at once; all others live.

        One that waits is cancelled. One that runs loses its process, with all
        that this started, and gets `CallLost`, unless it has just ended by
        itself. One that has ended, or is another executor's, is left alone.
        """
        ...

    def places(self) -> int:
        """Returns how many calls run at once, as far as is known now; at least one."""
        ...

    def close(self) -> None:
        """Ends all processes and waits for their end; what ran is lost."""
        ...
