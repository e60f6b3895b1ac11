"""Pipelines as people make, change, run and remove them."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.pipelines import store
from headwater.pipelines.code import CodeBundle, CodeFile
from headwater.pipelines.errors import (
    InvalidRun,
    InvalidSpec,
    PipelineExists,
    PipelineInUse,
    PipelineNotFound,
    PipelinePaused,
)
from headwater.pipelines.roots import PipelineRoots
from headwater.pipelines.spec import FilesInput, LoadedSpec, OutputSpec, Transform
from headwater.repos import BranchOwned, InUse, RefNotFound, RepoNotFound
from headwater.storage import FileEntry, Tree
from tests.pipelines.dag.conftest import Flow, counted, spec_over


def test_a_new_pipeline_runs_at_once_on_what_is_there(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "one")

    info = flow.create("first", "a")
    flow.drain("first")

    assert (info.version, info.state, info.inputs, info.output) == (1, "running", ["a@main:/*"], "first@main")
    assert info.last_state == "queued"
    assert flow.output("first") == {"a@main": "one"}
    assert flow.pipelines.get("first").last_state == "succeeded"


def test_a_pipeline_without_data_waits_for_the_first_commit(flow: Flow) -> None:
    flow.source("a")

    info = flow.create("first", "a")
    flow.put("a", "one")
    flow.drain("first")

    assert info.last_job is None
    assert flow.output("first") == {"a@main": "one"}


def test_all_mistakes_are_told_at_once_and_nothing_is_written(flow: Flow) -> None:
    flow.source("reviews", "taken")
    flow.put("reviews", "one")
    flow.put("taken", "data")
    spec = spec_over("first", "revews", "reviews@mein", "reviews", output=OutputSpec("taken"))
    leaves = [*spec.inputs()[:2], msgspec.structs.replace(spec.inputs()[2], glob="/*.txt")]
    assert spec.input is not None
    spec = msgspec.structs.replace(spec, input=msgspec.structs.replace(spec.input, of=tuple(leaves)))

    with pytest.raises(InvalidSpec) as caught:
        flow.pipelines.create(LoadedSpec(spec))

    assert [one["field"] for one in caught.value.details] == [
        "input 'in0'",
        "input 'in1'",
        "input 'in2'",
        "output",
    ]
    assert "Did you mean 'reviews'?" in caught.value.hint
    assert "headwater ls reviews@main --glob '/*.txt'" in caught.value.hint
    assert not flow.repos.exists("first")
    assert list(flow.pipelines.list()) == []


def test_a_glob_may_match_nothing_where_that_is_meant(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "one")
    spec = spec_over("first", "a", input=FilesInput("in0", "a", "main", "/*.later"))

    info = flow.pipelines.create(LoadedSpec(spec), allow_empty=True)

    assert info.version == 1


def test_globs_are_tried_while_nobody_waits_to_write(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.source("a")
    flow.put("a", "one")
    writing, read = list[Catalog](), list[bool]()
    entries, write = Tree.entries, Catalog.write

    def watched(tree: Tree, prefix: str = "", after: str | None = None) -> Iterator[FileEntry]:
        read.append(bool(writing))
        return entries(tree, prefix, after)

    @contextmanager
    def turn(catalog: Catalog, *, shared: bool = False) -> Iterator[Connection]:
        with write(catalog, shared=shared) as conn:
            writing.append(catalog)
            yield conn
            writing.pop()

    monkeypatch.setattr(Tree, "entries", watched)
    monkeypatch.setattr(Catalog, "write", turn)
    spec = spec_over("first", "a", input=FilesInput("in0", "a", "main", "/**/*.later"))

    with pytest.raises(InvalidSpec, match="matches nothing of the 1 files at a@main"):
        flow.pipelines.create(LoadedSpec(spec))
    writing.clear()
    flow.create("first", "a")
    with pytest.raises(InvalidSpec, match="matches nothing of the 1 files at a@main"):
        flow.pipelines.update(LoadedSpec(spec))

    assert read
    assert not any(read)


def test_a_circle_is_refused_and_its_way_named(flow: Flow) -> None:
    flow.source("a")
    flow.create("first", "a")
    flow.create("second", "first")

    with pytest.raises(InvalidSpec) as caught:
        flow.pipelines.update(LoadedSpec(spec_over("first", "a", "second")))
    with pytest.raises(InvalidSpec) as itself:
        flow.pipelines.update(LoadedSpec(spec_over("first", "first")))

    assert "first → second → first" in caught.value.message
    assert "first → first" in itself.value.message


def test_an_output_of_another_pipeline_or_of_headwater_itself_is_refused(flow: Flow) -> None:
    flow.source("a")
    flow.create("first", "a")

    with pytest.raises(InvalidSpec, match="is the output of the pipeline 'first'"):
        flow.create("second", "a", output=OutputSpec("first", "other"))
    with pytest.raises(InvalidSpec, match="only Headwater itself writes"):
        flow.create("second", "a", output=OutputSpec("models/iris"))
    with pytest.raises(PipelineExists):
        flow.create("first", "a")


def test_a_pinned_commit_has_to_be_there(flow: Flow) -> None:
    flow.source("a", "b")
    flow.put("a", "one")
    flow.put("b", "two")
    other = flow.repos.resolve("b").id
    flow.put("b", "three")

    with pytest.raises(InvalidSpec, match="is in the repo 'b', not in 'a'"):
        flow.create("first", "a", input=FilesInput("in0", "a", "", "/*", commit=other))
    with pytest.raises(InvalidSpec, match="There is no commit"):
        flow.create("first", "a", input=FilesInput("in0", "a", "", "/*", commit="0" * 32))
    flow.create("first", "b", input=FilesInput("in0", "b", "", "/*", commit=other))
    flow.put("b", "four")
    flow.drain("first")

    assert [*flow.output("first").values()] == ["two"]
    assert len(flow.jobs("first")) == 1


def test_nobody_but_its_pipeline_writes_an_output_branch(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "one")
    flow.create("first", "a")
    flow.drain("first")
    repo = flow.repos.get("first")
    repo.create_branch("mine", "main")

    for write in (
        lambda: repo.commit("main"),
        lambda: repo.start("main"),
        lambda: repo.changes("main"),
        lambda: repo.move_branch("main", "mine"),
        lambda: repo.merge("mine", "main"),
        lambda: repo.squash("main", "main"),
        lambda: flow.repos.start(["first@main"]),
    ):
        with pytest.raises(BranchOwned, match="Only the pipeline 'first' writes 'first@main'"):
            write()
    with repo.commit("mine") as commit:
        commit.put("/by-hand", "mine")

    assert repo.at("mine").read("/by-hand") == b"mine"
    with pytest.raises(InUse, match="pipeline 'first' writes it"):
        flow.repos.delete("first")


def test_an_update_is_a_new_version_that_runs_at_once(flow: Flow) -> None:
    flow.source("a", "b")
    flow.put("a", "a1")
    flow.put("b", "b1")
    flow.create("first", "a")
    flow.drain("first")

    same = flow.pipelines.update(LoadedSpec(spec_over("first", "a")))
    info = flow.pipelines.update(LoadedSpec(spec_over("first", "a", "b")))
    flow.drain("first")

    assert (same.version, info.version) == (1, 2)
    assert flow.output("first") == {"a@main": "a1", "b@main": "b1"}
    assert len(flow.jobs("first")) == 2


def test_reprocessing_gives_another_salt_and_runs(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a1")
    flow.create("first", "a")
    flow.drain("first")
    with flow.catalog.read() as conn:
        before = store.find_pipeline(conn, "first")

    flow.pipelines.update(LoadedSpec(spec_over("first", "a")), reprocess=True)

    with flow.catalog.read() as conn:
        after = store.find_pipeline(conn, "first")
    assert before is not None
    assert after is not None
    assert before.salt != after.salt
    assert flow.states("first") == ["succeeded", "queued"]


def test_code_is_stored_with_the_version_and_other_code_is_another_version(flow: Flow) -> None:
    flow.source("a")
    spec = spec_over("first", "a", kind="transform", transform=Transform(command=("python", "run.py")))
    old = CodeBundle((CodeFile("run.py", b"print(1)"),))
    new = CodeBundle((CodeFile("run.py", b"print(2)"),))

    first = flow.pipelines.create(LoadedSpec(spec, old), author="ada")
    second = flow.pipelines.update(LoadedSpec(spec, new))

    assert (first.version, second.version) == (1, 2)
    assert first.code != second.code
    assert "python" in first.environment
    with flow.catalog.read() as conn:
        roots = list(PipelineRoots().named_roots(conn))
    assert [root.role for root in roots] == ["code of version 1", "code of version 2"]
    tree = flow.storage.tree(roots[1].place)
    assert [entry.path for entry in tree.entries()] == ["run.py"]


def test_pausing_and_resuming_runs_one_job_for_what_has_come_meanwhile(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.create("first", "a")
    flow.drain("first")
    paused = flow.pipelines.pause("first")
    for number in range(1, 4):
        flow.put("a", f"a{number}")

    ran = flow.drain("first")
    with pytest.raises(PipelinePaused, match="headwater pipeline resume first"):
        flow.pipelines.rerun("first")
    resumed = flow.pipelines.resume("first")

    assert (paused.state, resumed.state, ran) == ("paused", "running", 0)
    assert flow.drain("first") == 1
    assert flow.output("first") == {"a@main": "a3"}


def test_resuming_without_news_starts_nothing(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.create("first", "a")
    flow.drain("first")
    flow.pipelines.pause("first")

    flow.pipelines.resume("first")

    assert flow.drain("first") == 0


def test_a_rerun_reads_the_present_heads_and_may_compute_everything_anew(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.create("first", "a")
    flow.drain("first")

    plain = flow.pipelines.rerun("first")
    anew = flow.pipelines.rerun("first", reprocess=True)

    rows = {row.id: row for row in flow.jobs("first")}
    assert (rows[plain.id].forced, rows[anew.id].forced) == (False, True)
    assert flow.drain("first") == 1


def test_a_run_on_older_commits_has_a_branch_of_its_own(flow: Flow) -> None:
    flow.source("reviews", "more", "model")
    flow.put("reviews", "r1")
    flow.put("model", "m1")
    flow.put("more", "other reviews")
    flow.create("inference", "reviews", "model")
    flow.drain("inference")
    flow.put("reviews", "r2")
    flow.put("model", "m2")
    flow.drain("inference")

    flow.pipelines.run("inference", at={"in0": "reviews@main^"}, branch="old-reviews")
    elsewhere = flow.pipelines.run("inference", at={"in0": "more", "in1": "main^"})
    flow.drain("inference")

    old = flow.saw(flow.repos.resolve("inference@old-reviews").id)
    assert [*old.values()] == ["m2", "r1"]
    assert [*flow.saw(elsewhere.commit or "").values()] == ["m1", "other reviews"]
    assert [*flow.output("inference").values()] == ["m2", "r2"]
    branches = [branch.name for branch in flow.repos.get("inference").branches()]
    assert branches[:2] == ["main", "old-reviews"]
    assert branches[2].startswith("run-")


def test_a_run_that_cannot_be_is_refused_with_what_there_is(flow: Flow) -> None:
    flow.source("reviews")
    flow.put("reviews", "r1")
    flow.create("inference", "reviews")

    with pytest.raises(InvalidRun, match="has no input 'in1'"):
        flow.pipelines.run("inference", at={"in1": "reviews@main"})
    with pytest.raises(RefNotFound):
        flow.pipelines.run("inference", at={"in0": "reviews@main^7"})
    with pytest.raises(BranchOwned):
        flow.pipelines.run("inference", branch="main")
    with pytest.raises(PipelineNotFound):
        flow.pipelines.run("inferense")


def test_a_deleted_pipeline_goes_with_its_repo_and_its_running_job(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.create("first", "a")
    flow.drain("first")
    flow.put("a", "a1")
    job = flow.take("first")
    assert job is not None

    flow.pipelines.delete("first")

    with pytest.raises(PipelineNotFound):
        flow.pipelines.get("first")
    with pytest.raises(RepoNotFound):
        flow.repos.get("first")
    with flow.catalog.read() as conn:
        assert store.job_state(conn, job.id) is None
    assert flow.repos.commit_by_id(job.commit_id or "").state in ("failed", "purged")
    flow.put("a", "a2")


def test_a_deleted_pipeline_may_leave_its_repo(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.create("first", "a")
    flow.drain("first")

    flow.pipelines.delete("first", keep_repo=True)

    assert flow.output("first") == {"a@main": "a0"}
    with flow.repos.get("first").commit("main") as commit:
        commit.put("/by-hand", "now")
    flow.create("first", "a")
    flow.drain("first")
    assert flow.output("first") == {"a@main": "a0"}


def test_a_pipeline_that_others_read_is_deleted_by_force_only_and_leaves_them_its_repo(flow: Flow) -> None:
    flow.source("a", "b")
    flow.put("a", "a0")
    flow.put("b", "b0")
    flow.create("first", "a")
    flow.create("second", "first", "b")
    flow.drain("first", "second")
    flow.put("a", "a1")

    with pytest.raises(PipelineInUse, match="is read by 'second'"):
        flow.pipelines.delete("first")
    flow.pipelines.delete("first", force=True)
    flow.put("b", "b1")
    flow.drain("second")

    assert flow.states("second")[-2:] == ["blocked", "succeeded"]
    assert flow.output("second") == {"first@main": {"a@main": "a0"}, "b@main": "b1"}


def test_listing_many_pipelines_takes_few_statements(flow: Flow) -> None:
    flow.source("a")
    for number in range(12):
        flow.create(f"p{number}", "a")

    with counted(flow.catalog) as statements:
        names = [one.name for one in flow.pipelines.list()]

    assert names == sorted(f"p{number}" for number in range(12))
    assert len(statements) <= 4
