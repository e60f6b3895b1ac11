"""What a repo works with: handed on as one thing from `Repos` to each `Repo` and commit."""

from dataclasses import dataclass, field

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.repos.bonds import Bonds
from headwater.repos.publishing import Publisher
from headwater.storage import Storage


@dataclass(frozen=True)
class Parts:
    """The floors below, the transaction, and whom of the floors above to ask before something is given up."""

    catalog: Catalog
    storage: Storage
    clock: Clock
    publisher: Publisher
    bonds: Bonds = field(default_factory=Bonds)
