"""However a job starts, its inputs agree on every branch that they have in common, by what their provenance says."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headwater.ids import CommitId
from headwater.pipelines.errors import InvalidRun
from headwater.pipelines.spec import LoadedSpec
from headwater.pipelines.store import JobRow
from headwater.repos import Commit
from tests.conftest import LARGE
from tests.pipelines.dag.conftest import Flow, open_flow, spec_over

SOURCES = ("a", "b")
NAMES = ("p", "q", "r", "s", "t", "u")
Graph = dict[str, list[str]]
Step = tuple[str, str, int]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Returns what each of three to six pipelines reads; diamonds are likely."""
    found = {}
    for at, name in enumerate(NAMES[: draw(st.integers(3, len(NAMES)))]):
        above = [*SOURCES[: 1 + at % 2], *NAMES[:at]]
        found[name] = draw(st.lists(st.sampled_from(above), min_size=1, max_size=3, unique=True))
    return found


VERBS = ("put", "put", "take", "end", "end", "fail", "pause", "resume", "rerun", "rerun", "update", "drain")
STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(NAMES), st.integers(0, 1_000)), max_size=40
)
DIAMOND: Graph = {"p": ["a"], "q": ["a"], "r": ["p", "q"], "s": ["r", "p"]}
PAUSED: list[Step] = [("pause", "q", 0), ("put", "a", 0), ("drain", "p", 0), ("rerun", "r", 0)]
MASKED: list[Step] = [
    *[("put", "a", 0), ("take", "q", 0), ("fail", "q", 0), ("drain", "p", 0)],
    *[("rerun", "r", 0), ("drain", "p", 0), ("put", "b", 1), ("drain", "p", 0)],
]
CHAIN: Graph = {"p": ["a"], "q": ["p"], "r": ["a"], "s": ["q", "r"]}
FAILED: list[Step] = [
    *[("put", "a", 0), ("take", "p", 0), ("fail", "p", 0), ("drain", "p", 0)],
    *[("rerun", "q", 0), ("drain", "p", 0)],
]


@settings(
    max_examples=400 if LARGE else 20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(graph=DIAMOND, steps=PAUSED)
@example(graph=DIAMOND | {"t": ["s", "b", "p"]}, steps=MASKED)
@example(graph=CHAIN, steps=FAILED)
@example(graph=DIAMOND, steps=[("pause", "q", 0), *PAUSED[1:3], ("update", "r", 5), ("drain", "p", 0)])
@given(graph=graphs(), steps=STEPS)
def test_the_inputs_of_every_job_agree_on_what_they_were_made_of_and_the_last_state_is_reached(
    tmp_path_factory: pytest.TempPathFactory, graph: Graph, steps: list[Step]
) -> None:
    folder = tmp_path_factory.mktemp("flow")
    with open_flow(folder, f"sqlite:///{folder}/catalog.db") as flow:
        flow.source(*SOURCES)
        for name in SOURCES:
            flow.put(name, name)
        for name, inputs in graph.items():
            flow.create(name, *inputs)
        flow.drain(*graph)

        play(flow, graph, steps)
        for name in graph:
            flow.pipelines.resume(name)
        for name in SOURCES:
            flow.put(name, f"{name} at last")
        flow.drain(*graph)

        for name in graph:
            commits = [flow.repos.commit_by_id(one.id) for one in flow.repos.get(name).log(limit=1_000).items]
            for commit in commits:
                states = states_of(flow, commit)
                assert all(len(met) == 1 for met in states.values()), (name, states)
            newest = states_of(flow, commits[0])
            sources = {place[0]: flow.saw(*met) for place, met in newest.items() if place[0] in SOURCES}
            assert sources == {source: f"{source} at last" for source in sources}


def play(flow: Flow, graph: Graph, steps: list[Step]) -> None:
    running: dict[str, JobRow] = {}
    for number, (verb, name, choice) in enumerate(steps):
        if verb == "put":
            flow.put(SOURCES[choice % 2], f"{number}")
        elif name not in graph:
            continue
        elif verb in ("end", "fail"):
            job = running.pop(name, None)
            if job is not None:
                flow.finish(job) if verb == "end" else flow.fail(job)
        elif verb == "take" and name not in running:
            job = flow.take(name)
            if job is not None:
                running[name] = job
        elif verb == "drain":
            flow.drain(*(one for one in graph if one not in running))
        else:
            ask(flow, graph, verb, name, choice)
    for job in running.values():
        flow.finish(job)


def ask(flow: Flow, graph: Graph, verb: str, name: str, choice: int) -> None:
    if verb == "pause":
        flow.pipelines.pause(name)
    elif verb == "resume":
        flow.pipelines.resume(name)
    elif verb == "rerun" and flow.pipelines.get(name).state == "running":
        with suppress(InvalidRun):  # there may be no commits that agree
            flow.pipelines.rerun(name)
    elif verb == "update":
        above = [*SOURCES, *[one for one in graph if one < name]]
        inputs = [one for at, one in enumerate(above) if choice >> at & 1] or above[-1:]
        flow.pipelines.update(LoadedSpec(spec_over(name, *inputs)))


def states_of(flow: Flow, commit: Commit) -> dict[tuple[str, str], set[CommitId]]:
    """Returns at which commits each branch is met on the way upward from a commit."""
    found: dict[tuple[str, str], set[CommitId]] = defaultdict(set)
    for above in walk(flow, commit):
        found[above.repo, above.branch].add(above.id)
    return found


def walk(flow: Flow, commit: Commit) -> Iterator[Commit]:
    """Yields all that a commit was made of."""
    waiting, seen = [commit], {str(commit.id)}
    while waiting:
        for one in waiting.pop().provenance:
            if one.id not in seen:
                seen.add(one.id)
                waiting.append(flow.repos.commit_by_id(one.id))
                yield waiting[-1]
