"""Writes what one commit brings: contents, the nodes of its trees, and in the end the commit's segments.

    writer = storage.writer()
    content = writer.add(b"A fine film.")
    tree = writer.edit(base, [Put("1.txt", content)])
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)

Nothing is visible before `publish`, and nothing of it if that transaction is
undone. Everything but `publish` happens outside of a transaction. A writer is
for one thread.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import sqlalchemy as sa

from headwater.storage import collisions, content, records, store
from headwater.storage.block import Kind
from headwater.storage.build import Maker, grow
from headwater.storage.chunklist import Chunk
from headwater.storage.content import SMALL_BYTES, Source, Stored
from headwater.storage.edit import edit
from headwater.storage.errors import PathCollision, WriterClosed
from headwater.storage.map_changes import change_of, check_entry, rows_in_order
from headwater.storage.node import Row
from headwater.storage.nodes import Nodes
from headwater.storage.ops import Ops
from headwater.storage.outgoing import Keeper, Outgoing, WrittenSegment
from headwater.storage.portable import PortableOutput
from headwater.storage.protocol import ObjectStore
from headwater.storage.reach import segments_of_content, segments_under
from headwater.storage.reader import SegmentReader
from headwater.storage.reading import piece_kind, read_block, read_chunks
from headwater.storage.records import CommitRecord, Tombstone
from headwater.storage.reservations import WriterSegments
from headwater.storage.segment import FOOTER_BYTES_PER_BLOCK, ROW_LIMIT_BYTES, SegmentBuilder
from headwater.storage.shape import Shape
from headwater.storage.tree import AnyTree, MapTree, Tree
from headwater.storage.values import Content, Edit, FileEntry, MapEntry, Pointer, SegmentPlace

AnyT = TypeVar("AnyT", bound=AnyTree)


class Writer:
    """What one commit writes; made by `Storage.writer`."""

    def __init__(
        self,
        objects: ObjectStore,
        reader: SegmentReader,
        nodes: Nodes,
        segments: WriterSegments,
        shape: Shape,
    ) -> None:
        self._reader, self._nodes, self._segments = reader, nodes, segments
        self._shape = shape
        self._outgoing = Outgoing(segments, objects)
        self._adopted: dict[int, tuple[str, int]] = {}
        self._relied: set[int] = set()
        self._contents: dict[int, int] = {}  # how many blocks of a segment there are up to its last content
        self._rows: list[SegmentBuilder] = []
        self._is_sealed = self._is_done = False

    def add(
        self,
        data: Source,
        *,
        executable: bool = False,
        like: FileEntry | None = None,
        known: Sequence[Chunk] = (),
    ) -> Content:
        """Stores the content of a file.

        Args:
            data: Bytes, a binary stream (read to its end), or the path of a file.
            executable: Whether the file may be run.
            like: An earlier state of the file; chunks that both have are not stored again.
            known: Chunks in segments that were taken over; they are not stored again either.

        Raises:
            InvalidInput: The path cannot be read, or the stream gives text.
            StorageUnavailable: The object store does not take it.
        """
        self._check_open("take more content")
        shared = list(known)
        if like is not None and like.size > SMALL_BYTES:
            shared += read_chunks(self._nodes.source, like)
        stored = content.write(self._outgoing, data, executable=executable, shared=shared)
        return self._note_content(stored)

    def add_small(self, batch: Sequence[tuple[bytes, bool]]) -> list[Content]:
        """Stores many small files, at less cost than one by one.

        Args:
            batch: The bytes of each, at most 1 MiB, and whether it may be run.

        Raises:
            StorageUnavailable: The object store does not take them.
        """
        self._check_open("take more content")
        contents = content.write_small(self._outgoing, batch)
        current = self._outgoing.current
        if current is not None:
            segments = {one.place.segment for one in contents if one.place is not None}
            for id in segments:
                self._contents[id] = current.blocks
            if segments:
                self._contents[current.id] = current.blocks
        return contents

    def keep_for(self, keeper: Keeper) -> None:
        """Leaves what is put to the keeper even if this is given up, so that another writer may take it over."""
        self._outgoing.keeper = keeper

    def take_over(self, segments: Sequence[WrittenSegment]) -> set[int]:
        """Takes over segments that a writer before this put for its keeper, and never published.

        Returns:
            The ids of those that are still reserved; their leases begin anew. The others are lost.
        """
        self._check_open("take more content")
        kept = self._segments.renew(segments)
        for one in kept:
            self._adopted[one.id] = (one.key, one.length)
            self._reader.end(one.id, place=SegmentPlace(one.key, 0, one.length))
        return {one.id for one in kept}

    @property
    def reserved(self) -> Collection[int]:
        """The segments that the catalog has reserved for this writer; who writes for days extends their leases."""
        return self._segments.reserved.keys()

    def segments_of(self, file: Content) -> set[int]:
        """Returns the segments that a file's content lies in."""
        return segments_of_content(self._nodes, file)

    def append(self, file: FileEntry, data: Source) -> Content:
        """Stores a file with more behind it, at the cost of its last chunk and what is new.

        Raises:
            InvalidInput: As for `add`.
        """
        self._check_open("take more content")
        source = self._nodes.source
        pieces = read_chunks(source, file)
        tail = bytes(read_block(source, piece_kind(file.size), pieces[-1].place)) if pieces else b""
        stored = content.append(self._outgoing, pieces[:-1], tail, data, executable=file.executable)
        return self._note_content(stored)

    def adopt(self, output: PortableOutput) -> dict[str, Content]:
        """Takes over what a pure task wrote; returns the contents by path."""
        self._check_open("take more content")
        for segment in output.segments:
            self._adopted[segment.id] = (segment.key, segment.length)
            # What reads a tree of these before they are published finds them, as it does this writer's own.
            self._reader.end(segment.id, place=SegmentPlace(segment.key, 0, segment.length))
        contents = {}
        for one in output.files:
            if one.place is None:
                data = b"".join(part.data or b"" for part in one.file.parts)
                contents[one.path] = self.add(data, executable=one.file.executable)
            else:
                contents[one.path] = Content(one.file.hash, one.file.size, one.file.executable, one.place)
        return contents

    def empty(self) -> Tree:
        """Returns the tree without files, for an edit that starts from nothing."""
        return Tree(self._nodes, None, self._shape)

    def edit(self, base: Tree, edits: Iterable[Edit]) -> Tree:
        """Returns the tree that edits make of another one; only nodes that change are written.

        Edits may come in any order and number; of those that touch one path
        the last counts. Deleting what is not there does nothing.

        Raises:
            InvalidPath: An edit names no path that a file may have.
            PathCollision: A path would be a file and a folder at once.
        """
        self._check_open("edit trees")
        ops = Ops(edits)
        mark = self._mark()
        maker = Maker(Kind.FILE_NODE, self._shape, self)
        rows = self._noting(collisions.refuse(ops.puts()))
        if base.node is None:
            try:
                grown = grow(maker, 0, rows)
            except PathCollision:
                self._return_to(mark)
                raise
            return self._tree(base, None if grown is None else grown[1])
        suspects = list(collisions.candidates(base.nodes, base.node, rows))
        tree = self._tree(base, edit(base.nodes, maker, base.node, base.root_row, ops.changes()))
        for file in suspects:
            below = collisions.below(tree, file)
            if below is not None:
                self._return_to(mark)
                raise PathCollision(file.decode(), below=below.decode())
        return tree

    def edit_map(
        self,
        base: MapTree,
        puts: Iterable[MapEntry | tuple[bytes, bytes]],
        deletes: Iterable[bytes] = (),
        *,
        plain: Collection[bytes] = (),
    ) -> MapTree:
        """Returns the map tree that puts and deletes make of another one; a put wins over a delete.

        Args:
            base: The tree to edit.
            puts: Entries that it gets.
            deletes: Keys that it loses.
            plain: Keys of entries whose pointers lead to small contents only, so that nothing need be read to know
                what they rely on.

        Raises:
            InvalidEntry: A key or value is longer than the format allows.
        """
        self._check_open("edit trees")
        latest: dict[bytes, Row | None] = dict.fromkeys(deletes)
        for entry in puts:
            row = MapEntry(*entry)
            check_entry(row)
            latest[row.key] = tuple(row)
        for key, latter in latest.items():
            foreign = [place for place in latter[2] if not self._is_own(place.segment)] if latter else []
            if foreign and key in plain:
                self._relied |= {place.segment for place in foreign}
            elif foreign:
                self._relied |= segments_under(self._nodes, foreign)
        maker = Maker(Kind.MAP_NODE, self._shape, self)
        if base.node is None:
            grown = grow(maker, 0, (row for _, row in sorted(latest.items()) if row is not None))
            return self._tree(base, None if grown is None else grown[1])
        changes = (change_of(key, latest[key]) for key in sorted(latest))
        return self._tree(base, edit(base.nodes, maker, base.node, base.root_row, changes))

    def edit_map_in_order(self, base: MapTree, changes: Iterable[tuple[bytes, bytes | None]]) -> MapTree:
        """Returns the map tree that changes, keys strictly ascending with none for a deletion, make of another one.

        Changes stream, so there may be any number; their values name nothing that lies elsewhere.

        Raises:
            InvalidEntry: A key or value is longer than the format allows.
        """
        self._check_open("edit trees")
        maker = Maker(Kind.MAP_NODE, self._shape, self)
        rows = rows_in_order(changes)
        if base.node is None:
            grown = grow(maker, 0, (row for _, row in rows if row is not None))
            return self._tree(base, None if grown is None else grown[1])
        edits = (change_of(key, row) for key, row in rows)
        return self._tree(base, edit(base.nodes, maker, base.node, base.root_row, edits))

    def put(self, kind: Kind, hash: bytes, block: bytes) -> tuple[int, int]:
        """Takes a node that `edit` made."""
        place = self._outgoing.add_block(kind, hash, block)
        return place.segment, place.offset

    def rewind(self) -> None:
        """Forgets the trees that were made, after a lost race: contents stay, and `edit` may be called again."""
        for builder in self._rows:
            self._reader.end(builder.id)
        self._rows = []
        for segment in [one for one in self._outgoing.written if one.id not in self._contents]:
            self._outgoing.written.remove(segment)
            self._nodes.forget_segment(segment.id)
        current = self._outgoing.current
        if current is not None:
            current.truncate(self._contents.get(current.id, 0))
            self._nodes.forget_segment(current.id)
            self._reader.begin(current)
        self._is_sealed = self._is_done = False

    def seal(self) -> None:
        """Makes everything durable that is too long for a row of the catalog.

        Raises:
            StorageUnavailable: The object store does not take it.
        """
        self._check_open("be sealed")
        self._outgoing.finish(ROW_LIMIT_BYTES)
        self._segments.prepare()
        self._is_sealed = True

    def publish(self, conn: sa.Connection, records: Sequence[CommitRecord | Tombstone] = ()) -> list[Pointer]:
        """Makes what was written part of the workspace, with the transaction that it is called in.

        Args:
            conn: The connection of that transaction.
            records: The records of the commits that the transaction finishes.

        Returns:
            Where the records lie.

        Raises:
            SegmentsGone: Something that this relies on was given up meanwhile; undo the transaction.
            WriterClosed: The writer is not sealed.
        """
        if self._is_done or not self._is_sealed:
            raise WriterClosed("publish before it is sealed, or twice without rewind()")
        for id, key, length in self._objects_to_publish():
            store.publish_object(conn, id, key, length)
        store.release(conn, self._segments.unused())
        places = self._add_records(records)
        for builder in self._rows:
            data = bytes(builder.finished())
            store.insert_row(conn, builder.id, data)
            self._segments.in_row(builder.id, data)
        store.touch(conn, {id for id in self._relied if not self._is_own(id)})
        self._is_done = True
        return places

    def abort(self) -> None:
        """Gives everything up: nothing is or will be visible, and what was uploaded is deleted.

        After `publish` nothing happens, for its transaction may have been committed.
        """
        if self._is_done:
            return
        self._is_done = True
        for id in self._segments.own:
            self._reader.end(id)
            self._nodes.forget_segment(id)
        self._outgoing.give_up()

    def _objects_to_publish(self) -> Iterator[tuple[int, str, int]]:
        for segment in self._outgoing.written:
            yield segment.id, segment.key, segment.length
        for id, (key, length) in self._adopted.items():
            yield id, key, length

    def _add_records(self, given: Sequence[CommitRecord | Tombstone]) -> list[Pointer]:
        """Adds records to the row, or to one of their own where it would get too long."""
        encoded = [records.encode(record) for record in given]
        builder = self._outgoing.current
        if builder is not None and builder.is_empty:
            builder = None
        self._rows = [] if builder is None else [builder]
        needed = sum(len(data) + FOOTER_BYTES_PER_BLOCK + 1 for _, _, data in encoded)
        if encoded and (builder is None or builder.size + needed > ROW_LIMIT_BYTES):
            builder = self._segments.open()
            self._rows.append(builder)
        if builder is None:
            return []
        return [Pointer(hash, builder.id, *builder.add(kind, hash, data)) for kind, hash, data in encoded]

    def _note_content(self, stored: Stored) -> Content:
        """Remembers that contents reach up to here, and what of other segments they use."""
        for piece in stored.pieces:
            self._relied.add(piece.place.segment)
        current, place = self._outgoing.current, stored.content.place
        if current is not None and place is not None:
            self._contents[place.segment] = current.blocks
            self._contents[current.id] = current.blocks
        return stored.content

    def _noting(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Hands on entries to put, remembering which segments of others they rely on."""
        for row in rows:
            segment = row[4]
            if segment:
                self._relied.add(segment)
                if row[2] > SMALL_BYTES and not self._is_own(segment):
                    place = Pointer(row[1], segment, row[5], row[6])
                    file = Content(row[1], row[2], executable=False, place=place)
                    self._relied |= segments_of_content(self._nodes, file)
            yield row

    def _is_own(self, segment: int) -> bool:
        return segment in self._segments.own or segment in self._adopted

    def _mark(self) -> tuple[int, int] | None:
        current = self._outgoing.current
        return None if current is None else (current.id, current.blocks)

    def _return_to(self, mark: tuple[int, int] | None) -> None:
        current = self._outgoing.current
        if current is not None and mark is not None and current.id == mark[0]:
            current.truncate(mark[1])
            self._nodes.forget_segment(current.id)

    def _tree(self, base: AnyT, row: Row | None) -> AnyT:
        root = None if row is None else Pointer(row[1], row[4], row[5], row[6])
        return type(base)(self._nodes, root, self._shape, keeper=self._outgoing)

    def _check_open(self, what: str) -> None:
        if self._is_done:
            raise WriterClosed(what)
        self._is_sealed = False
