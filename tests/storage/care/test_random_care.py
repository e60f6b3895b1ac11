"""Random runs of the real thing: writers, packers, sweeps that are interrupted by all of them, and a clock that runs.

Whatever a root leads to can be read at any time; what none leads to is gone in the end.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headwater.db import Catalog
from headwater.errors import Error
from headwater.storage import ObjectKey, Pointer, Put, Storage, Tree, Writer
from headwater.storage.care.mark import Marker
from headwater.storage.stores import MemoryStore
from headwater.telemetry import Silent
from tests.clocks import HandClock
from tests.conftest import LARGE
from tests.storage.care.ledger import Ledger, contents

NAMES = st.sampled_from(["one", "two", "three"])


def content(name: str) -> bytes:
    """Returns the bytes of a file; large ones are more than a row of the catalog holds."""
    return b"large" * 60_000 if name == "large" else name.encode()


FILES = st.dictionaries(
    st.sampled_from(["a", "b", "c/d"]), st.sampled_from(["", "1", "22", "large"]).map(content), min_size=1
)
SEEDS = st.integers(0, 2**32)


class Open(NamedTuple):
    """A commit that is being made: on which base, and what it will hold."""

    name: str
    base: Pointer | None
    writer: Writer
    tree: Tree
    files: dict[str, bytes]


class Interruptions(Silent):
    """Progress that does something else at each step of what it hears of."""

    def __init__(self, between: Callable[[], None]) -> None:
        self._between, self._is_at_it = between, False

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        self._interrupt()

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        self._interrupt()

    def finish(self, note: str = "") -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if not self._is_at_it:
            self._is_at_it = True
            self._between()
            self._is_at_it = False


class Life(RuleBasedStateMachine):
    """A storage and, beside it, what it should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.objects = HandClock(), MemoryStore()
        url = f"sqlite:///{Path(self.folder.name).resolve()}/catalog.db"
        self.catalog = Catalog.create(url, clock=self.clock)
        self.ledger = Ledger(self.catalog)
        self.storage = Storage(self.catalog, self.objects, clock=self.clock)
        self.model: dict[str, tuple[Tree, dict[str, bytes]]] = {}
        self.seen: list[tuple[Tree, dict[str, bytes]]] = []
        self.open: list[Open] = []

    @rule(name=NAMES, files=FILES)
    def commit(self, name: str, files: dict[str, bytes]) -> None:
        base, before = self.model.get(name, (None, {}))
        tree = self.ledger.commit(self.storage, name, files, base)
        self._now(name, tree, before | files)

    @rule(name=NAMES, files=FILES)
    def begin(self, name: str, files: dict[str, bytes]) -> None:
        base, before = self.model.get(name, (self.storage.tree(None), {}))
        writer = self.storage.writer()
        tree = writer.edit(base, [Put(path, writer.add(data)) for path, data in files.items()])
        writer.seal()
        self.open.append(Open(name, base.root, writer, tree, before | files))

    @rule(seed=SEEDS, name=NAMES)
    def begin_a_copy(self, seed: int, name: str) -> None:
        if not self.seen:
            return
        old, files = Random(seed).choice(self.seen)
        base, before = self.model.get(name, (self.storage.tree(None), {}))
        writer = self.storage.writer()
        try:
            edits = [Put(entry.path, entry.content) for entry in old.entries()]
            tree = writer.edit(base, edits)
        except Error:  # what it would copy is gone
            writer.abort()
            return
        writer.seal()
        self.open.append(Open(name, base.root, writer, tree, before | files))

    @precondition(lambda self: self.open)
    @rule(seed=SEEDS)
    def finish(self, seed: int) -> None:
        one = self.open.pop(Random(seed).randrange(len(self.open)))
        current = self.model[one.name][0].root if one.name in self.model else None
        if current != one.base:
            one.writer.abort()
            return
        try:
            with self.catalog.write() as conn:
                one.writer.publish(conn)
                self.ledger.keep(conn, one.name, one.tree.root)
        except Error:
            one.writer.abort()
            return
        self._now(one.name, one.tree, one.files)

    @rule(name=NAMES)
    def drop(self, name: str) -> None:
        self.model.pop(name, None)
        self.ledger.drop(name)

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        tree, _ = self.model.pop(name, (self.storage.tree(None), {}))
        with self.catalog.write() as conn:
            self.ledger.keep(conn, name, None)
            self.storage.ask_erasure(conn, [tree.root] if tree.root else [])
        self.seen, self.open = [], []  # who copies from a commit makes sure that it was not purged

    @rule()
    def pack(self) -> None:
        self.storage.pack(everything=True)

    @rule(seed=SEEDS)
    def sweep(self, seed: int) -> None:
        random = Random(seed)
        self.storage.sweep([self.ledger], progress=Interruptions(lambda: self._something(random)))

    @rule(count=st.integers(1, 3))
    def upload_and_die(self, count: int) -> None:
        for one in self.storage.reserve(count, lease_s=600).segments:
            self.objects.put(ObjectKey(one.key).attempt(), b"cut off")
            self.objects.put(ObjectKey(one.key), b"cut off")

    @rule(seconds=st.sampled_from([1, 700, 3_600, 90_000]))
    def wait(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    @rule()
    def reopen(self) -> None:
        self.storage = Storage(self.catalog, self.objects, clock=self.clock)
        self.seen = [(self.storage.tree(tree.root), files) for tree, files in self.seen]
        self.model = {
            name: (self.storage.tree(tree.root), files) for name, (tree, files) in self.model.items()
        }

    @invariant()
    def everything_that_is_kept_can_be_read(self) -> None:
        fresh = Storage(self.catalog, self.objects, clock=self.clock)
        for tree, files in self.model.values():
            assert contents(fresh, fresh.tree(tree.root)) == files

    def teardown(self) -> None:
        for one in self.open:
            one.writer.abort()
        self.open = []
        for _ in range(4):  # found, seen for a day, gone
            self.clock.sleep(2 * 24 * 3600)
            self.storage.sweep([self.ledger])
        self.everything_that_is_kept_can_be_read()
        assert list(self.storage.check([self.ledger])) == []
        marker = Marker(self.storage.reader, Silent())
        with self.catalog.read() as conn:
            marker.walk(list(self.ledger.roots(conn)))
            rows = conn.execute(sa.text("SELECT id, state, object FROM segments")).all()
        assert {row.id for row in rows} == marker.segments
        assert {row.state for row in rows} <= {"live"}
        assert set(self.objects.list()) == {row.object for row in rows} - {None}
        self.catalog.close()
        self.folder.cleanup()

    def _now(self, name: str, tree: Tree, files: dict[str, bytes]) -> None:
        self.model[name] = (tree, files)
        self.seen = [*self.seen[-5:], (tree, files)]

    def _something(self, random: Random) -> None:
        if random.random() < 0.5:
            return
        name, files = random.choice(["one", "two", "three"]), {"a": b"%d" % random.randrange(4)}
        choices: list[Callable[[], object]] = [
            lambda: self.commit(name, files),
            lambda: self.begin(name, files),
            lambda: self.begin_a_copy(random.randrange(99), name),
            lambda: self.finish(random.randrange(99)) if self.open else None,
            lambda: self.drop(name),
            self.pack,
            lambda: self.storage.sweep([self.ledger]),
            lambda: self.clock.sleep(random.choice([1, 600])),
        ]
        random.choice(choices)()


TestLife = pytest.mark.timeout(1_800)(Life.TestCase)
TestLife.settings = settings(
    max_examples=300 if LARGE else 25, stateful_step_count=40 if LARGE else 20, deadline=None
)
