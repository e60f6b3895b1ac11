"""Laws of any graph of pipelines: no commit is made of two states of one source, and the last state is reached."""

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.pipelines.store import JobRow
from tests.conftest import LARGE
from tests.pipelines.dag.conftest import Flow, open_flow

SOURCES = ("a", "b")
NAMES = ("p", "q", "r", "s")


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[list[str], bool]]:
    """Returns what each pipeline reads, and whether it takes jobs together."""
    found = {}
    for at, name in enumerate(NAMES):
        above = [*SOURCES, *NAMES[:at]]
        inputs = draw(st.lists(st.sampled_from(above), min_size=1, max_size=3, unique=True))
        found[name] = (inputs, draw(st.sampled_from([True, True, True, False])))
    return found


STEPS = st.lists(
    st.sampled_from(
        [("put", name) for name in SOURCES] * 2
        + [(verb, name) for verb in ("take", "take", "end", "end", "fail", "ask") for name in NAMES]
    ),
    max_size=60,
)


@settings(
    max_examples=200 if LARGE else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(graph=graphs(), steps=STEPS)
def test_no_commit_is_made_of_two_states_of_a_source_and_the_last_state_is_reached(
    tmp_path_factory: pytest.TempPathFactory,
    graph: dict[str, tuple[list[str], bool]],
    steps: list[tuple[str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("flow")
    with open_flow(folder, f"sqlite:///{folder}/catalog.db") as flow:
        flow.source(*SOURCES)
        for name, (inputs, coalesce) in graph.items():
            flow.add(name, *inputs, coalesce=coalesce)
        for name in SOURCES:
            flow.put(name, name)

        play(flow, steps)
        for name in SOURCES:
            flow.put(name, f"{name} at last")
        flow.drain(*NAMES)

        for name in NAMES:
            commits = flow.repos.get(name).log(limit=1_000).items
            states = [sources_of(flow.saw(commit.id)) for commit in commits]
            assert all(len(seen) == 1 for state in states for seen in state.values())
            assert states[0] == {source: {f"{source} at last"} for source in states[0]}
            assert set(flow.states(name)) <= {"succeeded", "skipped", "failed", "blocked"}


def play(flow: Flow, steps: list[tuple[str, str]]) -> None:
    running: dict[str, JobRow] = {}
    for number, (verb, name) in enumerate(steps):
        if verb == "put":
            flow.put(name, f"{name}{number}")
        elif verb == "ask":
            flow.request(name)
        elif verb == "take" and name not in running:
            job = flow.take(name)
            if job is not None:
                running[name] = job
        elif verb in ("end", "fail") and name in running:
            job = running.pop(name)
            flow.finish(job) if verb == "end" else flow.fail(job)
    for job in running.values():
        flow.finish(job)


def sources_of(saw: Any) -> dict[str, set[str]]:
    """Returns the states of each source that are found anywhere in what a commit was made of."""
    found: dict[str, set[str]] = {}
    for ref, inner in saw.items():
        below = {ref.partition("@")[0]: {inner}} if isinstance(inner, str) else sources_of(inner)
        for source, states in below.items():
            found.setdefault(source, set()).update(states)
    return found


def test_committers_side_by_side_leave_no_join_of_two_states(tmp_path: Path, catalog_url: str) -> None:
    with open_flow(tmp_path, catalog_url) as flow:
        flow.source("a", "b")
        flow.add("left", "a", "b")
        flow.add("right", "b", "a")
        flow.add("alone", "a")
        flow.add("join", "left", "right", "alone", coalesce=False)
        flow.put("a", "a")
        flow.put("b", "b")
        errors: list[BaseException] = []

        def commit(name: str) -> None:
            try:
                with open_flow(tmp_path, catalog_url, create=False) as mine:
                    for number in range(12):
                        mine.put(name, f"{name}{number}")
            except BaseException as error:
                errors.append(error)
                raise

        threads = [threading.Thread(target=commit, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        flow.drain("left", "right", "alone", "join")

        assert errors == []
        jobs = flow.jobs("join")
        assert [one.number for one in jobs] == sorted(one.number for one in jobs)
        states = [sources_of(flow.saw(commit.id)) for commit in flow.repos.get("join").log(limit=100).items]
        assert all(len(seen) == 1 for state in states for seen in state.values())
        assert states[0] == {"a": {"a11"}, "b": {"b11"}}


def test_every_job_of_committers_side_by_side_reads_one_state(tmp_path: Path, catalog_url: str) -> None:
    """As above, for jobs as they were inserted, before any is taken together with another one."""
    with open_flow(tmp_path, catalog_url) as flow:
        flow.source("a", "b")
        names = ("left", "right", "join")
        flow.add("left", "a", "b", coalesce=False)
        flow.add("right", "b", "a", coalesce=False)
        flow.add("join", "left", "right", "a", "b", coalesce=False)
        flow.put("a", "a")
        flow.put("b", "b")

        def commit(name: str) -> None:
            with open_flow(tmp_path, catalog_url, create=False) as mine:
                for number in range(8):
                    mine.put(name, f"{name}{number}")

        threads = [threading.Thread(target=commit, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ran = flow.drain(*names)

        states = [sources_of(flow.saw(commit.id)) for commit in flow.repos.get("join").log(limit=100).items]
        assert ran == 3 * 17
        assert all(len(seen) == 1 for state in states for seen in state.values())
        seen = [tuple(int((*state[name],)[0][1:] or -1) for name in ("a", "b")) for state in states[::-1]]
        assert all(
            later[0] >= earlier[0] and later[1] >= earlier[1] for earlier, later in itertools.pairwise(seen)
        )
