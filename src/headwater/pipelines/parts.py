"""What running jobs needs of the floors below, in one value."""

from collections.abc import Callable
from dataclasses import dataclass

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.execution import Executor, Queue
from headwater.repos import Repos
from headwater.storage import Storage


@dataclass(frozen=True)
class Parts:
    """Catalog, storage, repos, queue; `executor` is asked for when the first datum has to run."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    executor: Callable[[], Executor]
    clock: Clock
