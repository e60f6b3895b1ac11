"""What running jobs needs of the floors below, in one value."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.errors import Unavailable
from headwater.execution import Executor, Queue
from headwater.pipelines.dag import Trigger
from headwater.pipelines.engine.reserve import Stash, together
from headwater.pipelines.spec import PipelineSpec
from headwater.repos import Commit, Repos
from headwater.settings import cores
from headwater.storage import Storage


class Readable(Protocol):
    """What a plan is made from; an engine's `Parts` are more than that."""

    @property
    def catalog(self) -> Catalog:
        """Where pipelines are."""
        ...

    @property
    def storage(self) -> Storage:
        """Where trees are."""
        ...

    @property
    def repos(self) -> Repos:
        """Where commits are."""
        ...


class Sender(Protocol):
    """Copies out what a finished commit holds; `Egress` is one."""

    def send(
        self, pipeline_id: int, spec: PipelineSpec, commit: Commit, *, look: Callable[[], object]
    ) -> object:
        """Brings a destination to a commit; may be called again after it was killed anywhere.

        Raises:
            Error: It cannot, and will not if it is tried again; the commit stays.
            Unavailable: It cannot right now.
        """
        ...


@dataclass(frozen=True)
class Parts:
    """Catalog, storage, repos, queue; `executor` is asked for when the first datum has to run.

    `trigger` hears how jobs end. `places` tells how many calls run at once
    where the executor is; twice as many sets are kept with it.
    """

    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    executor: Callable[[], Executor]
    clock: Clock
    trigger: Trigger
    egress: Sender | None = None
    places: Callable[[], int] = cores
    stash: Stash = field(default_factory=Stash)

    def close(self) -> None:
        """Releases what was reserved for jobs to come; after a kill its lease runs out."""
        left = together(self.stash.take())
        if left is not None:
            with suppress(Unavailable), self.catalog.write() as conn:
                self.storage.release(conn, left)
