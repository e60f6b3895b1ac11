"""What the planner says of random inputs over random trees, beside what plain sets say."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headwater.pipelines.inputs import join, product, spool
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, Members
from headwater.pipelines.spec import Input
from headwater.storage.shape import Shape
from tests.conftest import LARGE
from tests.pipelines.inputs.oracle import OneRow, holds, most_rows, rows_of
from tests.pipelines.inputs.strategies import inputs, states
from tests.pipelines.inputs.workbench import Bench, State, seen

T = TypeVar("T")

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.fixture(scope="module", params=["held", "streamed"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), Shape(bits=1, cap=6))
    with pytest.MonkeyPatch.context() as limits:
        if request.param == "streamed":
            limits.setattr(product, "_KEPT", 1)
            limits.setattr(join, "_HELD", 1)
            limits.setattr(spool, "_RUN", 3)
        yield made
    made.close()


def check(datum: Datum, row: OneRow) -> None:
    """Compares what a datum sees with what the oracle says that it sees."""
    for item, told in zip(datum.inputs, row.items, strict=True):
        if isinstance(item, Members):
            each = list(item.each())
            members = [(one.input, one.repo, one.branch, one.path) for one in each]
            assert sorted(members) == sorted(told.members)
            assert item.count == sum(not one.reference for one in each)
            assert item.size == told.size == sum(one.size for one in each if not one.reference)


def check_same_holds(
    memos: Mapping[Any, bytes],
    told: Mapping[Any, OneRow],
    other: Mapping[Any, bytes],
    rows: Mapping[Any, OneRow],
) -> None:
    """A datum's memo key is another one exactly if it holds something else."""
    for id in memos.keys() & other.keys():
        assert (memos[id] == other[id]) == (holds(told[id]) == holds(rows[id])), id


def asked_twice(ask: Callable[[], Iterator[T]], name: Callable[[T], Any]) -> list[T]:
    """Asks a planner, and again beside the answer that is still being read: both are the same."""
    answer = ask()
    begun = list(islice(answer, 1))
    again = [name(one) for one in ask()]
    begun += answer
    assert again == [name(one) for one in begun]
    return begun


@settings(max_examples=2_000 if LARGE else 100, deadline=None, suppress_health_check=_CALM)
@given(input=inputs(), states=states(), data=st.data())
def test_what_was_and_the_changes_are_what_is(
    bench: Bench, input: Input, states: tuple[State, State], data: st.DataObject
) -> None:
    old, new = states
    assume(most_rows(input, old) + most_rows(input, new) <= 2_000)
    before, after = bench.trees(old), bench.trees(new)
    was_told, is_told = rows_of(input, old), rows_of(input, new)
    first, whole = bench.planner(input, before), bench.planner(input, after)

    was = list(first.every())
    now = asked_twice(whole.every, datum_key)
    planner = bench.planner(input, after, before, first.index())
    changes = asked_twice(planner.changes, lambda change: (change.key, change.datum is None))

    assert sorted(seen(datum.inputs) for datum in was) == sorted(was_told)
    assert sorted(seen(datum.inputs) for datum in now) == sorted(is_told)
    for datum in now:
        check(datum, is_told[seen(datum.inputs)])
    ids = {datum_key(datum): seen(datum.inputs) for datum in (*was, *now)}
    assert len(set(ids.values())) == len(ids)
    was_memos = {seen(datum.inputs): memo_key(datum, "") for datum in was}
    now_memos = {seen(datum.inputs): memo_key(datum, "") for datum in now}
    check_same_holds(was_memos, was_told, now_memos, is_told)
    keys = [change.key for change in changes]
    assert len(set(keys)) == len(keys)
    gone = {ids[change.key] for change in changes if change.datum is None}
    here = {ids[change.key]: change.datum for change in changes if change.datum is not None}
    assert gone == was_told.keys() - is_told.keys()
    assert here.keys() == {
        id for id, row in is_told.items() if id not in was_told or holds(was_told[id]) != holds(row)
    }
    for id, one in here.items():
        assert memo_key(one, "") == now_memos[id]
        check(one, is_told[id])
    mine, scratch = planner.index(), whole.index()
    assert (None if mine is None else mine.root_hash) == (None if scratch is None else scratch.root_hash)
    for datum in data.draw(st.lists(st.sampled_from(was + now), max_size=5)) if was + now else ():
        again = planner.find(datum.locator)
        id = seen(datum.inputs)
        assert (None if again is None else memo_key(again, "")) == now_memos.get(id)
        assert again is None or (seen(again.inputs) == id and len(datum.locator) <= 3_072)
