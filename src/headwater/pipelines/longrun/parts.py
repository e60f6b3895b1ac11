"""What spouts and services need of the floors below; the engine's parts have it."""

from typing import Protocol

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.execution import Queue
from headwater.repos import Repos
from headwater.storage import Storage


class Parts(Protocol):
    """Catalog, storage, repos, queue and a clock."""

    @property
    def catalog(self) -> Catalog:
        """Where pipelines are."""
        ...

    @property
    def storage(self) -> Storage:
        """Where contents go."""
        ...

    @property
    def repos(self) -> Repos:
        """Where commits go."""
        ...

    @property
    def queue(self) -> Queue:
        """Where tasks come from."""
        ...

    @property
    def clock(self) -> Clock:
        """What times go by."""
        ...
