"""What a commit costs follows the pipelines below it, not history, files, or other pipelines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from headwater.pipelines.spec import LoadedSpec
from headwater.pipelines.tables import job_inputs, jobs
from tests.pipelines.dag.conftest import Flow, counted, spec_over


def rows(flow: Flow) -> int:
    with flow.catalog.read() as conn:
        return sum(
            conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (jobs, job_inputs)
        )


def cost(flow: Flow, ref: str = "a") -> tuple[int, int]:
    """Returns the statements and the rows that one more commit takes."""
    before = rows(flow)
    with counted(flow.catalog) as statements:
        flow.put(ref, f"text {before}")
    return len(statements), rows(flow) - before


def test_each_pipeline_below_a_commit_adds_the_same_few_statements_and_rows(flow: Flow) -> None:
    flow.source("a")
    found = {}
    for number in range(1, 41):
        flow.add(f"p{number:02}", "a")
        if number in (1, 20, 40):
            flow.put("a", f"first {number}")
            found[number] = cost(flow)

    assert [found[number][1] for number in (1, 20, 40)] == [2, 40, 80]
    per_pipeline = [
        (found[many][0] - found[few][0]) / (many - few) for few, many in ((1, 20), (20, 40), (1, 40))
    ]
    assert all(one <= 8 for one in per_pipeline)
    assert found[1][0] < 40


def test_a_commit_does_not_look_at_history_or_at_other_pipelines(flow: Flow) -> None:
    flow.source("a", "b", "elsewhere")
    flow.add("left", "a")
    flow.add("join", "left", "b")
    flow.put("b", "b")
    for number in range(3):
        flow.put("a", f"a{number}")
    flow.drain("left", "join")
    early = cost(flow)
    for number in range(30):
        flow.add(f"other{number}", "elsewhere")
    flow.drain("left", "join")
    for number in range(40):
        flow.put("a", f"more {number}")
        if number % 4 == 0:
            flow.drain("left", "join")
    flow.drain("left", "join")

    late = cost(flow)

    assert late == early


def test_a_skipped_past_is_not_walked_through(flow: Flow) -> None:
    flow.source("a", "b")
    flow.add("model", "a")
    flow.add("join", "model", "b")
    flow.put("a", "a")
    flow.put("b", "b")
    flow.drain("model", "join")
    plans = []
    for many in (5, 60):
        for number in range(many):
            flow.put("a", f"{many} {number}")
            job = flow.take("model")
            assert job is not None
            flow.skip(job)
        flow.drain("join")
        with counted(flow.catalog) as statements:
            flow.put("b", f"b {many}")
        plans.append(len(statements))

    assert plans[0] == plans[1]


def test_every_verb_is_one_transaction(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.put("a", "a1")
    loaded, other = LoadedSpec(spec_over("first", "a")), LoadedSpec(spec_over("first", "a", priority=3))
    verbs: list[Callable[[], object]] = [
        lambda: flow.pipelines.create(loaded),
        lambda: flow.pipelines.update(other),
        lambda: flow.pipelines.pause("first"),
        lambda: flow.pipelines.resume("first"),
        lambda: flow.pipelines.rerun("first"),
        lambda: flow.pipelines.run("first", at={"in0": "a@main^"}),
        lambda: flow.pipelines.delete("first", keep_repo=True),
        lambda: flow.pipelines.create(loaded),
        lambda: flow.pipelines.delete("first"),
    ]
    counts = []
    for verb in verbs:
        with written(flow) as seen:
            verb()
        counts.append(len(seen))

    assert counts == [1] * len(verbs)


@contextmanager
def written(flow: Flow) -> Iterator[list[None]]:
    """Gives an entry for each transaction that writes."""
    write, seen = flow.catalog.write, list[None]()

    @contextmanager
    def noted(*, shared: bool = False) -> Iterator[sa.Connection]:
        with write(shared=shared) as conn:
            yield conn
            seen.append(None)

    flow.catalog.write = noted  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        flow.catalog.write = write  # type: ignore[method-assign]
