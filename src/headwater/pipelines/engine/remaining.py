"""Tells whether what a result consists of is still there.

A memo and the trees of commits are roots of every sweep, so what they lead to
stays. A repair may quarantine some of it all the same; a job that relied on
that could not end. So one that has been interrupted before looks at each
result that it takes over, and computes again what is really gone. Any other
job takes them as they are: looking costs a statement per segment.
"""

from headwater.db import Catalog
from headwater.errors import Corrupt, NotFound
from headwater.pipelines.engine.records import Known
from headwater.storage import Storage


class Remaining:
    """Looks at the segments of results; each is asked for once."""

    def __init__(self, catalog: Catalog, storage: Storage) -> None:
        """Has looked at none."""
        self._catalog, self._storage = catalog, storage
        self._seen: dict[int, bool] = {}

    def has(self, known: Known) -> bool:
        """Tells whether a result can be read and relied on."""
        try:
            segments = {one.segment for one in known.places}
            if known.record.output:
                segments |= self._storage.segments_under(known.places)
        except (Corrupt, NotFound):
            return False
        new = segments - self._seen.keys()
        if new:
            with self._catalog.read() as conn:
                kept = self._storage.kept(conn, new)
            self._seen |= {one: one in kept for one in new}
        return all(self._seen[one] for one in segments)
