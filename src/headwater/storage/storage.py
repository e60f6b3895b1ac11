"""The storage of one workspace: everything that is kept, by content.

One search tree per commit, every byte in an immutable segment, the catalog
holding segments and never files. Reads check every byte; writes go through a
`Writer` and become visible with the caller's transaction.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

import sqlalchemy as sa

from headwater.clock import Clock, SystemClock
from headwater.db import Catalog
from headwater.storage import reading, records, store
from headwater.storage.block import Kind
from headwater.storage.care.background import Background
from headwater.storage.care.roots import RootSource
from headwater.storage.care.values import Finding, Packed, Sizes, Swept
from headwater.storage.nodes import Nodes
from headwater.storage.portable import PortableFile, Reservation, make_portable
from headwater.storage.protocol import ObjectKey, ObjectStore
from headwater.storage.reach import segments_under
from headwater.storage.reader import SegmentReader
from headwater.storage.records import CommitRecord, Tombstone
from headwater.storage.reservations import LEASE_S, SegmentIds, WriterSegments
from headwater.storage.segment import SegmentBuilder
from headwater.storage.shape import FORMAT, Shape
from headwater.storage.tree import MapTree, Tree
from headwater.storage.values import Content, FileEntry, Pointer, Reserved
from headwater.storage.writer import Writer
from headwater.telemetry import Progress, Silent

if TYPE_CHECKING:
    from headwater.storage.care.pack import Packer

_SILENT = Silent()
_SYSTEM_CLOCK = SystemClock()


class Storage:
    """Trees, contents and writers of one workspace; safe to use from many threads."""

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        *,
        clock: Clock = _SYSTEM_CLOCK,
        shape: Shape = FORMAT,
    ) -> None:
        """Uses a catalog and an object store; `shape` is for tests, what is kept has the format's."""
        self._catalog, self._objects, self._clock, self._shape = catalog, objects, clock, shape
        self.reader = SegmentReader(catalog, objects)
        self.nodes = Nodes(self.reader)
        self._ids = SegmentIds(catalog)
        self._background = Background(clock, self.pack)

    @property
    def objects(self) -> ObjectStore:
        """The object store, for what is no part of any tree and passes."""
        return self._objects

    @property
    def objects_url(self) -> str:
        """What `open_store` opens the object store by, in another process too."""
        return self._objects.url

    def tree(self, root: Pointer | None) -> Tree:
        """Returns the file tree with this root, without reading anything; none is the empty tree."""
        return Tree(self.nodes, root, self._shape)

    def map_tree(self, root: Pointer | None) -> MapTree:
        """Returns the map tree with this root, without reading anything; none is the empty tree."""
        return MapTree(self.nodes, root, self._shape)

    def read(self, file: FileEntry | Content, start: int = 0, stop: int | None = None) -> bytes:
        """Returns the bytes of a file from `start` up to `stop`, both counted as Python slices count.

        Raises:
            StoredBytesCorrupt: What is stored is not what was written.
            SegmentMissing: A segment is gone.
            StorageUnavailable: The object store does not answer.
        """
        return reading.read(self.reader, file, start, stop)

    def stream(
        self, file: FileEntry | Content, start: int = 0, stop: int | None = None
    ) -> Iterator[bytes | memoryview]:
        """Yields what `read` returns in pieces of at most 16 MiB, reading ahead; errors as for `read`."""
        return reading.stream(self.reader, file, start, stop)

    def parts(self, file: FileEntry | Content) -> list[reading.Part]:
        """Returns the pieces that a file consists of, for `read_part`; errors as for `read`."""
        return reading.parts_of(self.reader, file)

    def read_part(self, part: reading.Part) -> bytes | memoryview:
        """Returns the bytes of one piece of a file, checked; errors as for `read`."""
        return reading.read_part(self.reader, part)

    def read_small(self, files: Sequence[FileEntry]) -> list[bytes | memoryview]:
        """Returns the bytes of files of at most 1 MiB; what lies together is read at once. Errors as for `read`."""
        return reading.read_small(self.reader, files)

    def open(self, file: FileEntry | Content) -> BinaryIO:
        """Opens a file as a stream that can be read and moved in; errors as for `read`."""
        return reading.open_file(self.reader, file)

    def writer(self) -> Writer:
        """Returns a writer for one commit; to be called outside of a transaction."""
        segments = WriterSegments(self._catalog, self.reader, self._ids, self._background.added)
        return Writer(self._objects, self.reader, self.nodes, segments, self._shape)

    def portable(self, file: FileEntry | Content) -> PortableFile:
        """Returns a file as something that a task without a catalog can read."""
        return make_portable(self.reader, self.reader.place, file)

    def segments_under(self, places: Sequence[Pointer]) -> set[int]:
        """Returns the segments of everything that can be reached from some blocks, their own included.

        Raises:
            StoredBytesCorrupt, SegmentMissing: A block on the way cannot be read.
        """
        return segments_under(self.nodes, places)

    def forget_places(self) -> None:
        """Asks the catalog anew where segments are; for when a task has found nothing where it was told to read."""
        self.reader.forget_places()

    def reserve(self, count: int, lease_s: float = LEASE_S) -> Reservation:
        """Reserves segments for a pure task to write.

        Args:
            count: How many segments; each takes about 8 MiB and at most 24.
            lease_s: How long they stay reserved; after that a sweep may take them back.
        """
        reserved = tuple(Reserved(self._ids.take(), str(ObjectKey.random())) for _ in range(count))
        with self._catalog.write(shared=True) as conn:
            expires_ms = self._catalog.now_ms(conn) + round(lease_s * 1000)
            store.reserve(conn, reserved, expires_ms)
        return Reservation(reserved, expires_ms)

    def extend(self, conn: sa.Connection, ids: Collection[int], lease_s: float = LEASE_S) -> tuple[int, int]:
        """Lets reserved segments stay so for longer, in one statement however many there are.

        Args:
            conn: The connection of a transaction.
            ids: Segments; those that are not reserved (any more) are passed over.
            lease_s: How long they stay reserved from now on.

        Returns:
            How many are reserved, and until when.
        """
        expires_ms = self._catalog.now_ms(conn) + round(lease_s * 1000)
        return store.extend(conn, ids, expires_ms), expires_ms

    def kept(self, conn: sa.Connection, ids: Collection[int]) -> set[int]:
        """Returns those of some segments that were not given up: published, or still reserved."""
        return store.kept(conn, ids)

    def release(self, conn: sa.Connection, reservation: Reservation, written: tuple[int, ...] = ()) -> None:
        """Takes back what a task did not write of its reservation."""
        store.release(conn, {one.id for one in reservation.segments} - set(written))

    def publish_records(
        self, conn: sa.Connection, given: Sequence[CommitRecord | Tombstone]
    ) -> list[Pointer]:
        """Stores the records of commits that brought nothing else, inside the transaction that finishes them.

        Returns:
            Where the records lie.
        """
        builder = SegmentBuilder(store.next_ids(conn, 1))
        encoded = [records.encode(record) for record in given]
        places = [Pointer(hash, builder.id, *builder.add(kind, hash, data)) for kind, hash, data in encoded]
        store.insert_row(conn, builder.id, builder.finished())
        self._background.added(builder.size)
        return places

    def commit_record(self, place: Pointer) -> CommitRecord:
        """Returns the record of a commit."""
        return records.decode_commit(reading.read_block(self.reader, Kind.COMMIT_RECORD, place))

    def tombstone(self, place: Pointer) -> Tombstone:
        """Returns a tombstone."""
        return records.decode_tombstone(reading.read_block(self.reader, Kind.TOMBSTONE, place))

    def pack(self, *, everything: bool = False) -> Packed:
        """Moves segments that are rows of the catalog into objects, when enough have gathered.

        Nobody who reads or writes notices. One process packs at a time; for others there is nothing to do.

        Args:
            everything: However few there are.
        """
        return self._packer().pack(everything=everything)

    def pack_soon(self) -> None:
        """Has a thread of this process pack what is due; for a process that stays."""
        self._background.look()

    def sweep(self, sources: Sequence[RootSource], *, progress: Progress = _SILENT) -> Swept:
        """Frees what cannot be reached from any root, safe while others read and write.

        Args:
            sources: Whoever keeps pointers; what they do not name is freed.
            progress: Hears how far it is.

        Raises:
            StoredBytesCorrupt, SegmentMissing: A tree cannot be read, so nothing was freed that it may hold.
        """
        from headwater.storage.care.sweep import Sweeper

        parts = (self._catalog, self._objects, self.reader, self._ids)
        return Sweeper(*parts, self._packer(), sources, progress).run()

    def check(
        self, sources: Sequence[RootSource], *, deep: bool = True, progress: Progress = _SILENT
    ) -> Iterator[Finding]:
        """Yields everything that is wrong with what is stored; nothing when all is well.

        Args:
            sources: Whoever keeps pointers; their trees are walked, and named where damage touches them.
            deep: Read and check every byte; else only look whether everything is where it should be.
            progress: Hears how far it is.
        """
        from headwater.storage.care.check import Checker

        return Checker(self._catalog, self._objects, self.reader, sources, progress).run(deep=deep)

    def repair(
        self,
        sources: Sequence[RootSource],
        *,
        replica: ObjectStore | None = None,
        progress: Progress = _SILENT,
    ) -> Iterator[Finding]:
        """Checks every byte; restores what another place still has whole, and quarantines the rest.

        Args:
            sources: As for `check`.
            replica: Another store that may have the same objects.
            progress: Hears how far it is.
        """
        from headwater.storage.care.check import Checker
        from headwater.storage.care.repair import Repairer

        repairer = Repairer(self._catalog, self._objects, self.reader, self._ids, replica)
        checker = Checker(self._catalog, self._objects, self.reader, sources, progress)
        return checker.run(deep=True, repairer=repairer)

    def ask_erasure(self, conn: sa.Connection, roots: Sequence[Pointer]) -> None:
        """Has the next sweep make unreadable what only these roots led to, also where it shares a segment.

        For a purge, in the transaction that takes the roots away from every source.
        """
        from headwater.storage.care import plans

        plans.ask_erasure(conn, roots)

    def sizes(self, conn: sa.Connection) -> Sizes:
        """Returns how much is stored, and where."""
        from headwater.storage.care import store as care_store

        return care_store.sizes(conn)

    def close(self) -> None:
        """Packs what is due, if this process has committed; nothing may be written afterwards."""
        self._background.close()

    def _packer(self) -> "Packer":
        from headwater.storage.care.pack import Packer

        return Packer(self._catalog, self._objects, self._ids)

    def stats(self, conn: sa.Connection) -> int:
        """Returns how many bytes are stored."""
        return store.stored_bytes(conn)
