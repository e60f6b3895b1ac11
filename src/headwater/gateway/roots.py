"""Tells a sweep what multipart uploads under way still need."""

from collections.abc import Iterator

import sqlalchemy as sa

from headwater.gateway import store
from headwater.storage import Pointer


class UploadRoots:
    """The parts of uploads under way, as roots that a sweep keeps."""

    def roots(self, conn: sa.Connection) -> Iterator[Pointer]:
        """Yields where the tree of each part begins."""
        return store.part_roots(conn)
