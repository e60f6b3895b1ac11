"""What jobs cost in the catalog, and what `reprocess` and `parallelism` mean."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.execution import PureCall
from tests.pipelines.conftest import Engine


@contextmanager
def statements() -> Iterator[list[str]]:
    """Hears every statement that goes to a database meanwhile."""
    seen: list[str] = []

    def hear(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)


def test_a_job_without_a_change_costs_the_same_statements_for_any_number_of_datums(engine: Engine) -> None:
    costs = []
    for count in (3, 60):
        engine.put(**{f"n{number}": "one" for number in range(count)})
        engine.submit()
        engine.work()

        with statements() as seen:
            engine.submit()
            engine.work()

        assert engine.last().state == "skipped"
        costs.append(len(seen))
    assert costs[1] <= costs[0] + 5  # a few pages more of trees that are read


def test_a_datum_costs_its_part_and_no_reservation_of_its_own(engine: Engine) -> None:
    engine.put(**{f"n{number}": "one" for number in range(100)})
    engine.submit()

    with statements() as seen:
        engine.work()

    assert engine.last().datums.run == 101
    writing = [one.split()[:3] for one in seen if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    reserving = [words for words in writing if words[2] == "segments" and words[0] == "INSERT"]
    assert len(reserving) <= 10
    assert sum(words[2] == "job_parts" for words in writing) <= 102


def test_until_success_keeps_results_of_older_code(engine: Engine) -> None:
    engine.put(a="one", b="two")
    engine.submit(reprocess="until_success")
    engine.work()

    engine.kind.code = "code-2"
    engine.submit(reprocess="until_success")
    engine.work()

    assert engine.last().state == "skipped"


def test_every_job_runs_everything_though_nothing_has_changed(engine: Engine) -> None:
    engine.put(a="one", b="two")
    engine.submit(reprocess="every_job")
    engine.work()
    engine.submit(reprocess="every_job")
    engine.work()

    assert (engine.last().state, engine.last().datums.run) == ("succeeded", 3)
    assert len(engine.repos.get("count").log().items) == 2


class Watched:
    """Notes how many calls an executor has been given at once."""

    def __init__(self, engine: Engine) -> None:
        self._executor, self._running = engine.executor, set[Future[bytes]]()
        self.most = 0

    def submit(self, call: PureCall) -> Future[bytes]:
        future = self._executor.submit(call)
        self._running = {one for one in self._running if not one.done()} | {future}
        self.most = max(self.most, len(self._running))
        return future

    def places(self) -> int:
        return self._executor.places()

    def stop(self, future: Future[bytes]) -> None:
        self._executor.stop(future)

    def close(self) -> None:
        self._executor.close()


@pytest.mark.parametrize("parallelism", [1, 3])
def test_no_more_datums_run_at_once_than_the_spec_allows(engine: Engine, parallelism: int) -> None:
    watched = Watched(engine)
    engine.executor = watched
    engine.put(**{f"n{number}": "one" for number in range(8)})
    engine.submit(parallelism=parallelism)

    engine.work()

    assert engine.last().state == "succeeded"
    assert 1 <= watched.most <= parallelism
