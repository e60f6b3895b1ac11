"""What a repo works with: handed on as one thing from `Repos` to each `Repo` and commit."""

from dataclasses import dataclass

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.repos.publishing import Publisher
from headwater.storage import Storage


@dataclass(frozen=True)
class Parts:
    """The floors below, and the transaction."""

    catalog: Catalog
    storage: Storage
    clock: Clock
    publisher: Publisher
