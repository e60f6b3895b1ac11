"""The promises of a catalog as tests, for every backend to inherit.

    class TestMyCatalog(CatalogContract):
        @pytest.fixture
        def url(self) -> str:
            return "mydb://…"  # where nothing is yet

        @pytest.fixture
        def catalog(self, url: str) -> Iterator[Catalog]:
            catalog = Catalog.create(url)
            yield catalog
            catalog.close()

A backend is one when these pass. Durability cannot be seen from inside a
running machine; each backend has to show that in its own way.
"""
# ruff: noqa: D102 - these are tests: their names are their sentences, and they assert

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db.catalog import Catalog
from headwater.db.counters import Counters
from headwater.db.errors import NestedTransaction, WriteInSnapshot
from headwater.db.later import later
from headwater.db.tables import counters
from headwater.errors import AlreadyExists

_NAMES = ["Z", "a", "B", "_", "10", "9", "ä", "z", "é", "e", "E", "a b", "a-b", "ab", "A", "\U0001f600", "￿"]


class _Wanted(Exception):
    """Undoes a block."""


class CatalogContract:
    """Tests that need the fixtures `url` and `catalog`: an open and empty one, and where it is."""

    # --- transactions ---

    def test_what_a_write_block_did_is_there_after_opening_again(self, url: str, catalog: Catalog) -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a", 5)
        catalog.close()

        again = Catalog.open(url)

        with again.read() as conn:
            assert _value(conn, "a") == 5
        again.close()

    def test_an_exception_undoes_all_of_its_write_block(self, catalog: Catalog) -> None:
        for shared in (False, True):
            with _raises(_Wanted), catalog.write(shared=shared) as conn:
                Counters.next(conn, "a")
                conn.execute(later(sa.insert(counters)), {"name": "b", "value": 1})
                raise _Wanted

        with catalog.read() as conn:
            assert _value(conn, "a") is None
            assert _value(conn, "b") is None

    def test_a_schema_change_is_undone_with_its_block(self, catalog: Catalog) -> None:
        with _raises(_Wanted), catalog.write() as conn:
            conn.exec_driver_sql("CREATE TABLE half (x INTEGER)")
            raise _Wanted

        with catalog.read() as conn:
            assert not sa.inspect(conn).has_table("half")

    def test_a_reader_sees_the_moment_its_block_began(self, catalog: Catalog) -> None:
        with catalog.read() as snapshot:
            with catalog.write() as conn:
                Counters.next(conn, "a")
            seen_then = _value(snapshot, "a")
            with catalog.read() as fresh:
                seen_now = _value(fresh, "a")

        assert (seen_then, seen_now) == (None, 1)

    def test_a_read_block_refuses_to_write(self, catalog: Catalog) -> None:
        with _raises(WriteInSnapshot), catalog.read() as conn:
            Counters.next(conn, "a")

        with catalog.read() as conn:
            assert _value(conn, "a") is None

    def test_a_write_block_inside_another_is_refused_at_once(self, catalog: Catalog) -> None:
        with catalog.write(), _raises(NestedTransaction), catalog.write():
            pass

        with catalog.write() as conn:
            assert Counters.next(conn, "a") == 1

    def test_a_broken_reference_is_refused(self, catalog: Catalog) -> None:
        with catalog.write() as conn:
            conn.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            conn.exec_driver_sql("CREATE TABLE child (parent INTEGER REFERENCES parent (id))")

        with _raises(sa.exc.IntegrityError), catalog.write() as conn:
            conn.exec_driver_sql("INSERT INTO child VALUES (7)")

    def test_statements_nobody_waits_for_are_done_when_they_are_looked_for(self, catalog: Catalog) -> None:
        with catalog.write() as conn:
            for number in range(20):
                conn.execute(later(sa.insert(counters)), {"name": f"n{number:02}", "value": number})
            seen = conn.execute(sa.select(sa.func.count()).select_from(counters)).scalar_one()
            conn.execute(later(sa.update(counters).values(value=7)))

        with catalog.read() as conn:
            values = conn.execute(sa.select(counters.c.value).distinct()).scalars().all()
        assert (seen, values) == (20, [7])

    def test_an_error_of_a_statement_nobody_waits_for_undoes_the_block(self, catalog: Catalog) -> None:
        row = {"name": "a", "value": 1}

        with _raises(sa.exc.IntegrityError), catalog.write() as conn:
            conn.execute(later(sa.insert(counters)), row)
            conn.execute(later(sa.insert(counters)), row)

        with catalog.write() as conn:
            assert Counters.next(conn, "a") == 1

    # --- who may write ---

    def test_one_thread_may_nest_the_writers_turn_and_write_in_it(self, catalog: Catalog) -> None:
        with catalog.writer_turn(), catalog.writer_turn():
            with catalog.write() as conn:
                Counters.next(conn, "a")
            with catalog.write(shared=True) as conn:
                Counters.next(conn, "a")
            with catalog.read() as conn:
                assert _value(conn, "a") == 2

    def test_a_turn_inside_a_write_block_is_refused_at_once(self, catalog: Catalog) -> None:
        with catalog.write(), _raises(NestedTransaction), catalog.writer_turn():
            pass

    def test_a_block_that_fails_in_a_turn_leaves_the_turn_as_it_was(self, catalog: Catalog) -> None:
        with catalog.writer_turn():
            with _raises(_Wanted), catalog.write() as conn:
                Counters.next(conn, "a")
                raise _Wanted
            with catalog.write() as conn:
                Counters.next(conn, "b")

        with catalog.write() as conn:
            assert (_value(conn, "a"), _value(conn, "b")) == (None, 1)

    def test_nobody_else_writes_during_a_turn_or_while_one_is_alone(self, catalog: Catalog) -> None:
        for shared in (False, True):
            for alone in (catalog.writer_turn, catalog.write):
                order: list[str] = []
                began = threading.Event()

                def other(order: list[str], began: threading.Event, *, shared: bool) -> None:
                    began.set()
                    with catalog.write(shared=shared):
                        order.append("other")

                with alone():
                    thread = threading.Thread(target=other, args=(order, began), kwargs={"shared": shared})
                    thread.start()
                    began.wait()
                    thread.join(0.05)  # time enough to overtake, where that is possible
                    order.append("mine")
                thread.join()
                assert order == ["mine", "other"]

    def test_many_threads_write_without_losing_a_step(self, catalog: Catalog) -> None:
        def step(_: int) -> int:
            with catalog.write() as conn:
                before = _value(conn, "a") or 0
                conn.execute(counters.delete())
                conn.execute(counters.insert(), {"name": "a", "value": before + 1})
                return before

        with ThreadPoolExecutor(8) as threads:
            seen = list(threads.map(step, range(100)))

        assert sorted(seen) == list(range(100))

    def test_writers_beside_each_other_are_given_different_numbers(self, catalog: Catalog) -> None:
        def take(_: int) -> int:
            with catalog.write(shared=True) as conn:
                return Counters.next(conn, "a")

        with ThreadPoolExecutor(8) as threads:
            taken = list(threads.map(take, range(100)))

        assert sorted(taken) == list(range(1, 101))

    def test_a_forked_child_writes_while_its_parent_keeps_the_catalog_open(self, catalog: Catalog) -> None:
        with catalog.writer_turn():
            child = os.fork()
            if child == 0:
                try:
                    with catalog.write() as conn:  # waits for the parent's turn to end
                        Counters.next(conn, "a", 10)
                finally:
                    os._exit(0)
            with catalog.write() as conn:
                Counters.next(conn, "a")
                mine = _value(conn, "a")
        os.waitpid(child, 0)

        with catalog.read() as conn:
            assert (mine, _value(conn, "a")) == (1, 11)

    # --- values ---

    def test_text_is_compared_by_its_bytes(self, catalog: Catalog) -> None:
        in_order = sorted(_NAMES, key=lambda name: name.encode())
        with catalog.write() as conn:
            conn.execute(counters.insert(), [{"name": name, "value": 1} for name in _NAMES])

        with catalog.read() as conn:
            found = conn.execute(sa.select(counters.c.name).order_by(counters.c.name)).scalars().all()
            above = {
                name: conn.execute(
                    sa.select(sa.func.count()).select_from(counters).where(counters.c.name > name)
                ).scalar_one()
                for name in _NAMES
            }

        assert found == in_order
        assert above == {name: len(in_order) - 1 - at for at, name in enumerate(in_order)}

    def test_numbers_have_64_bits(self, catalog: Catalog) -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a", 2**62)
            assert Counters.next(conn, "a") == 2**62 + 1

    def test_its_clock_is_about_right_and_does_not_go_back(self, catalog: Catalog) -> None:
        times = []
        for _ in range(5):
            with catalog.read() as conn:
                times += [catalog.now_ms(conn), catalog.now_ms(conn)]

        assert abs(times[0] - SystemClock().now_ms()) < 60_000
        assert all(later_ms >= earlier_ms - 5 for earlier_ms, later_ms in itertools.pairwise(times))

    # --- hearing of changes ---

    def test_whoever_waits_hears_of_a_write_at_once(self, catalog: Catalog) -> None:
        with catalog.watch() as watch, ThreadPoolExecutor(1) as thread:
            heard = thread.submit(watch.wait, 30.0)
            began_s = time.monotonic()
            with catalog.write() as conn:
                Counters.next(conn, "a")

            assert heard.result(30)
            assert time.monotonic() - began_s < 5

    def test_a_change_before_the_waiting_ends_it(self, catalog: Catalog) -> None:
        with catalog.watch() as watch:
            with catalog.write() as conn:
                Counters.next(conn, "a")
            with catalog.writer_turn(), catalog.write() as conn:
                Counters.next(conn, "a")

            assert watch.wait(30.0)
            answers = [watch.wait(0.05) for _ in range(10)]

        assert answers[-1] is False  # each change is heard once; two may be heard as one
        assert answers.count(True) <= 1

    def test_writers_beside_each_other_are_heard_when_they_say_so(self, catalog: Catalog) -> None:
        with catalog.watch() as watch:
            with catalog.write(shared=True) as conn:
                Counters.next(conn, "a")
                catalog.announce(conn)

            assert watch.wait(30.0)

    def test_what_was_undone_is_not_heard(self, catalog: Catalog) -> None:
        with catalog.watch() as watch:
            with _raises(_Wanted), catalog.write() as conn:
                Counters.next(conn, "a")
                raise _Wanted

            assert not watch.wait(0.02)

    def test_every_watch_hears_for_itself(self, catalog: Catalog) -> None:
        with catalog.watch() as one, catalog.watch() as other:
            with catalog.write() as conn:
                Counters.next(conn, "a")

            assert one.wait(30.0)
            assert other.wait(30.0)

    def test_waiting_ends_when_it_is_stopped(self, catalog: Catalog) -> None:
        stop = threading.Event()
        with catalog.watch() as watch, ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(watch.wait, 30.0, stop)
            stop.set()

            assert waiting.result(30) is False

    # --- places ---

    def test_making_a_catalog_twice_is_refused(self, url: str, catalog: Catalog) -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")

        with _raises(AlreadyExists):
            Catalog.create(url)

        with catalog.read() as conn:
            assert _value(conn, "a") == 1


class _raises:  # noqa: N801 - reads as the function that it stands for
    """Makes sure that its block is left by an error of a kind, and takes that."""

    def __init__(self, kind: type[BaseException]) -> None:
        self._kind = kind

    def __enter__(self) -> None:
        """Begins the block."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        assert kind is not None, f"{self._kind.__name__} was to be raised"
        return issubclass(kind, self._kind)


def _value(conn: sa.Connection, name: str) -> int | None:
    return conn.execute(sa.select(counters.c.value).where(counters.c.name == name)).scalar()
