"""Clocks as inputs, and branches that follow others: what ticks when, and that nothing ticks twice or never."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.pipelines.dag.following import is_met
from headwater.pipelines.dag.schedule import moment_name, schedule_of
from headwater.pipelines.errors import (
    InvalidRun,
    InvalidSchedule,
    InvalidSpec,
    InvalidTrigger,
    PipelineInUse,
)
from headwater.pipelines.spec import BranchTrigger, CronInput, FilesInput, LoadedSpec, read_trigger
from headwater.repos import BranchOwned, InUse
from tests.clocks import HandClock
from tests.pipelines.dag.conftest import Flow, open_flow, spec_over

BEGIN = 1_800_000_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture
def clock() -> HandClock:
    return HandClock(BEGIN)


@pytest.fixture
def flow(tmp_path: Path, catalog_url: str, clock: HandClock) -> Iterator[Flow]:
    with open_flow(tmp_path, catalog_url, clock=clock) as flow:
        yield flow


def ticking(schedule: str = "@every 10s", *, overwrite: bool = False, name: str = "report") -> LoadedSpec:
    clock = CronInput("tick", schedule, f"{name}-tick", overwrite=overwrite)
    return LoadedSpec(spec_over(name, "a", input=clock))


def ticks(flow: Flow, repo: str = "report-tick") -> list[str]:
    if not flow.repos.get(repo).log().items:
        return []
    return [file.path for file in flow.repos.get(repo).at("main").walk()]


# --- schedules ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/5 * * * *", "2027-01-15T08:05:00Z"),
        ("0 3 * * *", "2027-01-16T03:00:00Z"),
        ("@hourly", "2027-01-15T09:00:00Z"),
        ("@daily", "2027-01-16T00:00:00Z"),
        ("@every 10s", "2027-01-15T08:00:10Z"),
        ("@every 1h30m", "2027-01-15T09:00:00Z"),
    ],
)
def test_a_schedule_tells_its_next_moment(text: str, expected: str) -> None:
    found = schedule_of(text).next_after(BEGIN)

    assert found is not None
    assert moment_name(found) == expected


@pytest.mark.parametrize("text", ["", "every day", "61 * * * *", "@fortnightly", "@every soon", "@every 0s"])
def test_what_is_no_schedule_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        schedule_of(text)

    assert "0 3 * * *" in caught.value.hint


@given(
    text=st.sampled_from(["*/7 * * * *", "0 3 * * 1", "@every 17s", "@hourly", "30 4 29 2 *"]),
    ms=st.integers(BEGIN, BEGIN + 10**10),
    later=st.integers(0, 10**10),
)
def test_the_last_moment_until_a_time_is_the_one_whose_next_comes_after_it(
    text: str, ms: int, later: int
) -> None:
    schedule = schedule_of(text)
    first = schedule.next_after(ms)
    assert first is not None

    last = schedule.last_until(first + later, since=first)

    following = schedule.next_after(last)
    assert first <= last <= first + later
    assert following is not None
    assert following > first + later


# --- clocks as inputs ---


def test_a_tick_is_a_commit_of_a_file_named_by_its_time_and_starts_a_job(
    flow: Flow, clock: HandClock
) -> None:
    flow.pipelines.create(ticking())
    flow.work()
    before = ticks(flow)

    clock.sleep(10)
    flow.work()
    clock.sleep(10)
    flow.work()
    ran = flow.drain("report")

    assert before == []
    assert ticks(flow) == ["/2027-01-15T08:00:10Z", "/2027-01-15T08:00:20Z"]
    assert ran == 1
    assert len(flow.jobs("report")) == 2


def test_with_overwrite_only_the_last_tick_is_there(flow: Flow, clock: HandClock) -> None:
    flow.pipelines.create(ticking(overwrite=True))

    for _ in range(2):
        clock.sleep(10)
        flow.work()

    assert ticks(flow) == ["/2027-01-15T08:00:20Z"]


def test_after_a_time_without_workers_one_tick_stands_for_all(flow: Flow, clock: HandClock) -> None:
    flow.pipelines.create(ticking())

    clock.sleep(95)
    flow.work()
    clock.sleep(5)
    flow.work()

    assert ticks(flow) == ["/2027-01-15T08:01:30Z", "/2027-01-15T08:01:40Z"]


def test_a_paused_pipeline_does_not_tick_until_it_is_resumed(flow: Flow, clock: HandClock) -> None:
    flow.pipelines.create(ticking())
    flow.pipelines.pause("report")
    clock.sleep(30)
    flow.work()
    clock.sleep(5)
    before = ticks(flow)

    flow.pipelines.resume("report")
    clock.sleep(10)
    flow.work()

    assert before == []
    assert ticks(flow) == ["/2027-01-15T08:00:40Z"]


def test_another_schedule_is_kept_from_the_update_on(flow: Flow, clock: HandClock) -> None:
    flow.pipelines.create(ticking("@every 10s"))

    flow.pipelines.update(ticking("@every 1m"))
    for _ in range(7):
        clock.sleep(10)
        flow.work()

    assert ticks(flow) == ["/2027-01-15T08:01:00Z"]


def test_a_clock_ticks_by_hand_too_and_one_that_never_ticks_only_so(flow: Flow, clock: HandClock) -> None:
    flow.source("a")
    flow.create("plain", "a")
    flow.pipelines.create(ticking("never"))
    clock.ms += 1_234

    job = flow.pipelines.tick("report")
    clock.sleep(100_000)
    flow.work()

    assert ticks(flow) == ["/2027-01-15T08:00:01.234Z"]
    assert [row.id for row in flow.jobs("report")] == [job.id]
    with pytest.raises(InvalidRun, match="has no cron input"):
        flow.pipelines.tick("plain")


def test_the_clock_of_a_deleted_pipeline_stops_and_its_repo_goes(flow: Flow, clock: HandClock) -> None:
    flow.pipelines.create(ticking())
    clock.sleep(10)
    flow.work()

    flow.pipelines.delete("report")
    clock.sleep(10)
    flow.work()

    assert not flow.repos.exists("report-tick")
    assert not flow.repos.exists("report")
    assert flow.queue.counts()["delayed"] == 0


def test_ticks_that_others_read_stay_with_those_when_their_pipeline_is_deleted_by_force(flow: Flow) -> None:
    flow.pipelines.create(ticking())
    flow.pipelines.tick("report")
    flow.create("times", "report-tick")

    with pytest.raises(PipelineInUse, match="its repo 'report-tick' is read by 'times'"):
        flow.pipelines.delete("report")
    removal = flow.pipelines.delete("report", force=True).removal

    assert removal is not None
    assert (removal.repos, removal.kept, removal.because) == (["report"], "report-tick", "times reads it")
    assert len(ticks(flow)) == 1
    assert not flow.repos.exists("report")


def test_ticks_stay_with_the_results_where_those_are_to_stay(flow: Flow) -> None:
    flow.pipelines.create(ticking())
    flow.create("times", "report-tick")

    removal = flow.pipelines.delete("report", keep_repo=True).removal

    assert removal is not None
    assert (removal.repos, removal.kept) == ([], "report")
    assert flow.repos.exists("report-tick")


def test_ticks_do_not_go_where_somebody_has_data(flow: Flow) -> None:
    flow.source("report-tick")

    with pytest.raises(InvalidSpec, match="which is there already"):
        flow.pipelines.create(ticking())


# --- branches that follow others ---


@pytest.mark.parametrize(
    ("trigger", "seen", "expected"),
    [
        (BranchTrigger("main", commits=3), (2, 0, False), False),
        (BranchTrigger("main", commits=3), (3, 0, False), True),
        (BranchTrigger("main", commits=3, size=10), (1, 10, False), True),
        (BranchTrigger("main", commits=3, size=10, all=True), (1, 10, False), False),
        (BranchTrigger("main", commits=3, size=10, all=True), (3, 10, False), True),
        (BranchTrigger("main", cron="@daily"), (5, 10, False), False),
        (BranchTrigger("main", cron="@daily"), (0, 0, True), False),
        (BranchTrigger("main", cron="@daily"), (1, 0, True), True),
        (BranchTrigger("main", cron="@daily", commits=2, all=True), (1, 0, True), False),
    ],
)
def test_a_trigger_fires_on_any_or_on_all(
    trigger: BranchTrigger, seen: tuple[int, int, bool], expected: bool
) -> None:
    commits, size, due = seen

    assert is_met(trigger, commits=commits, size=size, due=due) is expected


def test_a_branch_follows_after_so_many_commits_and_starts_jobs_in_the_same_set(flow: Flow) -> None:
    flow.source("a")
    triggers = flow.pipelines.triggers
    triggers.set("a", "ready", BranchTrigger("main", commits=3))
    flow.create("first", "a@ready")

    sets = [flow.put("a", f"a{number}") for number in range(7)]
    flow.drain("first")

    assert triggers.get("a") == {"ready": BranchTrigger("main", commits=3)}
    assert [row.set_id for row in flow.jobs("first")] == [sets[2], sets[5]]
    assert flow.output("first") == {"a@ready": "a5"}


def test_a_branch_follows_after_so_many_bytes(flow: Flow) -> None:
    flow.source("a")
    flow.pipelines.triggers.set("a", "ready", BranchTrigger("main", size=100))

    flow.put("a", "x" * 60)
    flow.put("a", "x" * 50)
    early = flow.repos.named("a", "ready").commit
    flow.put("a", "x" * 90)

    assert early is None
    assert flow.repos.named("a", "ready").commit == flow.repos.resolve("a@main").id


def test_a_branch_follows_by_a_schedule_when_there_is_something_new(flow: Flow, clock: HandClock) -> None:
    flow.source("a")
    flow.pipelines.triggers.set("a", "nightly", BranchTrigger("main", cron="@hourly"))
    flow.create("first", "a@nightly")
    flow.put("a", "a0")
    flow.put("a", "a1")

    for _ in range(3):
        clock.sleep(3_600)
        flow.work()
    late = flow.put("a", "a2")

    assert len(flow.jobs("first")) == 2  # one by the clock, one that had been due since
    flow.drain("first")
    assert flow.output("first") == {"a@nightly": "a2"}
    assert flow.jobs("first")[-1].set_id == late


def test_branches_may_follow_one_another_but_not_in_a_circle(flow: Flow) -> None:
    flow.source("a")
    triggers = flow.pipelines.triggers
    triggers.set("a", "second", BranchTrigger("main", commits=2))
    triggers.set("a", "third", BranchTrigger("second", commits=2))

    for number in range(5):
        flow.put("a", f"a{number}")

    assert flow.saw(flow.repos.resolve("a@third").id) == "a3"
    with pytest.raises(InvalidTrigger, match="main → third → second → main"):
        triggers.set("a", "main", BranchTrigger("third", commits=1))
    with pytest.raises(InvalidTrigger, match="would never follow"):
        triggers.set("a", "fourth", BranchTrigger("main"))


def test_a_deleted_branch_follows_no_more_and_one_that_is_followed_stays(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    flow.repos.get("a").create_branch("staging", "main")
    triggers = flow.pipelines.triggers
    triggers.set("a", "ready", BranchTrigger("staging", commits=1))

    with pytest.raises(InUse, match="branch 'ready' follows it"):
        flow.repos.get("a").delete_branch("staging")
    flow.repos.get("a").delete_branch("ready")

    assert triggers.get("a") == {}
    flow.repos.get("a").delete_branch("staging")


def test_an_input_brings_its_trigger_and_begins_at_what_it_follows(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a0")
    trigger = BranchTrigger("main", commits=2)
    spec = spec_over("first", "a", input=FilesInput("in0", "a", "batches", "/*", trigger=trigger))

    flow.pipelines.create(LoadedSpec(spec))
    flow.drain("first")
    begun = flow.output("first")
    flow.put("a", "a1")
    flow.put("a", "a2")
    flow.drain("first")

    assert begun == {"a@batches": "a0"}
    assert flow.output("first") == {"a@batches": "a2"}
    with pytest.raises(InvalidTrigger, match="an input of a pipeline has the trigger"):
        flow.pipelines.triggers.remove("a", "batches")
    flow.pipelines.delete("first")
    assert flow.pipelines.triggers.get("a") == {}


def test_a_pipelines_output_follows_nothing(flow: Flow) -> None:
    flow.source("a")
    flow.create("first", "a")

    with pytest.raises(BranchOwned):
        flow.pipelines.triggers.set("first", "main", BranchTrigger("other", commits=1))


def test_nobody_but_its_pipeline_commits_to_the_repo_of_a_clock(flow: Flow) -> None:
    flow.pipelines.create(ticking())
    repo = flow.repos.get("report-tick")

    hints = []
    for write in (lambda: repo.commit("main"), lambda: repo.start("main"), lambda: repo.changes("main")):
        with pytest.raises(
            BranchOwned, match="Only the pipeline 'report' writes 'report-tick@main'"
        ) as caught:
            write()
        hints.append(caught.value.hint)
    flow.pipelines.tick("report")

    assert all("headwater pipeline show report" in hint for hint in hints)
    assert len(ticks(flow)) == 1


def test_a_trigger_with_mistakes_is_told_in_the_words_of_who_gave_it() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_trigger({"branch": "inbox", "size": "12 apples", "commits": -1}, "nightly")

    assert caught.value.message.startswith("The trigger of the branch 'nightly' has 2 mistakes:")
    assert [one["field"] for one in caught.value.details] == ["commits", "size"]
    assert "--commits" in caught.value.hint
