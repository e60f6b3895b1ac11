"""Sends the difference between what a destination has and a commit, and keeps account of both.

What a destination has is known from the catalog, never from listing it: the
commit that was sent whole, and each commit that was begun since, of which
some files may be there. A path is put if it is to be there and differs in any
of them, and removed if it was in any of them and is to be no more. So a send
that was killed, or given up for a newer commit, leaves nothing behind, and
what others keep in the same place is not touched.
"""

from collections.abc import Callable
from pathlib import Path

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.pipelines.egress import address, store
from headwater.pipelines.egress.address import Address
from headwater.pipelines.egress.values import Destination, Files, Sent, differing
from headwater.pipelines.spec import PipelineSpec
from headwater.repos import Commit, CommitNotFound, CommitPurged, CommitUnfinished, Repos
from headwater.storage import Storage, Tree
from headwater.telemetry import logger


def check(spec: PipelineSpec) -> None:
    """Makes sure, when a pipeline is made, that its egress can be meant.

    Raises:
        InvalidSpec: It cannot; the message says why.
    """
    if spec.egress is not None:
        address.check(spec.egress)


def _go_on() -> None:
    """Never stops."""


class Egress:
    """Copies out what pipelines have made."""

    def __init__(self, catalog: Catalog, repos: Repos, storage: Storage, clock: Clock) -> None:
        """Keeps the parts; nothing is opened before something is sent."""
        self._catalog, self._repos, self._storage, self._clock = catalog, repos, storage, clock
        self._log = logger("headwater.egress")

    def send(
        self,
        pipeline_id: int,
        spec: PipelineSpec,
        commit: Commit,
        *,
        look: Callable[[], object] = _go_on,
    ) -> Sent | None:
        """Brings a destination to a finished commit; none where the spec has no egress.

        Args:
            pipeline_id: The pipeline, by its row.
            spec: What it says of its egress.
            commit: Its finished output.
            look: Called between files; raises where going on makes no sense.

        Raises:
            EgressFailed: It cannot be, and will not be if it is tried again.
            Unavailable: It cannot be right now.
        """
        if spec.egress is None:
            return None
        place = address.read(spec.egress)
        with self._catalog.read() as conn:
            known = store.known(conn, pipeline_id, place.identity)
        if known.sent == commit.id and not known.begun:
            return Sent()
        files = Files(self._storage, self._repos.view(commit).tree, look)
        bases = self._bases(known)
        destination = self._destination(place, spec, pipeline_id)
        look()
        with self._catalog.write(shared=True) as conn:
            store.begin(conn, pipeline_id, place.identity, commit.id, self._clock.now_ms())
        sent = destination.apply(differing(bases, files.tree), files)
        look()
        with self._catalog.write(shared=True) as conn:
            store.end(conn, pipeline_id, place.identity, commit.id, self._clock.now_ms())
        self._log.info("sent", pipeline=spec.name, commit=commit.id, to=place.shown, put=sent.put)
        return sent

    def _bases(self, known: store.Known) -> list[Tree]:
        """Returns the trees of which files may be at the destination; the first is whole there, or empty."""
        whole = None if known.sent is None else self._tree(known.sent)
        parts = [self._tree(commit) for commit in known.begun]
        return [
            self._storage.tree(None) if whole is None else whole,
            *(one for one in parts if one is not None),
        ]

    def _tree(self, commit: str) -> Tree | None:
        """Returns the files of a commit; none where they were given up, so that nothing is known of them."""
        try:
            return self._repos.view(self._repos.commit_by_id(commit)).tree
        except (CommitNotFound, CommitPurged, CommitUnfinished):
            self._log.warning("what was sent is not known any more, so all is sent again", commit=commit)
            return None

    def _destination(self, place: Address, spec: PipelineSpec, pipeline_id: int) -> Destination:
        assert spec.egress is not None, "the caller has looked"
        if place.kind == "folder":
            from headwater.pipelines.egress.folder import Folder

            owner = f"{self._storage.objects_url} {pipeline_id}"
            return Folder(Path(place.url), shown=place.shown, owner=owner)
        if place.kind == "bucket":
            from headwater.pipelines.egress.bucket import Bucket

            return Bucket(place)
        from headwater.pipelines.egress.database import Database

        return Database(place, spec.egress)
