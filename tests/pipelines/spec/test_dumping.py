"""What is shown of a spec reads as the same spec."""

import string
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import (
    BranchTrigger,
    CronInput,
    CrossInput,
    DatumSet,
    Egress,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    OutputSpec,
    PipelineSpec,
    Resources,
    Transform,
    UnionInput,
    dump,
    load,
    read_document,
    read_spec,
)

REPOS = st.sampled_from(["a", "b-1", "raw-text", "0"])
BRANCHES = st.sampled_from(["main", "dev", "Nightly_2"])
NAMES = st.sampled_from(["a", "b", "raw_text", "x_", "Y2"])
TEXTS = st.text(string.printable, max_size=12)
LINES = st.lists(st.text(string.ascii_letters + " $|'\"\\{}:-#", max_size=8), max_size=3).map(tuple)
WORDS = st.lists(TEXTS, min_size=1, max_size=4).map(tuple)
SECONDS = st.none() | st.floats(0.001, 1e6) | st.integers(1, 10_000).map(float)
TRIGGERS = st.none() | st.builds(
    BranchTrigger,
    branch=st.just("staging"),
    commits=st.integers(1, 9),
    size=st.integers(0, 9_999),
    cron=st.sampled_from(["", "@daily", "0 3 * * *"]),
    all=st.booleans(),
)
FILES = st.builds(
    FilesInput,
    name=NAMES,
    repo=REPOS,
    branch=BRANCHES,
    glob=st.sampled_from(["/", "/*", "/(*)-(*).txt"]),
    commit=st.none() | st.just("0123456789abcdef" * 2),
    lazy=st.booleans(),
    reference=st.booleans(),
    trigger=TRIGGERS,
)
JOINED = st.builds(
    FilesInput, name=NAMES, repo=REPOS, glob=st.just("/(*)"), join_on=st.just("$1"), outer_join=st.booleans()
)
GROUPED = st.builds(FilesInput, name=NAMES, repo=REPOS, glob=st.just("/(*)"), group_by=st.just("$1"))
CLOCKS = st.builds(
    CronInput,
    name=NAMES,
    schedule=st.sampled_from(["@daily", "@every 10s", "*/5 * * * *"]),
    repo=REPOS,
    start=st.sampled_from(["", "2026-03-01T00:00:00Z"]),
    overwrite=st.booleans(),
)


def composite(kind: Any, of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, of=st.lists(of, min_size=1, max_size=3).map(tuple))


INPUTS: st.SearchStrategy[Input] = st.recursive(
    FILES | CLOCKS | composite(JoinInput, JOINED) | composite(GroupInput, GROUPED),
    lambda inner: composite(CrossInput, inner) | composite(UnionInput, inner),
    max_leaves=5,
)
COMMANDS = st.builds(
    Transform,
    command=WORDS,
    stdin=LINES,
    accept=st.lists(st.integers(0, 255), max_size=3).map(tuple),
    image=TEXTS,
    recovery=WORDS,
    recovery_stdin=LINES,
    env=st.dictionaries(st.sampled_from(["A", "B_2"]), TEXTS),
    secrets=st.dictionaries(st.sampled_from(["K", "L"]), st.sampled_from(["env:X", "file:/run/x"])),
    packages=st.lists(REPOS, max_size=2).map(tuple),
    code=st.sampled_from(["", ".", "src"]),
    working_folder=TEXTS,
)
FUNCTIONS = st.builds(
    Transform,
    function=st.sampled_from(["steps:main", "a.b:c"]),
    setup=st.sampled_from(["", "steps:load"]),
    batch=st.integers(1, 99),
    env=st.dictionaries(st.sampled_from(["A", "B_2"]), TEXTS),
)
SPECS = st.builds(
    PipelineSpec,
    name=REPOS,
    kind=st.just("transform"),
    input=INPUTS,
    output=st.builds(OutputSpec, repo=st.just("result"), branch=BRANCHES),
    transform=COMMANDS | FUNCTIONS,
    reprocess=st.sampled_from(["on_code_change", "until_success", "every_job"]),
    parallelism=st.integers(0, 99),
    datum_tries=st.integers(1, 9),
    datum_timeout_s=SECONDS,
    job_timeout_s=SECONDS,
    datum_set=st.none() | st.builds(DatumSet, number=st.integers(1, 99), size=st.integers(0, 9), per_worker=st.integers(0, 9)),
    resources=st.none() | st.builds(Resources, cpu=st.floats(0.1, 64), memory=st.integers(0, 1 << 40), gpu=st.integers(0, 8).map(float)),
    egress=st.none() | st.builds(Egress, url=st.just("env:URL"), format=st.sampled_from(["", "csv", "json", "parquet"]), columns=LINES),
    follow=st.booleans(),
    coalesce=st.booleans(),
    priority=st.integers(-9, 9),
    description=TEXTS,
    metadata=st.dictionaries(NAMES, TEXTS),
)  # fmt: skip


def readable(spec: PipelineSpec) -> bool:
    try:
        read_document(dump(spec))
    except InvalidSpec:
        return False  # inputs drawn at random may have one name twice
    return True


@given(spec=SPECS.filter(readable))
def test_what_is_shown_reads_as_the_same_spec(spec: PipelineSpec) -> None:
    again = read_document(dump(spec))

    assert again == spec
    assert read_spec(again.canonical()) == spec


@given(spec=SPECS.filter(readable))
def test_a_yaml_file_of_what_is_shown_reads_as_the_same_spec(spec: PipelineSpec) -> None:
    text = yaml.safe_dump(dump(spec), sort_keys=False, allow_unicode=True)

    assert read_document(yaml.safe_load(text)) == spec


@pytest.mark.parametrize(
    "more",
    [{"spout": {"overwrite": True}}, {"spout": {}}, {"input": {"files": "b"}, "service": {"port": 80}}],
)
def test_spouts_and_services_are_shown_too(more: dict[str, Any]) -> None:
    spec = read_document({"name": "a", "transform": {"command": ["a"]}, **more})

    assert read_document(dump(spec)) == spec


def test_a_short_spec_is_shown_short() -> None:
    [loaded] = load(
        """
        name: upper
        input: {files: {repo: reviews, glob: "/*"}}
        transform: {command: "cat $reviews | tr a-z A-Z"}
        """
    )

    assert dump(loaded.spec) == {
        "name": "upper",
        "input": {"files": {"repo": "reviews", "glob": "/*"}},
        "transform": {"command": "cat $reviews | tr a-z A-Z"},
    }


def test_a_kind_of_another_floor_is_shown_with_its_parameters() -> None:
    spec = PipelineSpec(
        "models/iris", "train", FilesInput("data", "iris"), OutputSpec("models/iris"), {"targets": "all"}
    )

    assert dump(spec) == {
        "name": "models/iris",
        "kind": "train",
        "input": {"files": {"name": "data", "repo": "iris"}},
        "parameters": {"targets": "all"},
    }
