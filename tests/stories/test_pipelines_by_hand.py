"""Pipelines from the command line: create, plan, wait, look, mend, update, run on old commits, and go back."""

import re
import shutil
from pathlib import Path

import pytest

import headwater as hw
from headwater.api.documents import SetInfo
from tests.stories.counting import REVIEWS, WORDS
from tests.stories.program import Command, stop_workers

JOB_FIELDS = {"id", "pipeline", "commit", "state", "datums", "started", "finished", "error"}


def test_pipelines_of_several_files_are_created_and_run_through(asked: Command) -> None:
    listed = asked("pipeline", "list", "--json").document["items"]
    shown = asked("pipeline", "show", "words", "--json").document
    jobs = asked("job", "list", "--json").document["items"]

    assert [one["name"] for one in listed] == ["total", "words"]
    assert shown in listed
    assert (shown["version"], shown["state"], shown["output"]) == (1, "running", "words@main")
    assert shown["last_state"] == "succeeded"
    assert all(set(job) >= JOB_FIELDS for job in jobs)
    assert {(job["pipeline"], job["state"]) for job in jobs} == {
        ("words", "succeeded"),
        ("total", "succeeded"),
    }
    assert asked("cat", "words@main:/1.txt").out == "3\n"
    assert asked("cat", "total@main:/total.txt").out == "9\n"


def test_one_more_file_runs_one_datum_and_all_that_follows_from_it(counted: Command) -> None:
    counted("put", "reviews@main:/4.txt", "-", stdin=b"Not my kind of film.")

    told = counted("job", "wait", "reviews@main", "--json").document

    by_pipeline = {job["pipeline"]: job["datums"] for job in told["jobs"]}
    assert (told["state"], len(told["jobs"])) == ("succeeded", 2)
    assert (by_pipeline["words"]["run"], by_pipeline["words"]["kept"]) == (1, 3)
    assert told["datums"]["run"] == 2
    assert len({job["set"] for job in told["jobs"]}) == 1
    assert counted("cat", "total@main:/total.txt").out == "14\n"


def test_what_a_person_reads_of_a_set_names_each_pipeline(asked: Command) -> None:
    told = asked("job", "wait", "reviews@main").out

    assert re.search(r"^succeeded: 4 run, 0 kept$", told, re.MULTILINE)
    assert re.search(r"^\w{12} +words +succeeded +3 run, 0 kept", told, re.MULTILINE)


def test_a_plan_says_beforehand_what_would_run_and_why(asked: Command, tmp_path: Path) -> None:
    changed, unknown = tmp_path / "words.py", tmp_path / "other.py"
    changed.write_text(WORDS.replace("counting", "seeing"))
    unknown.write_text(WORDS.replace("def words", "def other"))

    before = asked("pipeline", "plan", "-f", str(unknown), "--json").document
    rows = asked("pipeline", "plan", "-f", str(unknown), "--rows", "--json").document["items"]
    now = asked("pipeline", "plan", "words", "--json").document
    after = asked("pipeline", "plan", "-f", str(changed), "--json").document
    read = asked("pipeline", "plan", "-f", str(changed)).out

    assert (before["counts"], before["runs"], before["total"]) == ({"new": 3}, 3, 3)
    assert [(row["reason"], row["inputs"]) for row in rows] == [
        ("new", [f"reviews@main:/{name}"]) for name in REVIEWS
    ]
    assert (now["runs"], now["counts"]) == (0, {"kept": 3})
    assert (after["runs"], after["counts"]) == (3, {"code-changed": 3})
    assert re.search(r"^ +3 +run +the code changed$", read, re.MULTILINE)
    assert "other" not in [one["name"] for one in asked("pipeline", "list", "--json").document["items"]]


