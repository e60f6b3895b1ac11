"""Several pipelines are created, and updated, together or not at all."""

import pytest

from headwater.pipelines.errors import InvalidSpec, PipelineNotFound
from headwater.pipelines.spec import LoadedSpec, OutputSpec
from tests.pipelines.dag.conftest import Flow, spec_over


def chain(flow: Flow) -> None:
    flow.source("a", "b")
    flow.put("a", "a1")
    flow.put("b", "b1")
    flow.pipelines.create_all([LoadedSpec(spec_over("first", "a")), LoadedSpec(spec_over("second", "first"))])
    flow.drain("first", "second")


def test_a_chain_is_created_in_one_go_and_runs_once(flow: Flow) -> None:
    chain(flow)

    assert flow.output("second") == {"first@main": {"a@main": "a1"}}
    assert [len(flow.jobs(name)) for name in ("first", "second")] == [1, 1]
    assert flow.jobs("first")[0].set_id == flow.jobs("second")[0].set_id


def test_where_one_cannot_be_created_none_is_and_all_mistakes_of_all_are_told(flow: Flow) -> None:
    flow.source("a", "taken")
    flow.put("taken", "data")

    with pytest.raises(InvalidSpec) as caught:
        flow.pipelines.create_all(
            [
                LoadedSpec(spec_over("first", "a")),
                LoadedSpec(spec_over("second", "fist")),
                LoadedSpec(spec_over("third", "first", output=OutputSpec("taken"))),
            ]
        )

    assert "2 pipelines cannot be" in caught.value.message
    assert "'second' cannot be: input 'in0'" in caught.value.message
    assert "'third' cannot be: output" in caught.value.message
    assert [one["field"] for one in caught.value.details] == ["input 'in0'", "output"]
    assert list(flow.pipelines.list()) == []
    assert not flow.repos.exists("first")


def test_an_update_of_several_changes_all_in_one_transaction(flow: Flow) -> None:
    chain(flow)

    flow.pipelines.update_all(
        [LoadedSpec(spec_over("first", "b")), LoadedSpec(spec_over("second", "first", "b"))]
    )
    flow.drain("first", "second")

    assert [flow.pipelines.get(name).version for name in ("first", "second")] == [2, 2]
    assert flow.output("second") == {"first@main": {"b@main": "b1"}, "b@main": "b1"}
    assert [len(flow.jobs(name)) for name in ("first", "second")] == [2, 2]


def test_where_one_cannot_be_updated_none_is(flow: Flow) -> None:
    chain(flow)
    before = [flow.states(name) for name in ("first", "second")]

    with pytest.raises(InvalidSpec, match="'second' cannot be"):
        flow.pipelines.update_all(
            [LoadedSpec(spec_over("first", "b")), LoadedSpec(spec_over("second", "missing"))]
        )
    with pytest.raises(PipelineNotFound):
        flow.pipelines.update_all([LoadedSpec(spec_over("first", "b")), LoadedSpec(spec_over("thrid", "b"))])

    assert [flow.pipelines.get(name).version for name in ("first", "second")] == [1, 1]
    assert [flow.states(name) for name in ("first", "second")] == before


def test_a_chain_is_turned_around_in_one_go(flow: Flow) -> None:
    chain(flow)

    flow.pipelines.update_all(
        [LoadedSpec(spec_over("second", "a")), LoadedSpec(spec_over("first", "second"))]
    )
    flow.drain("first", "second")

    assert flow.output("first") == {"second@main": {"a@main": "a1"}}


def test_the_order_in_a_file_does_not_matter(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a1")

    made = flow.pipelines.create_all(
        [LoadedSpec(spec_over("second", "first")), LoadedSpec(spec_over("first", "a"))]
    )
    flow.drain("first", "second")

    assert [one.name for one in made] == ["second", "first"]
    assert flow.output("second") == {"first@main": {"a@main": "a1"}}


def test_what_reads_a_pipeline_that_cannot_be_is_no_mistake(flow: Flow) -> None:
    flow.source("a")

    with pytest.raises(InvalidSpec) as caught:
        flow.pipelines.create_all(
            [
                LoadedSpec(spec_over("second", "first")),
                LoadedSpec(spec_over("first", "missing")),
                LoadedSpec(spec_over("third", "second", "mising")),
            ]
        )

    told = [(one["field"], one["message"]) for one in caught.value.details]
    assert told == [
        ("input 'in0'", "There is no repo 'missing'."),
        ("input 'in1'", "There is no repo 'mising'."),
    ]
    assert not flow.repos.exists("first")


def test_pipelines_of_one_file_that_go_in_a_circle_are_told_the_way(flow: Flow) -> None:
    flow.source("a")

    with pytest.raises(InvalidSpec, match="first → second → first"):
        flow.pipelines.create_all(
            [LoadedSpec(spec_over("first", "a", "second")), LoadedSpec(spec_over("second", "first"))]
        )
