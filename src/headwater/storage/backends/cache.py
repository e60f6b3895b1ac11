"""A store that keeps copies of what it read: the latest in memory, more in a folder of this machine.

Objects are read in pages of 512 KiB. Neighbours in an object are neighbours in
a tree, so one page often answers the next requests too, and a page costs a
distant store hardly more than a block does. Objects never change and keys are
never used twice, so a copy is right for ever; it only has to be whole, which
its checksum tells: a damaged copy is thrown away and read anew.

Several processes may share the folder: a page appears by a rename and is read
through one open file, so it may be removed at any time. Together they keep to
the budget roughly: each one looks at the whole folder once it has added a
sixteenth of the budget, and removes what was used longest ago.

What is put is not copied: most of it is written once and read elsewhere.
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from blake3 import blake3

from headwater.storage.cache import Cache
from headwater.storage.errors import ObjectNotFound
from headwater.storage.protocol import ObjectKey, ObjectStore, Wanted, delete_many, get_many, origin

PAGE_BYTES = 512 * 1024
_DIGEST_BYTES = 32
_LONG_BYTES = 2 * PAGE_BYTES  # a chunk of a file: memory is too small to keep such
_MEMORY_BYTES = 32 * 1024 * 1024
_ROOM = 0.9  # a clean-up leaves so much of the budget, so that the next is far off

_Page = tuple[ObjectKey, int]


class CachedStore:
    """Hands every call on to another store, and answers reads from copies where it can."""

    def __init__(self, store: ObjectStore, folder: Path | None = None, budget_bytes: int = 0) -> None:
        """Keeps copies in memory, and in a folder if there is one; it is made when the first is kept."""
        self._store, self._folder, self._budget = store, folder, budget_bytes
        self._name = blake3(store.url.encode()).hexdigest()[:16]
        self._pages: Cache[_Page, bytes] = Cache(_MEMORY_BYTES)
        self._lock = threading.Lock()
        self._added = budget_bytes  # so that the first page kept has the folder looked at
        self.url = store.url
        self.hits = self.misses = 0

    @property
    def origin(self) -> ObjectStore:
        """What keeps the objects themselves."""
        return origin(self._store)

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object."""
        self._store.put(key, data)

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object whole from the store, or a part of it from copies."""
        if span is None or span.stop is None:
            return self._store.get(key, span)
        found = self.get_many([Wanted(ObjectKey(key), span.start or 0, span.stop)])[0]
        if found is None:
            raise ObjectNotFound(key, store=self.url)
        return found

    def get_many(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Returns parts of objects; the pages that are missing come in one round."""
        if self._folder is None and any(one.stop - one.start > _LONG_BYTES for one in wanted):
            return get_many(self._store, wanted)
        needed = {page: self._kept(page) for one in wanted for page in _pages_of(one)}
        missing = [page for page, data in needed.items() if data is None]
        self.hits += len(needed) - len(missing)
        self.misses += len(missing)
        if missing:
            spans = [Wanted(key, n * PAGE_BYTES, (n + 1) * PAGE_BYTES) for key, n in missing]
            for page, data in zip(missing, get_many(self._store, spans), strict=True):
                needed[page] = data
                if data is not None:
                    self._keep(page, data)
        return [_cut(one, [needed[page] for page in _pages_of(one)]) for one in wanted]

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether the store has it, whatever was copied."""
        return self._store.exists(key)

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys that the store has."""
        return self._store.list(prefix)

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object; its copies go when there is no room for them."""
        self._store.delete(key)

    def delete_many(self, keys: Sequence[ObjectKey]) -> None:
        """Forgets objects."""
        delete_many(self._store, keys)

    def _kept(self, page: _Page) -> bytes | None:
        data = self._pages.get(page)
        if data is None and self._folder is not None:
            data = self._read(self._place(self._folder, page))
            if data is not None:
                self._pages.put(page, data, len(data))
        return data

    def _read(self, place: Path) -> bytes | None:
        try:
            with place.open("rb", buffering=0) as file:
                kept = file.readall()
            os.utime(place)  # it was used just now
        except OSError:
            return None
        data = kept[_DIGEST_BYTES:]
        if blake3(data).digest() != kept[:_DIGEST_BYTES]:
            place.unlink(missing_ok=True)
            return None
        return data

    def _keep(self, page: _Page, data: bytes) -> None:
        """Keeps a copy; where that is not possible, there is none."""
        self._pages.put(page, data, len(data))
        if self._folder is None:
            return
        place = self._place(self._folder, page)
        draft = place.with_name(f"{place.name}.{secrets.token_hex(4)}.new")
        with self._lock:
            self._added += len(data)
            is_due = self._added > self._budget // 16
            if is_due:
                self._added = 0
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(blake3(data).digest() + data)
            draft.replace(place)
        except OSError:  # full disk, no permission: the store still answers
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        if is_due:
            _make_room(self._folder, self._budget)

    def _place(self, folder: Path, page: _Page) -> Path:
        key, number = page
        name = blake3(f"{self._name}/{key}/{number}".encode()).hexdigest()[:40]
        return folder / name[:2] / name


def _pages_of(wanted: Wanted) -> list[_Page]:
    last = max(wanted.stop - 1, wanted.start)
    return [(wanted.key, n) for n in range(wanted.start // PAGE_BYTES, last // PAGE_BYTES + 1)]


def _cut(wanted: Wanted, pages: list[bytes | None]) -> bytes | None:
    if any(page is None for page in pages):
        return None
    offset = wanted.start // PAGE_BYTES * PAGE_BYTES
    span = slice(wanted.start - offset, max(wanted.stop - offset, wanted.start - offset))
    whole = [page for page in pages if page is not None]
    return (whole[0] if len(whole) == 1 else b"".join(whole))[span]


def _make_room(folder: Path, budget_bytes: int) -> None:
    """Removes what was used longest ago until the rest fits, and drafts that nobody finished."""
    found: list[tuple[float, int, str]] = []
    with contextlib.suppress(OSError):
        for shelf in os.scandir(folder):
            for one in os.scandir(shelf.path):
                with contextlib.suppress(OSError):
                    seen = one.stat()
                    found.append((seen.st_mtime, seen.st_size, one.path))
    used = sum(size for _, size, _ in found)
    if used <= budget_bytes:
        return
    for _, size, path in sorted(found):
        with contextlib.suppress(OSError):
            Path(path).unlink()
        used -= size
        if used <= budget_bytes * _ROOM:
            return