def test_an_update_runs_what_the_change_touches(counted: Command, tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(WORDS.replace('}\\n"', '} words\\n"'))

    updated = counted("pipeline", "update", "-f", "words.py", "--json").document["items"]
    told = counted("job", "wait", "words", "--json").document

    assert [one["version"] for one in updated] == [2]
    assert (told["datums"]["run"], told["version"]) == (3, 2)
    assert counted("cat", "words@main:/1.txt").out == "3 words\n"
    spec = counted("pipeline", "show", "words", "--spec").out
    assert "name: words" in spec


def test_a_failed_datum_is_named_with_its_log_and_runs_alone_when_it_is_mended(counted: Command) -> None:
    counted("put", "reviews@main:/5.txt", "-", stdin=b"caf\xe9")
    refused = counted("job", "wait", "reviews@main", "--json", status=1)
    [failed] = counted("job", "list", "--pipeline", "words", "--state", "failed", "--json").document["items"]
    [datum] = counted("job", "datums", failed["id"], "--state", "failed", "--json").document["items"]
    logs = counted("job", "logs", failed["id"], "--failed", "--json").document["items"]
    here = counted(
        "pipeline", "shell", "words", "--datum", datum["datum"], "--", "sh", "-c", "ls -R . && env"
    )
    counted("put", "reviews@main:/5.txt", "-", stdin="café".encode())
    mended = counted("job", "wait", "reviews@main", "--json").document

    assert "5.txt" in refused.error["message"]
    assert "job logs" in refused.error["hint"]
    assert failed["datums"]["failed"] == 1
    assert "5.txt" in datum["label"]
    assert any("counting" in line["line"] for line in logs)
    assert "5.txt" in here.out
    assert "HEADWATER_OUTPUT" in here.out
    [words] = [job for job in mended["jobs"] if job["pipeline"] == "words"]
    assert (words["datums"]["run"], words["datums"]["kept"]) == (1, 3)


def test_logs_can_be_searched(asked: Command) -> None:
    lines = asked("job", "logs", "--pipeline", "words", "--grep", "2.txt").out.splitlines()

    assert len(lines) == 1
    assert "counting 2.txt" in lines[0]


def test_a_pipeline_runs_on_an_older_commit_into_a_branch_of_its_own(counted: Command) -> None:
    counted("put", "reviews@main:/1.txt", "-", stdin=b"Changed.")
    counted("job", "wait", "reviews@main")

    job = counted("pipeline", "run", "words", "--at", "reviews=reviews@main^", "--branch", "before", "--json")
    counted("job", "wait", job.document["id"])

    assert counted("cat", "words@before:/1.txt").out == "3\n"
    assert counted("cat", "words@main:/1.txt").out == "1\n"


def test_what_was_run_aside_is_not_what_the_next_result_is_compared_with(
    counted: Command, tmp_path: Path
) -> None:
    counted("put", "reviews@main:/4.txt", "-", stdin=b"Great.")
    counted("job", "wait", "reviews@main")
    counted("pipeline", "run", "words", "--at", "reviews=reviews@main^", "--branch", "before")
    counted("job", "wait", "words")
    (tmp_path / "words.py").write_text(WORDS.replace("counting", "now counting"))

    plan = counted("pipeline", "plan", "-f", "words.py", "--json").document
    counted("put", "reviews@main:/5.txt", "-", stdin=b"Five.")
    done = counted("job", "wait", "reviews@main", "--json").document

    assert plan["counts"] == {"code-changed": 4}
    words = next(job for job in done["jobs"] if job["pipeline"] == "words")
    assert (words["datums"]["run"], words["datums"]["kept"]) == (1, 4)


def test_a_paused_pipeline_waits_and_goes_on_with_what_has_come(counted: Command) -> None:
    counted("pipeline", "pause", "words")
    counted("put", "reviews@main:/4.txt", "-", stdin=b"Quiet.")
    nothing = counted("job", "wait", "reviews@main", "--json").document
    counted("pipeline", "resume", "words")
    counted("job", "wait", "words")

    assert nothing["jobs"] == []
    assert counted("cat", "words@main:/4.txt").out == "1\n"


def test_why_leads_from_a_file_to_its_datum_its_inputs_and_the_code(asked: Command) -> None:
    head = asked("log", "reviews", "--json").document["items"][0]["id"]

    steps = asked("why", "words@main:/1.txt", "--json").document["items"]

    kinds = [step["kind"] for step in steps]
    assert kinds[:2] == ["file", "datum"]
    assert any(step["kind"] == "file" and step["ref"] == f"reviews@{head[:12]}:/1.txt" for step in steps)
    assert not any("/2.txt" in step["ref"] for step in steps)
    assert "code" in kinds
    assert "job" in kinds


def test_a_deleted_pipeline_is_gone_and_its_results_stay_where_that_is_wished(counted: Command) -> None:
    refused = counted("pipeline", "delete", "words", "--json", status=1)
    counted("pipeline", "delete", "total", "--keep-repo")
    kept = counted("pipeline", "delete", "words", "--json", status=1)
    counted("pipeline", "delete", "words", "--force")

    assert "total" in refused.error["message"]
    assert "--force" in kept.error["hint"]
    assert counted("pipeline", "list", "--json").document["items"] == []
    assert counted("cat", "total@main:/total.txt").out == "9\n"
    assert counted("repo", "show", "words", "--json", status=1).error["kind"] == "repo-not-found"


def test_a_branch_follows_another_one_when_enough_has_come_together(counted: Command) -> None:
    counted("branch", "create", "reviews@inbox", "--at", "reviews@main")
    counted("branch", "create", "reviews@ready", "--trigger", "inbox", "--commits", "2")

    branches = counted("branch", "list", "reviews", "--json").document["items"]
    for number in (7, 8):
        counted("put", f"reviews@inbox:/{number}.txt", "-", stdin=b"More.")
    after = {one["name"]: one for one in counted("branch", "list", "reviews", "--json").document["items"]}

    [ready] = [one for one in branches if one["name"] == "ready"]
    assert ready["trigger"]["branch"] == "inbox"
    assert ready["trigger"]["commits"] == 2
    assert after["ready"]["commit"] == after["inbox"]["commit"]


def test_a_rerun_computes_everything_anew_where_that_is_wished(counted: Command) -> None:
    kept = counted("pipeline", "rerun", "words", "--json").document
    counted("job", "wait", kept["id"])
    forced = counted("pipeline", "rerun", "words", "--reprocess", "--json").document
    told = counted("job", "wait", forced["id"], "--json").document

    assert counted("job", "show", kept["id"][:12], "--json").document["datums"]["run"] == 0
    assert (told["id"], told["datums"]["run"]) == (forced["id"], 3)


def test_a_job_that_is_cancelled_takes_along_what_waits_for_it(counted: Command, tmp_path: Path) -> None:
    (tmp_path / "slow.yaml").write_text(
        "name: slow\ninput: {files: {repo: reviews, glob: /*}}\ntransform: {command: sleep 600}\nparallelism: 1\n"
        "---\nname: after\ninput: {files: {repo: slow, glob: /*}}\ntransform: {command: ls}\n"
    )
    created = counted("pipeline", "create", "-f", "slow.yaml", "--allow-empty", "--json").document["items"]
    job = next(one["last_job"] for one in created if one["name"] == "slow")

    cancelled = counted("job", "cancel", job, "--json").document
    refused = counted("job", "wait", "slow", "--json", status=1)
    behind = counted("job", "list", "--pipeline", "after", "--json").document["items"]

    assert cancelled["state"] == "cancelled"
    assert "cancelled" in refused.error["message"]
    assert [one["state"] for one in behind] == ["blocked"]
    assert counted("job", "cancel", job, "--json").document == cancelled


def test_logs_are_followed_until_the_job_has_ended(counted: Command) -> None:
    counted("put", "reviews@main:/9.txt", "-", stdin=b"Late.")

    lines = counted("job", "logs", "--pipeline", "words", "--follow", "--json").document["items"]

    assert [line["line"] for line in lines] == ["counting 9.txt"]
    assert (
        counted("job", "list", "--pipeline", "words", "--json").document["items"][0]["state"] == "succeeded"
    )


def test_of_several_pipelines_all_are_created_or_none(counted: Command, tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(
        "name: first\ninput: {files: reviews}\ntransform: {command: ls}\n"
        "---\nname: second\ninput: {files: nowhere}\ntransform: {command: ls}\n"
    )

    refused = counted("pipeline", "create", "-f", "two.yaml", "--json", status=1)

    assert "nowhere" in refused.error["message"]
    assert [one["name"] for one in counted("pipeline", "list", "--json").document["items"]] == [
        "total",
        "words",
    ]
    assert "first" not in [one["name"] for one in counted("repo", "list", "--json").document["items"]]


def test_a_clock_ticks_when_it_is_asked_to(counted: Command, tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text(
        "name: nightly\ninput: {cron: {schedule: '@never', name: tick}}\n"
        'transform: {command: cp "$HEADWATER_INPUT"/tick/* "$HEADWATER_OUTPUT"/}\n'
    )
    counted("pipeline", "create", "-f", "nightly.yaml")

    job = counted("pipeline", "tick", "nightly", "--json").document
    counted("job", "wait", job["id"])

    assert len(counted("ls", "nightly@main", "--json").document["items"]) == 1


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (("pipeline", "show", "wrods"), "pipeline-not-found", "'words'"),
        (("pipeline", "rerun", "wrods"), "pipeline-not-found", "'words'"),
        (("pipeline", "plan", "wrods"), "pipeline-not-found", "'words'"),
        (("pipeline", "plan"), "invalid-input", "-f"),
        (("pipeline", "pause", "wrods"), "pipeline-not-found", "'words'"),
        (("pipeline", "delete", "wrods"), "pipeline-not-found", "'words'"),
        (("pipeline", "run", "words", "--at", "reviews"), "invalid-input", "'reviews' is not INPUT=REF"),
        (("pipeline", "run", "words", "--at", "revews=reviews@main"), None, "reviews"),
        (("pipeline", "tick", "words"), None, "cron"),
        (("pipeline", "shell", "words", "--datum", "ffffffff"), None, "job datums"),
        (("pipeline", "create", "-f", "nowhere.yaml"), None, "nowhere.yaml"),
        (("job", "list", "--pipeline", "wrods"), "pipeline-not-found", "'words'"),
        (("job", "list", "--state", "fialed"), "invalid-input", "'failed'"),
        (("job", "list", "--cursor", "x"), "invalid-input", "cursor"),
        (("job", "show", "0000"), "job-not-found", "job list"),
        (("job", "wait", "0000"), "job-not-found", "job, pipeline, commit or commit set"),
        (("job", "wait", "reviews@mian"), "ref-not-found", "main"),
        (("job", "logs"), "invalid-input", "--pipeline"),
        (("job", "logs", "--pipeline", "wrods"), "pipeline-not-found", "'words'"),
        (("job", "datums", "0000"), "job-not-found", "job list"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_what_does(
    asked: Command, words: tuple[str, ...], kind: str | None, says: str
) -> None:
    ended = asked(*words, "--json", status=1)

    assert kind is None or ended.error["kind"] == kind
    assert says in ended.error["message"] + ended.error["hint"]


def test_in_python_a_commit_is_waited_for_with_all_that_it_caused(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(WORDS)
    with hw.open(tmp_path, create=True) as workspace:
        reviews = workspace.repo("reviews", create=True)
        workspace.pipelines.create(tmp_path / "words.py")
        workspace.pipelines.create(
            {
                "name": "copy",
                "input": {"files": {"repo": "words", "glob": "/*"}},
                "transform": {"command": 'cp "$HEADWATER_INPUT"/words/* "$HEADWATER_OUTPUT"/'},
            }
        )
        with reviews.commit("main") as commit:
            commit.put("/1.txt", "A fine film.")

        done = workspace.jobs.wait(commit)

        assert isinstance(done, SetInfo)
        assert (done.id, done.state, done.datums.run) == (commit.set, "succeeded", 2)
        assert workspace.repo("copy").at("main").read("/1.txt") == b"3\n"
        assert [job.pipeline for job in done.jobs] == ["words", "copy"]
    stop_workers(tmp_path)


def test_in_python_a_plan_takes_a_function_and_datums_and_logs_take_a_job(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)

    @hw.pipeline(input=hw.files("reviews", glob="/*"))
    def sizes(reviews: hw.Input, out: hw.Output) -> None:
        out.write(reviews.file.name, str(reviews.file.size))

    with hw.open(tmp_path) as workspace:
        plan = workspace.pipelines.plan(sizes)
        rows = list(workspace.pipelines.plan_rows(sizes))
        job = workspace.jobs.wait(workspace.pipelines.get("words"))
        datums = list(workspace.jobs.datums(job))
        lines = list(workspace.jobs.logs(job))

    assert (plan.pipeline, plan.counts) == ("sizes", {"new": 3})
    assert [row.reason for row in rows] == ["new"] * 3
    assert len(datums) == len(lines) == 3
